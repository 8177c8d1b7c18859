{# The frame of a spike pathway: child templates say whose spikes they are, the `_side`. Each element that
   it changes gathers over its connections, so that the order of spikes doesn't matter; where a connection
   has a kernel element to itself, it changes it at once. Spikes on their way are flags in a ring, one round
   of the neurons for each step. #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import each, keep, kernel, launch with context %}
{% from 'conv_indices.cpp' import constants with context %}
{% from 'gather.cu' import connections_of with context %}

{% block kernels %}
{% call kernel('clear', 256, 'int32_t* const _flags, int* const _slot,') %}
    {{each(n_neurons + 1)}}  // the last counts them
    {% if slots %}
    if (_idx == 0) _slot[0] = {{_queue_slot}};
    {{_queue}}[(size_t) {{_queue_slot}} * {{n_neurons + 1}} + _idx] = 0;
    {% else %}
    _flags[_idx] = 0;
    {% endif %}
{% endcall %}
{% call kernel('mark', 256, 'int32_t* const _flags, const int* const _slot,') %}
    const int _spike = blockIdx.x * blockDim.x + threadIdx.x;
    if (_spike >= {{get_array_name(_spikes_var)}}[{{n_stored}}]) return;
    const int _neuron = {{get_array_name(_spikes_var)}}[_spike] - {{first_neuron}};
    if (_neuron < 0 || _neuron >= {{n_neurons}}) return;
    {% if slots %}
    {{_queue}}[(size_t) _slot[0] * {{n_neurons + 1}} + _neuron] = 1;
    atomicAdd(&{{_queue}}[(size_t) _slot[0] * {{n_neurons + 1}} + {{n_neurons}}], 1);
    {% else %}
    _flags[_neuron] = 1;
    atomicAdd(&_flags[{{n_neurons}}], 1);
    {% endif %}
{% endcall %}
{% macro arrived() %}
    {% if slots and ages|length == 1 %}
    const int32_t* const _arriving = {{_queue}} + (size_t) ((_slot[0] + {{slots - ages[0]}}) % {{slots}}) * {{n_neurons + 1}};
    {% elif not slots %}
    const int32_t* const _arriving = _flags;
    {% endif %}
    {% if ages|length == 1 %}
    if (_arriving[{{n_neurons}}] == 0) return;
    {% endif %}
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
{% endmacro %}
{% macro skip_others() %}
        {% if ages|length > 1 %}
        if (!{{_queue}}[(size_t) ((_slot[0] + {{slots}} - {{_steps}}[_kernel_idx]) % {{slots}}) * {{n_neurons + 1}} + _{{_side}}_idx]) continue;
        {% else %}
        if (!_arriving[_{{_side}}_idx]) continue;
        {% endif %}
{% endmacro %}
{% if at_once %}
{% call kernel('change', 64, 'const int32_t* const _flags, const int* const _slot,') %}
    {{constants(geometry, batch_size)|indent(4)}}
    {{arrived()}}
{% call connections_of(gathered(geometry, batch_size, '_kernel_idx')) %}
        {{skip_others()}}
        {{vector_code|join('\n')|indent(8)}}
        {% for addition, target, index in additions %}
        atomicAdd(&{{get_array_name(target)}}[{{index}}], {{addition}});
        {% endfor %}
{% endcall %}
{% endcall %}
{% else %}
{% for addition, target, index in additions %}
{% set _type = c_data_type(target.dtype) %}
{% call kernel('add%d' % loop.index0, 64, 'const int32_t* const _flags, const int* const _slot,') %}
    {{constants(geometry, batch_size)|indent(4)}}
    __shared__ {{_type}} _lanes[64];
    {{_type}} _sum = 0;
    {{arrived()}}
{% call connections_of(gathered(geometry, batch_size, index)) %}
        {{skip_others()}}
        {{vector_code|join('\n')|indent(8)}}
        _sum += {{addition}};
{% endcall %}
    _sum = _combined<64>(_lanes, threadIdx.x, _sum, []({{_type}} _a, {{_type}} _b) { return _a + _b; });
    if (threadIdx.x == 0 && _sum != 0) {{get_array_name(target)}}[blockIdx.x{{' + %d' % pre_start if index == '_pre_sub_idx'}}] += _sum;
{% endcall %}
{% endfor %}
{% endif %}
{% if slots %}
{% call kernel('advance', 32, 'const int* const _slot,') %}
    if (threadIdx.x == 0) {{_queue_slot}} = (_slot[0] + 1) % {{slots}};
{% endcall %}
{% endif %}
{% endblock %}

{% block scratch %}
{{keep('int', '_slot', 1)}}
{{keep('int32_t', '_flags', 1 if slots else n_neurons + 1)}}
{% endblock %}

{% block launches %}
{{launch('clear', (n_neurons + 256) // 256, 256, '_flags, _slot,')}}
{{launch('mark', (n_stored + 255) // 256, 256, '_flags, _slot,')}}
{% if at_once %}
{{launch('change', gathered(geometry, batch_size, '_kernel_idx').n_elements, 64, '_flags, _slot,')}}
{% endif %}
{% for addition, target, index in additions if not at_once %}
{{launch('add%d' % loop.index0, gathered(geometry, batch_size, index).n_elements, 64, '_flags, _slot,')}}
{% endfor %}
{% if slots %}
{{launch('advance', 1, 32, '_slot,')}}
{% endif %}
{% endblock %}
