{# Normalise the filters of a kernel in the steps in which a condition holds #}
{% extends 'loop_nest.cu' %}
{% from 'filter_norms.cu' import launch_normalize, normalize_kernel with context %}

{% block kernels %}
{% set _leave_else %}
const int _vectorisation_idx = -1;
{{scalar_code|autoindent}}
{{vector_code|autoindent}}
if (!_now) return;  // of all threads
{% endset %}
{{normalize_kernel(_leave_else)}}
{% endblock %}

{% block launches %}
{{launch_normalize()}}
{% endblock %}
