{# A postsynaptic spike changes what its connections reach #}
{% extends 'loop_nest.cu' %}
{% from 'conv_spikes.cu' import pathway_kernels, pathway_launches, pathway_scratch with context %}
{% block kernels %}
{{pathway_kernels('post')}}
{% endblock %}
{% block scratch %}
{{pathway_scratch()}}
{% endblock %}
{% block launches %}
{{pathway_launches()}}
{% endblock %}
