{# Which neurons cross their threshold #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}
{% from 'gather_spikes.cpp' import forget_spikes, gather_spikes with context %}

{% block extra_headers %}
#include <cstring>
{% endblock %}

{% block maincode %}
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {{gather_spikes(vector_code)|indent(4)}}
{% endblock %}

{% block after_code %}
{{forget_spikes()}}
{% endblock %}
