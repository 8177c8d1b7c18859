{# Bring each filter of a kernel, all weights onto one out channel, to its norm, unless statements `before`
   return; all warps of a block share neighbouring filters, of which there are few #}
{% from 'kernels.cu' import kernel, launch with context %}

{% macro normalize_kernel(before='') %}
{% call kernel('normalize', 1024) %}
    {{before|indent(4)}}
    constexpr int _FAN_IN = {{geometry.fan_in}}, _OUT_CHANNELS = {{geometry.out_channels}}, _TILES = (_OUT_CHANNELS + 31) / 32;
    __shared__ double _lanes[32][32];
    const int _part = threadIdx.x / 32, _channel = blockIdx.x % _TILES * 32 + threadIdx.x % 32;
    {{c_data_type(_weight_var.dtype)}}* const _filter = {{get_array_name(_weight_var)}} + (size_t) (blockIdx.x / _TILES) * _FAN_IN * _OUT_CHANNELS + min(_channel, _OUT_CHANNELS - 1);
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
{% endmacro %}

{% macro launch_normalize() %}
{{launch('normalize', geometry.kernel_elements // (geometry.fan_in * geometry.out_channels) * ((geometry.out_channels + 31) // 32), 1024)}}
{% endmacro %}
