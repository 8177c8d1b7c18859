{# ALLOWS_SCALAR_WRITE
   Apply the accumulated change to every kernel element, then normalise filters, then look for values
   that are not finite: the first is kept, and found by the host now and then #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import each, kernel, launch, launch_shared, shared_kernel with context %}
{% from 'filter_norms.cu' import launch_normalize, normalize_kernel with context %}

{% block extra_headers %}
#include <cfloat>
#include <iostream>
{% endblock %}

{% macro _stop_if_not_finite() %}
int _place = -1;
CUDA_SAFE_CALL(cudaMemcpy(&_place, dev{{get_array_name(variables['_nonfinite'], access_data=False)}}, sizeof(int), cudaMemcpyDeviceToHost));
if (_place >= 0)
{
    std::cerr << "{{owner.name}}: '{{_weight_var.name}}' is not finite at kernel element " << _place << "; lower the learning rate, or bound or normalise the weights" << std::endl;
    _dealloc_arrays();  // before the runtime unloads
    std::exit(1);
}
{%- endmacro %}

{% block kernels %}
{% call kernel('update') %}
    {{each(geometry.kernel_elements)}}
    {
        const int _vectorisation_idx = -1;
        {{private(scalar_code)|autoindent}}
        {
            const int _vectorisation_idx = _idx;
            {{after_shared(vector_code, scalar_code)|autoindent}}
        }
    }
{% endcall %}
{{shared_kernel()}}
{% set _w = get_array_name(_weight_var) %}
{% if norm %}
{{normalize_kernel()}}
{% endif %}
{% call kernel('check') %}
    {{each(geometry.kernel_elements)}}
    const double _value = {{_w}}[_idx];
    if (!(fabs(_value) <= {{'FLT_MAX' if c_data_type(_weight_var.dtype) == 'float' else 'DBL_MAX'}}))
        atomicMin((unsigned int*) {{get_array_name(variables['_nonfinite'])}}, (unsigned int) _idx);  // -1 is the largest
{% endcall %}
{% endblock %}

{% block launches %}
{{launch('update', (geometry.kernel_elements + 255) // 256)}}
{{launch_shared()}}
{% if norm %}
{{launch_normalize()}}
{% endif %}
{{launch('check', (geometry.kernel_elements + 255) // 256)}}
{% endblock %}

{% block extra_kernel_definitions %}
static void _look_{{codeobj_name}}()
{
    using namespace brian;
    static int _steps = 0;
    if (++_steps % 256 == 0)
    {
        {{_stop_if_not_finite()|indent(8)}}
    }
}
{% endblock %}

{% block extra_kernel_call_post %}
host_part = _look_{{codeobj_name}};
if (step_stream == 0) host_part();
{% endblock %}

{% block after_run_host_maincode %}
{{_stop_if_not_finite()}}
{% endblock %}

{% block after_run_headers %}
{{super()}}
#include <iostream>
{% endblock %}
