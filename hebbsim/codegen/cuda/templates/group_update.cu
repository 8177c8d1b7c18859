{# ALLOWS_SCALAR_WRITE
   Run statements on each element of a group, then those on its shared variables, once #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import each, kernel, launch, launch_shared, shared_kernel with context %}

{% block kernels %}
{% call kernel('update') %}
    {{each('_N')}}
    {{private(scalar_code)|autoindent}}
    {
        const int _vectorisation_idx = _idx;
        {{after_shared(vector_code, scalar_code)|autoindent}}
    }
{% endcall %}
{{shared_kernel()}}
{% endblock %}

{% block launches %}
{{launch('update', '(_N + 255) / 256')}}
{{launch_shared()}}
{% endblock %}
