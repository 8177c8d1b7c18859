{# Sum an expression over the neurons of each channel, sample or position of a feature map, or of all of it #}
{% extends 'common_group.cpp' %}

{% macro _term() %}
const int _map_idx = _map_position_idx * _CHANNELS + _map_channel_idx;
const int _map_sample_idx = _map_position_idx / _POSITIONS;
const int _idx = {{'0' if per == 'map' else '_map_%s_idx' % per}};
const size_t _vectorisation_idx = _map_idx;
{{vector_code|join('\n')}}
{%- endmacro %}

{% macro _mean(sum) %}{{sum}}{{' / _divisor' if divisor > 1}}{% endmacro %}

{% block maincode %}
    constexpr int _BATCH = {{memory_shape[0]}}, _POSITIONS = {{memory_shape[1] * memory_shape[2]}}, _CHANNELS = {{memory_shape[3]}};
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% set _target = get_array_name(_target_var) %}
    {% if divisor > 1 %}
    volatile double _divisor = {{divisor}};  // else -ffast-math multiplies by a rounded reciprocal
    {% endif %}
    {# sums in double precision: they may run over many thousand neurons #}
    {% if per == 'map' %}
    // few chunks of positions, added up in their order: the same on any number of threads
    constexpr int _CHUNKS = 16;
    double _sums[_CHUNKS] = {};
    {{parallel(n_neurons)}}
    for (int _chunk = 0; _chunk < _CHUNKS; _chunk++)
    {
        double _sum = 0;
        const int _last = (long) _BATCH * _POSITIONS * (_chunk + 1) / _CHUNKS;
        for (int _map_position_idx = (long) _BATCH * _POSITIONS * _chunk / _CHUNKS; _map_position_idx < _last; _map_position_idx++)
            for (int _map_channel_idx = 0; _map_channel_idx < _CHANNELS; _map_channel_idx++)
            {
                {{_term()|indent(16)}}
                _sum += _synaptic_var;
            }
        _sums[_chunk] = _sum;
    }
    double _total = 0;
    for (int _chunk = 0; _chunk < _CHUNKS; _chunk++) _total += _sums[_chunk];
    {{_target}}[0] = {{_mean('_total')}};
    {% elif per == 'channel' %}
    // few chunks of positions, added up in their order: the same on any number of threads
    constexpr int _CHUNKS = 16;
    static thread_local std::vector<double> _sums_here(_CHUNKS * _CHANNELS);
    std::vector<double>& _sums = _sums_here;
    {{parallel(n_neurons)}}
    for (int _chunk = 0; _chunk < _CHUNKS; _chunk++)
    {
        double* const _sum = &_sums[_chunk * _CHANNELS];
        std::fill(_sum, _sum + _CHANNELS, 0);
        const int _last = (long) _BATCH * _POSITIONS * (_chunk + 1) / _CHUNKS;
        for (int _map_position_idx = (long) _BATCH * _POSITIONS * _chunk / _CHUNKS; _map_position_idx < _last; _map_position_idx++)
        {
            #pragma omp simd
            for (int _map_channel_idx = 0; _map_channel_idx < _CHANNELS; _map_channel_idx++)
            {
                {{_term()|indent(16)}}
                _sum[_map_channel_idx] += _synaptic_var;
            }
        }
    }
    for (int _channel = 0; _channel < _CHANNELS; _channel++)
    {
        double _total = 0;
        for (int _chunk = 0; _chunk < _CHUNKS; _chunk++) _total += _sums[_chunk * _CHANNELS + _channel];
        {{_target}}[_channel] = {{_mean('_total')}};
    }
    {% else %}
    {% set _size = '_POSITIONS' if per == 'sample' else '1' %}
    {{parallel(n_neurons)}}
    for (int _element = 0; _element < _BATCH * _POSITIONS / {{_size}}; _element++)
    {
        double _sum = 0;
        for (int _map_position_idx = _element * {{_size}}; _map_position_idx < (_element + 1) * {{_size}}; _map_position_idx++)
            for (int _map_channel_idx = 0; _map_channel_idx < _CHANNELS; _map_channel_idx++)
            {
                {{_term()|indent(16)}}
                _sum += _synaptic_var;
            }
        {{_target}}[_element] = {{_mean('_sum')}};
    }
    {% endif %}
{% endblock %}
