{# The class of the first winner of each sample, and whether it is what is shown: a thread for each sample #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import each, kernel, launch with context %}
{% from 'decision.cpp' import decide with context %}

{% block kernels %}
{% call kernel('decide', 128) %}
    constexpr int _BATCH = {{memory_shape[0]}}, _CHANNELS = {{memory_shape[3]}};
    constexpr int _EACH = {{memory_shape[1]}} * {{memory_shape[2]}} * _CHANNELS;
    {{each('_BATCH')}}
    const int _sample = _idx;
    {{decide()|indent(4)}}
{% endcall %}
{% endblock %}

{% block launches %}
{{launch('decide', (memory_shape[0] + 127) // 128, 128)}}
{% endblock %}
