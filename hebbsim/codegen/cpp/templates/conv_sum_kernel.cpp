{# Each kernel element sums over every position and sample that shares it: plasticity #}
{% extends 'common_group.cpp' %}
{% from 'conv_indices.cpp' import constants, ranges, results, write_results with context %}
{% from 'kernel_nest.cpp' import kernel_nest with context %}

{% block maincode %}
    {{constants(geometry, batch_size)|indent(4)}}
    {{ranges()|indent(4)}}
    {{results()|indent(4)}}
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
{{kernel_nest(vector_code, '_results')}}
    {{write_results()}}
{% endblock %}
