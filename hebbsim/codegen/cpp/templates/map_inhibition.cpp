{# A race between the neurons that crossed their threshold: each that spikes silences its
   neighbours, which lose their spikes of this step #}
{% extends 'common_group.cpp' %}
{% block extra_headers %}
#include <algorithm>
#include <limits>
#include <vector>
{% endblock %}

{# Runs its body for the neurons `_idx` that the spike of neuron `_spike` silences #}
{% macro _neighbours() %}
const int _own_channel = _spike % _CHANNELS, _place = _spike / _CHANNELS;
const int _row = _place / _COLS % _ROWS, _col = _place % _COLS, _sample_idx = _place / (_ROWS * _COLS);
const int _row_stop = std::min(_ROWS, _row + {{radius[0] + 1}}), _col_stop = std::min(_COLS, _col + {{radius[1] + 1}});
for (int _near_row = std::max(0, _row - {{radius[0]}}); _near_row < _row_stop; _near_row++)
for (int _near_col = std::max(0, _col - {{radius[1]}}); _near_col < _col_stop; _near_col++)
{
    const int _position_idx = (_sample_idx * _ROWS + _near_row) * _COLS + _near_col;
    {% if channels == 'own' %}
    const int _channel_idx = _own_channel;
    {% else %}
    for (int _channel_idx = 0; _channel_idx < _CHANNELS; _channel_idx++)
    {% endif %}
    {
        const int _idx = _position_idx * _CHANNELS + _channel_idx;
        if ({{'_channel_idx == _own_channel' if channels == 'others' else '_idx == _spike'}}) continue;
        {{caller()|indent(8)}}
    }
}
{%- endmacro %}

{% block maincode %}
    constexpr int _ROWS = {{memory_shape[1]}}, _COLS = {{memory_shape[2]}}, _CHANNELS = {{memory_shape[3]}};
    typedef {{c_data_type(values_dtype)}} _scalar;
    int32_t* const _spikes = {{get_array_name(_spikes_var)}};
    const int _n_crossed = _spikes[{{n_neurons}}];
    std::vector<_scalar> _values(_n_crossed);
    std::vector<int> _ranked(_n_crossed);
    if (_n_crossed > 0)
    {
        const size_t _vectorisation_idx = -1;
        {{scalar_code['source']|autoindent}}
        for (int _n = 0; _n < _n_crossed; _n++)
        {
            const int _idx = _spikes[_n], _channel_idx = _idx % _CHANNELS, _position_idx = _idx / _CHANNELS;
            const int _sample_idx = _position_idx / (_ROWS * _COLS);
            const size_t _vectorisation_idx = _idx;
            {{vector_code['source']|autoindent}}
            const _scalar _value = _source;
            _values[_n] = _value == _value ? _value : -std::numeric_limits<_scalar>::infinity();
            _ranked[_n] = _n;
        }
    }
    std::stable_sort(_ranked.begin(), _ranked.end(), [&](int _a, int _b) { return _values[_a] > _values[_b]; });
    for (int _n = 0; _n < _n_crossed; _n++)
    {
        const int _spike = _spikes[_ranked[_n]];
        if ({{_silenced_now}}[_spike]) continue;
        {% call _neighbours() %}
        {{_silenced_now}}[_idx] = true;
        {% endcall %}
    }
    int _n_left = 0;
    for (int _n = 0; _n < _n_crossed; _n++)
    {
        const int _idx = _spikes[_n];
        if (!{{_silenced_now}}[_idx])
            _spikes[_n_left++] = _idx;
        {% if uses_refractory %}
        else
        {
            {{not_refractory}}[_idx] = true;
            {{lastspike}}[_idx] = {{_kept_lastspike}}[_idx];
        }
        {% endif %}
    }
    _spikes[{{n_neurons}}] = _n_left;
    if (_n_left > 0)
    {
        const size_t _vectorisation_idx = -1;
        {{scalar_code['effect']|autoindent}}
        for (int _n = 0; _n < _n_left; _n++)
        {
            const int _spike = _spikes[_n];
            {% call _neighbours() %}
            const size_t _vectorisation_idx = _idx;
            {{_silenced_now}}[_idx] = false;
            {{vector_code['effect']|join('\n')}}
            {% for addition, target in additions %}
            {{get_array_name(target)}}[_idx] += {{addition}};
            {% endfor %}
            {% endcall %}
        }
    }
{% endblock %}
