{# Sum an expression over the samples, for each kernel element #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import each, kernel, launch with context %}

{% block kernels %}
{% call kernel('sum') %}
    {{each(n_elements)}}
    const int _kernel_idx = _idx;
    {{accumulator(_target_var.dtype)}} _sum = 0;
    {{scalar_code|autoindent}}
    for (int _sample = 0; _sample < {{batch_size}}; _sample++)
    {
        const int _sample_kernel_idx = _sample * {{n_elements}} + _kernel_idx, _pre_sample_idx = _sample, _post_sample_idx = _sample;
        const int _vectorisation_idx = _sample_kernel_idx;
        {{vector_code|join('\n')|indent(8)}}
        _sum += _synaptic_var;
    }
    {{get_array_name(_target_var)}}[_kernel_idx] = _sum;
{% endcall %}
{% endblock %}

{% block launches %}
{{launch('sum', (n_elements + 255) // 256)}}
{% endblock %}
