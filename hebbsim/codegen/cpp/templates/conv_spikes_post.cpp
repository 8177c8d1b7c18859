{# A postsynaptic spike visits its receptive field #}
{% extends 'conv_spikes.cpp' %}
{% from 'conv_indices.cpp' import after_connection, connection, mark_filter, post_place, receptive_field with context %}

{% block field %}
        {{post_place()|indent(8)}}
        {{mark_filter()|indent(8)}}
        {% call receptive_field(geometry) %}
        {% if vectorise and not draws and ages|length == 1 %}
        #pragma omp simd
        {% endif %}
        for (int _in_channel = 0; _in_channel < _GROUP_IN; _in_channel++)
        {
            {{connection(geometry)|indent(12)}}
            {% if ages|length > 1 %}
            if ({{_steps}}[_kernel_idx] != _age) continue;
            {% endif %}
            {{vector_code|join('\n')|indent(12)}}
            {{after_connection()|indent(12)}}
        }
        {% endcall %}
{% endblock %}
