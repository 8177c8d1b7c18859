{# Sum an expression over the neurons of each channel, sample or position of a feature map, or of all of it, in double
   precision: sums may run over many thousand neurons #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import column_sum, keep, kernel, launch with context %}

{% macro _term() %}
const int _map_idx = _map_position_idx * _CHANNELS + _map_channel_idx;
const int _map_sample_idx = _map_position_idx / _POSITIONS;
const int _idx = {{'0' if per == 'map' else '_map_%s_idx' % per}};
const int _vectorisation_idx = _map_idx;
{{vector_code|join('\n')}}
{%- endmacro %}

{% macro _constants() %}
constexpr int _POSITIONS = {{memory_shape[1] * memory_shape[2]}}, _CHANNELS = {{memory_shape[3]}}, _ALL = {{memory_shape[0]}} * _POSITIONS;
{%- endmacro %}

{% block kernels %}
{% if per == 'channel' %}
{# warps of neighbouring channels share a chunk of the positions #}
{% call kernel('sum', 256, 'double* const _chunk_sums,') %}
    {{_constants()}}
    constexpr int _CHUNKS = {{chunks(n_neurons)}};
    __shared__ double _lanes[8][32];
    const int _wanted = blockIdx.x % {{(memory_shape[3] + 31) // 32}} * 32 + threadIdx.x % 32, _chunk = blockIdx.x / {{(memory_shape[3] + 31) // 32}};
    const int _map_channel_idx = min(_wanted, _CHANNELS - 1), _part = threadIdx.x / 32;
    const int _last = (long long) _ALL * (_chunk + 1) / _CHUNKS;
    double _sum = 0;
    {
        const int _vectorisation_idx = -1;
        {{scalar_code|autoindent}}
        for (int _map_position_idx = (long long) _ALL * _chunk / _CHUNKS + _part; _map_position_idx < _last; _map_position_idx += 8)
        {
            {{_term()|indent(12)}}
            _sum += _synaptic_var;
        }
    }
    _lanes[_part][threadIdx.x % 32] = _sum;
    __syncthreads();
    if (_part == 0 && _wanted < _CHANNELS)
    {
        for (int _n = 1; _n < 8; _n++) _sum += _lanes[_n][threadIdx.x];
        _chunk_sums[_chunk * _CHANNELS + _wanted] = _sum;
    }
{% endcall %}
{% call kernel('total', 256, 'const double* const _chunk_sums,') %}
    {{column_sum('double', '_chunk_sums', chunks(n_neurons), memory_shape[3])|indent(4)}}
    {{get_array_name(_target_var)}}[_idx] = _sum{{' / (double) %d' % divisor if divisor > 1}};
{% endcall %}
{% else %}
{# a block for each sample or position, or for all of the map #}
{% call kernel('sum', 128) %}
    {{_constants()}}
    constexpr int _SIZE = {{ {'sample': '_POSITIONS * _CHANNELS', 'position': '_CHANNELS', 'map': '_ALL * _CHANNELS'}[per]}};
    __shared__ double _lanes[128];
    double _sum = 0;
    {
        const int _vectorisation_idx = -1;
        {{scalar_code|autoindent}}
        for (int _n = threadIdx.x; _n < _SIZE; _n += 128)
        {
            const int _map_channel_idx = _n % _CHANNELS, _map_position_idx = ((long long) blockIdx.x * _SIZE + _n) / _CHANNELS;
            {{_term()|indent(12)}}
            _sum += _synaptic_var;
        }
    }
    _sum = _combined<128>(_lanes, threadIdx.x, _sum, [](double _a, double _b) { return _a + _b; });
    if (threadIdx.x == 0) {{get_array_name(_target_var)}}[blockIdx.x] = _sum{{' / (double) %d' % divisor if divisor > 1}};
{% endcall %}
{% endif %}
{% endblock %}

{% block scratch %}
{% if per == 'channel' %}
{{keep('double', '_chunk_sums', chunks(n_neurons) * memory_shape[3])}}
{% endif %}
{% endblock %}

{% block launches %}
{% if per == 'channel' %}
{{launch('sum', chunks(n_neurons) * ((memory_shape[3] + 31) // 32), 256, '_chunk_sums,')}}
{{launch('total', (memory_shape[3] + 31) // 32, 256, '_chunk_sums,')}}
{% else %}
{{launch('sum', {'sample': memory_shape[0], 'position': memory_shape[0] * memory_shape[1] * memory_shape[2], 'map': 1}[per], 128)}}
{% endif %}
{% endblock %}
