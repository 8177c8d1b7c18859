{# Each kernel element sums over every position and sample that shares it: plasticity #}
{% extends 'common_group.cpp' %}
{% from 'conv_indices.cpp' import constants, ranges, results, write_results with context %}
{% from 'kernel_nest.cpp' import kernel_nest with context %}

{% block maincode %}
    {{constants(geometry, batch_size)|indent(4)}}
    {{ranges()|indent(4)}}
    {% set _samples = kernel_tiles(geometry, batch_size, itemsize, registers(), running=cumulative|length > 0, per_sample=per_sample).samples %}
    {% set _at_once = per_sample or _samples >= batch_size %}
    {% if _at_once %}
    {{results()|indent(4)}}
    {% else %}
    static thread_local std::vector<{{accumulator(_target_var.dtype)}}> _results_here({{n_results}});
    auto* const _results = _results_here.data();
    {% endif %}
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
{{kernel_nest(vector_code, '_results')}}
    {% if _at_once %}
    {{write_results()}}
    {% else %}
    std::copy(_results, _results + {{n_results}}, {{get_array_name(_target_var)}});
    {% endif %}
    {% if _mask_var is not none %}
    for (int _kernel_idx = 0; _kernel_idx < {{n_results}}; _kernel_idx++)
        if ({{get_array_name(_mask_var)}}[_kernel_idx] == 0) {{get_array_name(_target_var)}}[_kernel_idx] = 0;
    {% endif %}
{% endblock %}
