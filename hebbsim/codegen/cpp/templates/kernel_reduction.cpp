{# Reduce an expression over each filter, or over the whole kernel, in double precision: there may be
   many thousand elements #}
{% extends 'common_group.cpp' %}
{% from 'reduce.cpp' import combine, first with context %}

{% block extra_headers %}
#include <cmath>
{% endblock %}

{% block maincode %}
    constexpr int _ELEMENTS = {{geometry.kernel_elements}};
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% set _target = get_array_name(_target_var) %}
    {% if part == 'filter' %}
    constexpr int _FAN_IN = {{geometry.fan_in}}, _OUT_CHANNELS = {{geometry.out_channels}};
    constexpr int _WIDTH = 64, _BLOCKS = (_OUT_CHANNELS + _WIDTH - 1) / _WIDTH;
    {{parallel(geometry.kernel_elements)}}
    for (int _block = 0; _block < _ELEMENTS / (_FAN_IN * _OUT_CHANNELS) * _BLOCKS; _block++)
    {
        const int _first = _block / _BLOCKS * _FAN_IN * _OUT_CHANNELS + _block % _BLOCKS * _WIDTH;
        const int _n_filters = std::min(_WIDTH, _OUT_CHANNELS - _block % _BLOCKS * _WIDTH);
        double _results[_WIDTH];
        std::fill(_results, _results + _WIDTH, {{first()}});
        for (int _n = 0; _n < {{'1' if how == 'constant' else '_FAN_IN'}}; _n++)
            for (int _channel = 0; _channel < _n_filters; _channel++)
            {
                const int _idx = _first + _n * _OUT_CHANNELS + _channel;
                const size_t _vectorisation_idx = _idx;
                {{vector_code|autoindent}}
                {{combine('_results[_channel]', '_term')}}
            }
        for (int _n = 0; _n < _FAN_IN; _n++)
            for (int _channel = 0; _channel < _n_filters; _channel++)
                {{_target}}[_first + _n * _OUT_CHANNELS + _channel] = _results[_channel]{{' / _FAN_IN' if how == 'mean'}};
    }
    {% else %}
    // few chunks, combined in their order: the same on any number of threads
    constexpr int _CHUNKS = 16;
    double _results[_CHUNKS];
    {{parallel(geometry.kernel_elements)}}
    for (int _chunk = 0; _chunk < _CHUNKS; _chunk++)
    {
        double _result = {{first()}};
        const int _last = (long) _ELEMENTS * (_chunk + 1) / _CHUNKS;
        for (int _idx = (long) _ELEMENTS * _chunk / _CHUNKS; _idx < _last; _idx++)
        {
            const size_t _vectorisation_idx = _idx;
            {{vector_code|autoindent}}
            {{combine('_result', '_term')}}
        }
        _results[_chunk] = _result;
    }
    double _result = {{first()}};
    for (int _chunk = 0; _chunk < _CHUNKS; _chunk++)
    {
        {{combine('_result', '_results[_chunk]')}}
    }
    {{_target}}[0] = _result{{' / _ELEMENTS' if how == 'mean'}};
    {% endif %}
{% endblock %}
