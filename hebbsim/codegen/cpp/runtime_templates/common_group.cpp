{# C++ in runtime mode: the frame around the loop nests of templates/cpp, and around Brian2's own #}
{% macro _head() %}
#include <climits>
#include <cmath>
#include <cstdint>
#include <cstring>
%HEADERS%
{{ openmp_pragma('include') }}
{% block extra_headers %}
{% endblock %}
#define int_(x) ((int)(x))

namespace {
    {{support_code_lines|autoindent}}
}
{{hashdefine_lines|autoindent}}

extern "C" void run(void** _arguments)
{
    %ARGUMENTS%
    {{pointers_lines|autoindent}}
    {{ openmp_pragma('set_num_threads') }}
{% endmacro %}

{% macro run() %}
{{_head()}}
    {% block maincode %}
    {% endblock %}
}
{% endmacro %}

{% macro after_run() %}
{{_head()}}
    {% block after_code %}
    // EMPTY_CODE_BLOCK
    {% endblock %}
}
{% endmacro %}
