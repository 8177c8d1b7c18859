{# Sum an expression over the samples, for each kernel element #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    constexpr int _ELEMENTS = {{n_elements}}, _BATCH = {{batch_size}}, _BLOCK = 512;
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {{parallel(batch_size * n_elements)}}
    for (int _first = 0; _first < _ELEMENTS; _first += _BLOCK)
    {
        const int _last = std::min(_first + _BLOCK, _ELEMENTS);
        {{accumulator(_target_var.dtype)}} _sum[_BLOCK] = {0};
        for (int _sample = 0; _sample < _BATCH; _sample++)
            for (int _kernel_idx = _first; _kernel_idx < _last; _kernel_idx++)
            {
                const int _sample_kernel_idx = _sample * _ELEMENTS + _kernel_idx;
                const int _pre_sample_idx = _sample, _post_sample_idx = _sample;
                const size_t _vectorisation_idx = _sample_kernel_idx;
                {{vector_code|join('\n')|indent(16)}}
                _sum[_kernel_idx - _first] += _synaptic_var;
            }
        for (int _kernel_idx = _first; _kernel_idx < _last; _kernel_idx++)
            {{get_array_name(_target_var)}}[_kernel_idx] = _sum[_kernel_idx - _first];
    }
{% endblock %}
