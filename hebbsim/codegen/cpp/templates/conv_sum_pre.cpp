{# Each presynaptic neuron sums over its projective field: transposed convolution, feedback. Of a kernel
   of which a mask leaves few weights those alone are visited. #}
{% extends 'common_group.cpp' %}
{% from 'conv_indices.cpp' import constants, results, write_results with context %}
{% from 'left_elements.cpp' import list_lines with context %}
{% from 'pre_nest.cpp' import pre_nest with context %}

{% block maincode %}
    {{constants(geometry, batch_size)|indent(4)}}
    {{results()|indent(4)}}
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% if _listed_var is not none %}
    {{list_lines(get_array_name(_listed_var), sparse_from)|indent(4)}}
    if (_few_left)
    {
        {{pre_nest(vector_code, listed=true)|indent(8)}}
    }
    else
    {% endif %}
    {
        {{pre_nest(vector_code, listed=false)|indent(8)}}
    }
    {{write_results()}}
{% endblock %}
