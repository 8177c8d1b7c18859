{# Tell all windows that hold a spike of the source map: a thread for each spike; several may tell a window #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import kernel, launch with context %}
{% from 'windows_around.cpp' import tell_windows with context %}

{% block kernels %}
{% call kernel('tell') %}
    const int32_t* const _spikes = {{get_array_name(_spikes_var)}};
    const int _spike = blockIdx.x * blockDim.x + threadIdx.x;
    if (_spike >= _spikes[{{n_neurons}}]) return;
    const int _neuron = _spikes[_spike];
    {{tell_windows()|indent(4)}}
{% endcall %}
{% endblock %}

{% block launches %}
{{launch('tell', (n_neurons + 255) // 256)}}
{% endblock %}
