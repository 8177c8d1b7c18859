{# A presynaptic spike changes what its connections reach #}
{% extends 'loop_nest.cu' %}
{% from 'conv_spikes.cu' import pathway_kernels, pathway_launches, pathway_scratch with context %}
{% block kernels %}
{{pathway_kernels('pre')}}
{% endblock %}
{% block scratch %}
{{pathway_scratch()}}
{% endblock %}
{% block launches %}
{{pathway_launches()}}
{% endblock %}
