{# C++ in runtime mode: the frame around the loop nests of templates/cpp #}
{% macro run() %}
#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>
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
    {% block maincode %}
    {% endblock %}
}
{% endmacro %}
