{# Keep values at the start of the first stimulus, and bring them back at that of each later one #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import host_name with context %}

{% block launches %}
const int64_t _timestep = {{get_array_name(_timestep_var, access_data=False)}}[0];
if (_timestep % {{steps}} == 0)
{
    {% for variable, kept in kept_variables %}
    CUDA_SAFE_CALL(cudaMemcpy(
        _timestep ? {{host_name(variable)}} : {{host_name(kept)}}, _timestep ? {{host_name(kept)}} : {{host_name(variable)}},
        sizeof({{c_data_type(variable.dtype)}}) * {{variable.size}}, cudaMemcpyDeviceToDevice));
    {% endfor %}
}
{% endblock %}
