{# Add to the channel, sample, position or map of each neuron of a feature map that spiked: a block for each
   of them looks at the flags of its neurons, in their order #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import each, keep, kernel, launch with context %}

{% block kernels %}
{% call kernel('clear', 256, 'int32_t* const _flags,') %}
    {{each(n_neurons)}}
    _flags[_idx] = 0;
{% endcall %}
{% call kernel('mark', 256, 'int32_t* const _flags,') %}
    const int _spike = blockIdx.x * blockDim.x + threadIdx.x;
    if (_spike < {{get_array_name(_spikes_var)}}[{{n_neurons}}]) _flags[{{get_array_name(_spikes_var)}}[_spike]] = 1;
{% endcall %}
{% call kernel('add', 128, 'const int32_t* const _flags,') %}
    constexpr int _POSITIONS = {{memory_shape[1] * memory_shape[2]}}, _CHANNELS = {{memory_shape[3]}};
    {% set _size = {'channel': memory_shape[0] * memory_shape[1] * memory_shape[2], 'sample': memory_shape[1] * memory_shape[2] * memory_shape[3], 'position': memory_shape[3], 'map': n_neurons}[per] %}
    const int _idx = blockIdx.x;
    {% for addition, target in additions %}
    {{accumulator(target.dtype)}} _sum{{loop.index0}} = 0;
    {% endfor %}
    {
        const int _vectorisation_idx = -1;
        {{scalar_code|autoindent}}
        for (int _n = threadIdx.x; _n < {{_size}}; _n += 128)
        {
            const int _map_idx = {{'_n * _CHANNELS + _idx' if per == 'channel' else '_idx * %d + _n' % _size}};
            if (!_flags[_map_idx]) continue;
            const int _map_channel_idx = _map_idx % _CHANNELS, _map_position_idx = _map_idx / _CHANNELS, _map_sample_idx = _map_position_idx / _POSITIONS;
            const int _vectorisation_idx = _map_idx;
            {{vector_code|autoindent}}
            {% for addition, target in additions %}
            _sum{{loop.index0}} += {{addition}};
            {% endfor %}
        }
    }
    {% for addition, target in additions %}
    {% set _type = accumulator(target.dtype) %}
    __shared__ {{_type}} _lanes{{loop.index0}}[128];
    _sum{{loop.index0}} = _combined<128>(_lanes{{loop.index0}}, threadIdx.x, _sum{{loop.index0}}, []({{_type}} _a, {{_type}} _b) { return _a + _b; });
    if (threadIdx.x == 0) {{get_array_name(target)}}[_idx] += _sum{{loop.index0}};
    {% endfor %}
{% endcall %}
{% endblock %}

{% block scratch %}
{{keep('int32_t', '_flags', n_neurons)}}
{% endblock %}

{% block launches %}
{% set _elements = {'channel': memory_shape[3], 'sample': memory_shape[0], 'position': memory_shape[0] * memory_shape[1] * memory_shape[2], 'map': 1}[per] %}
{{launch('clear', (n_neurons + 255) // 256, 256, '_flags,')}}
{{launch('mark', (n_neurons + 255) // 256, 256, '_flags,')}}
{{launch('add', _elements, 128, '_flags,')}}
{% endblock %}
