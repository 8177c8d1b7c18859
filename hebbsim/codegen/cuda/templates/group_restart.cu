{# At the start of each stimulus bring back first values, and zero what is to be 0 #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import host_name with context %}

{% block launches %}
const int64_t _timestep = {{get_array_name(_timestep_var, access_data=False)}}[0];
if (_timestep % {{steps}} == 0)
{
    {% for variable, first, known in kept_variables %}
    {% set _bytes %}sizeof({{c_data_type(variable.dtype)}}) * {{variable.size}}{% endset %}
    {% if not known %}
    if (_timestep == 0)
        CUDA_SAFE_CALL(cudaMemcpy({{host_name(first)}}, {{host_name(variable)}}, {{_bytes}}, cudaMemcpyDeviceToDevice));
    {% endif %}
    CUDA_SAFE_CALL(cudaMemcpy({{host_name(variable)}}, {{host_name(first)}}, {{_bytes}}, cudaMemcpyDeviceToDevice));
    {% endfor %}
    {% for variable in zeroed_variables %}
    CUDA_SAFE_CALL(cudaMemset({{host_name(variable)}}, 0, sizeof({{c_data_type(variable.dtype)}}) * {{variable.size}}));
    {% endfor %}
}
{% endblock %}
