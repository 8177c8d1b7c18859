{# Run statements on each kernel element of each sample #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import each, kernel, launch with context %}

{% block kernels %}
{% call kernel('update') %}
    constexpr int _ELEMENTS = {{n_elements}};
    {{each(n_elements * batch_size)}}
    {{scalar_code|autoindent}}
    {
        const int _sample_kernel_idx = _idx, _kernel_idx = _idx % _ELEMENTS, _pre_sample_idx = _idx / _ELEMENTS, _post_sample_idx = _pre_sample_idx;
        const int _vectorisation_idx = _idx;
        {{vector_code|join('\n')|indent(8)}}
    }
{% endcall %}
{% endblock %}

{% block launches %}
{{launch('update', (n_elements * batch_size + 255) // 256)}}
{% endblock %}
