{# Sum an expression over the neurons of each channel, sample or position of a feature map #}
{% extends 'common_group.cpp' %}

{% macro _term() %}
const int _map_idx = _map_position_idx * _CHANNELS + _map_channel_idx;
const int _map_sample_idx = _map_position_idx / _POSITIONS;
const int _idx = _map_{{per}}_idx;
const size_t _vectorisation_idx = _map_idx;
{{vector_code|join('\n')}}
{%- endmacro %}

{% block maincode %}
    constexpr int _BATCH = {{memory_shape[0]}}, _POSITIONS = {{memory_shape[1] * memory_shape[2]}}, _CHANNELS = {{memory_shape[3]}};
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% set _target = get_array_name(_target_var) %}
    {# sums in double precision: they may run over many thousand neurons #}
    {% if per == 'channel' %}
    constexpr int _BLOCK = 16;
    {{openmp_pragma('parallel-static')}}
    for (int _first = 0; _first < _CHANNELS; _first += _BLOCK)
    {
        const int _last = std::min(_first + _BLOCK, _CHANNELS);
        double _sum[_BLOCK] = {0};
        for (int _map_position_idx = 0; _map_position_idx < _BATCH * _POSITIONS; _map_position_idx++)
            for (int _map_channel_idx = _first; _map_channel_idx < _last; _map_channel_idx++)
            {
                {{_term()|indent(16)}}
                _sum[_map_channel_idx - _first] += _synaptic_var;
            }
        for (int _channel = _first; _channel < _last; _channel++)
            {{_target}}[_channel] = _sum[_channel - _first];
    }
    {% else %}
    {% set _size = '_POSITIONS' if per == 'sample' else '1' %}
    {{openmp_pragma('parallel-static')}}
    for (int _element = 0; _element < _BATCH * _POSITIONS / {{_size}}; _element++)
    {
        double _sum = 0;
        for (int _map_position_idx = _element * {{_size}}; _map_position_idx < (_element + 1) * {{_size}}; _map_position_idx++)
            for (int _map_channel_idx = 0; _map_channel_idx < _CHANNELS; _map_channel_idx++)
            {
                {{_term()|indent(16)}}
                _sum += _synaptic_var;
            }
        {{_target}}[_element] = _sum;
    }
    {% endif %}
{% endblock %}
