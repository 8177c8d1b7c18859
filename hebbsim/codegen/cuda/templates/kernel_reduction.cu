{# Reduce an expression over each filter, or over the whole kernel, in double precision: there may be
   many thousand elements #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import keep, kernel, launch with context %}
{% from 'reduce.cpp' import combine, first with context %}

{% set _tiles = (geometry.out_channels + 31) // 32 %}
{% set _n_chunks = chunks(geometry.kernel_elements) %}

{% block extra_headers %}
#include <cmath>
{% endblock %}

{% macro _combined_lanes() %}
_combined<128>(_lanes, threadIdx.x, _result, [](double _a, double _b) { {{combine('_a', '_b')}} return _a; })
{%- endmacro %}

{% block kernels %}
{% if part == 'filter' %}
{# warps of neighbouring filters share their elements #}
{% call kernel('reduce') %}
    constexpr int _FAN_IN = {{geometry.fan_in}}, _OUT_CHANNELS = {{geometry.out_channels}};
    __shared__ double _lanes[8][32];
    const int _part = threadIdx.x / 32, _channel = blockIdx.x % {{_tiles}} * 32 + threadIdx.x % 32;
    const int _first = blockIdx.x / {{_tiles}} * _FAN_IN * _OUT_CHANNELS + min(_channel, _OUT_CHANNELS - 1);
    double _result = {{first()}};
    {
        const int _vectorisation_idx = -1;
        {{scalar_code|autoindent}}
        for (int _n = _part; _n < {{'1' if how == 'constant' else '_FAN_IN'}}; _n += 8)
        {
            const int _idx = _first + _n * _OUT_CHANNELS, _vectorisation_idx = _idx;
            {{vector_code|autoindent}}
            {{combine('_result', '_term')}}
        }
    }
    _lanes[_part][threadIdx.x % 32] = _result;
    __syncthreads();
    _result = {{first()}};
    for (int _n = 0; _n < 8; _n++)
    {
        const double _other = _lanes[_n][threadIdx.x % 32];
        {{combine('_result', '_other')}}
    }
    for (int _n = _part; _channel < _OUT_CHANNELS && _n < _FAN_IN; _n += 8)
        {{get_array_name(_target_var)}}[_first + _n * _OUT_CHANNELS] = _result{{' / _FAN_IN' if how == 'mean'}};
{% endcall %}
{% else %}
{# a block for each chunk, then one for what they give #}
{% call kernel('reduce', 128, 'double* const _chunk_results,') %}
    __shared__ double _lanes[128];
    const int _last = (long long) {{geometry.kernel_elements}} * (blockIdx.x + 1) / {{_n_chunks}};
    double _result = {{first()}};
    {
        const int _vectorisation_idx = -1;
        {{scalar_code|autoindent}}
        for (int _idx = (long long) {{geometry.kernel_elements}} * blockIdx.x / {{_n_chunks}} + threadIdx.x; _idx < _last; _idx += 128)
        {
            const int _vectorisation_idx = _idx;
            {{vector_code|autoindent}}
            {{combine('_result', '_term')}}
        }
    }
    _result = {{_combined_lanes()}};
    if (threadIdx.x == 0) _chunk_results[blockIdx.x] = _result;
{% endcall %}
{% call kernel('total', 128, 'const double* const _chunk_results,') %}
    __shared__ double _lanes[128];
    double _result = {{first()}};
    for (int _chunk = threadIdx.x; _chunk < {{_n_chunks}}; _chunk += 128)
    {
        const double _other = _chunk_results[_chunk];
        {{combine('_result', '_other')}}
    }
    _result = {{_combined_lanes()}};
    if (threadIdx.x == 0) {{get_array_name(_target_var)}}[0] = _result{{' / %d' % geometry.kernel_elements if how == 'mean'}};
{% endcall %}
{% endif %}
{% endblock %}

{% block scratch %}
{% if part == 'kernel' %}
{{keep('double', '_chunk_results', _n_chunks)}}
{% endif %}
{% endblock %}

{% block launches %}
{% if part == 'filter' %}
{{launch('reduce', geometry.kernel_elements // (geometry.fan_in * geometry.out_channels) * _tiles)}}
{% else %}
{{launch('reduce', _n_chunks, 128, '_chunk_results,')}}
{{launch('total', 1, 128, '_chunk_results,')}}
{% endif %}
{% endblock %}
