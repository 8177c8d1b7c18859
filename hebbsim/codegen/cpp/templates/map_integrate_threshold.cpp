{# A step of the neurons' equations, and which of them then cross their threshold, in one pass #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}
{% from 'gather_spikes.cpp' import forget_spikes, gather_spikes with context %}

{% block extra_headers %}
#include <cstring>
{% endblock %}

{% block maincode %}
    const int _vectorisation_idx = -1;
    {# what each takes out of its loop is numbered anew #}
    {{scalar_code['update']|join('\n')|replace('_lio_', '_lio_update_')|indent(4)}}
    {
        {{scalar_code['threshold']|join('\n')|indent(8)}}
        {% set _update = vector_code['update']|join('\n')|replace('_lio_', '_lio_update_') %}
        {{gather_spikes(['{', _update, '}'] + vector_code['threshold'])|indent(8)}}
    }
{% endblock %}

{% block after_code %}
{{forget_spikes()}}
{% endblock %}
