{# Each postsynaptic neuron sums over its receptive field: convolution #}
{% extends 'common_group.cpp' %}
{% from 'conv_indices.cpp' import constants, results, write_results with context %}
{% from 'post_nest.cpp' import post_nest with context %}

{% block maincode %}
    {{constants(geometry, batch_size)|indent(4)}}
    {{results()|indent(4)}}
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
{{post_nest(vector_code, by_samples=not buffered)}}
    {{write_results()}}
{% endblock %}
