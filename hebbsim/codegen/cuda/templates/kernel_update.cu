{# ALLOWS_SCALAR_WRITE
   Apply the accumulated change to every kernel element, then normalise filters, then look for values
   that are not finite: the first is kept, and found by the host now and then #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import each, kernel, launch, launch_shared, shared_kernel with context %}

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
{# all warps of a block share neighbouring filters, of which there are few #}
{% call kernel('normalize', 1024) %}
    constexpr int _FAN_IN = {{geometry.fan_in}}, _OUT_CHANNELS = {{geometry.out_channels}}, _TILES = (_OUT_CHANNELS + 31) / 32;
    __shared__ double _lanes[32][32];
    const int _part = threadIdx.x / 32, _channel = blockIdx.x % _TILES * 32 + threadIdx.x % 32;
    {{c_data_type(_weight_var.dtype)}}* const _filter = {{_w}} + (size_t) (blockIdx.x / _TILES) * _FAN_IN * _OUT_CHANNELS + min(_channel, _OUT_CHANNELS - 1);
    double _norm = 0;
    #pragma unroll 4
    for (int _n = _part; _n < _FAN_IN; _n += 32)
    {
        const double _value = _filter[_n * _OUT_CHANNELS];
        _norm += {{'fabs(_value)' if norm == 1 else '_value * _value'}};
    }
    _lanes[_part][threadIdx.x % 32] = _norm;
    __syncthreads();
    _norm = 0;
    for (int _n = 0; _n < 32; _n++) _norm += _lanes[_n][threadIdx.x % 32];
    _norm = _norm > 0 ? {{norm_value}} / {{'' if norm == 1 else 'sqrt'}}(_norm) : 1;
    #pragma unroll 4
    for (int _n = _part; _channel < _OUT_CHANNELS && _n < _FAN_IN; _n += 32)
        _filter[_n * _OUT_CHANNELS] *= _norm;
{% endcall %}
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
{{launch('normalize', geometry.kernel_elements // (geometry.fan_in * geometry.out_channels) * ((geometry.out_channels + 31) // 32), 1024)}}
{% endif %}
{{launch('check', (geometry.kernel_elements + 255) // 256)}}
{% endblock %}

{% block extra_kernel_call_post %}
static int _steps = 0;
if (++_steps % 256 == 0)
{
    {{_stop_if_not_finite()|indent(4)}}
}
{% endblock %}

{% block after_run_host_maincode %}
{{_stop_if_not_finite()}}
{% endblock %}

{% block after_run_headers %}
{{super()}}
#include <iostream>
{% endblock %}
