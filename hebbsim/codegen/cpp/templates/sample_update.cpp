{# Run statements on each kernel element of each sample #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    constexpr int _ELEMENTS = {{n_elements}}, _BATCH = {{batch_size}};
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {{parallel(batch_size * n_elements)}}
    for (int _sample = 0; _sample < _BATCH; _sample++)
        for (int _kernel_idx = 0; _kernel_idx < _ELEMENTS; _kernel_idx++)
        {
            const int _sample_kernel_idx = _sample * _ELEMENTS + _kernel_idx;
            const int _pre_sample_idx = _sample, _post_sample_idx = _sample;
            const size_t _vectorisation_idx = _sample_kernel_idx;
            {{vector_code|join('\n')|indent(12)}}
        }
{% endblock %}
