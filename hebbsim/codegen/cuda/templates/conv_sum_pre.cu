{# Each presynaptic neuron sums over its projective field: transposed convolution, feedback #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import kernel, launch, results, write_results with context %}
{% from 'conv_indices.cpp' import constants with context %}
{% from 'gather.cu' import connections_of with context %}

{% block kernels %}
{% set _type = accumulator(_target_var.dtype) %}
{% call kernel('sum', 64, '%s* const _results,' % c_data_type(_target_var.dtype)) %}
    {{constants(geometry, batch_size)|indent(4)}}
    __shared__ {{_type}} _lanes[64];
    {{_type}} _sum = 0;
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
{% call connections_of(gathered(geometry, batch_size, '_pre_idx')) %}
        {{vector_code|join('\n')|indent(8)}}
        _sum += _synaptic_var;
{% endcall %}
    _sum = _combined<64>(_lanes, threadIdx.x, _sum, []({{_type}} _a, {{_type}} _b) { return _a + _b; });
    if (threadIdx.x == 0) _results[blockIdx.x] = _sum;
{% endcall %}
{% endblock %}

{% block scratch %}
{{results()}}
{% endblock %}

{% block launches %}
{{launch('sum', gathered(geometry, batch_size, '_pre_idx').n_elements, 64, '_results,')}}
{{write_results()}}
{% endblock %}
