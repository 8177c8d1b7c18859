{# The class of the first winner of each sample, and whether it is what is shown #}
{% extends 'common_group.cpp' %}
{% from 'decision.cpp' import decide with context %}

{% block maincode %}
    constexpr int _BATCH = {{memory_shape[0]}}, _CHANNELS = {{memory_shape[3]}};
    constexpr int _EACH = {{memory_shape[1]}} * {{memory_shape[2]}} * _CHANNELS;
    for (int _sample = 0; _sample < _BATCH; _sample++)
    {
        {{decide()|indent(8)}}
    }
{% endblock %}
