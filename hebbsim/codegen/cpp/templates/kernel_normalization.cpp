{# Normalise the filters of a kernel in the steps in which a condition holds #}
{% extends 'common_group.cpp' %}
{% from 'filter_norms.cpp' import normalize_filters with context %}

{% block maincode %}
    constexpr int _ELEMENTS = {{geometry.kernel_elements}}, _FAN_IN = {{geometry.fan_in}}, _OUT_CHANNELS = {{geometry.out_channels}};
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {{vector_code|autoindent}}
    if (_now)
    {
        {{normalize_filters()|indent(8)}}
    }
{% endblock %}
