{% extends 'map_operation.cpp' %}
{% from 'local_array.cpp' import local_array %}
{% from 'neuron_indices.cpp' import evaluate with context %}
{% macro _largest_of(first, last) %}
for (int _channel = {{first}}; _channel < {{last}}; _channel++)
    _largest = _values[_channel] > _largest ? _values[_channel] : _largest;
{%- endmacro %}
{% macro _first_of(first, last) %}
for (int _channel = {{first}}; _channel < {{last}}; _channel++)
{
    const int _reached = _values[_channel] == _largest ? _channel : _CHANNELS;
    _first = _reached < _first ? _reached : _first;
}
{%- endmacro %}
{% block extra_headers %}
#include <algorithm>
#include <limits>
{% endblock %}
{% block declare %}
        {% if draws %}
        {{local_array('char', '_eligibles', memory_shape[3])|indent(8)}}
        {% endif %}
{% endblock %}
{% block keep %}
            {% if draws %}
            _eligibles[_channel] = _eligible;
            {% endif %}
{% endblock %}
{% block operation %}
        {% if k == 1 %}
        // whole vectors apart from the rest, which compilers would add in a slow way
        {% set _lanes = registers().bytes // values_dtype.itemsize %}
        constexpr int _WHOLE = {{memory_shape[3] // _lanes * _lanes}};
        _scalar _largest = -std::numeric_limits<_scalar>::infinity();
        {{_largest_of('_WHOLE', '_CHANNELS')|indent(8)}}
        #pragma omp simd reduction(max:_largest)
        {{_largest_of('0', '_WHOLE')|indent(8)}}
        int _first = _CHANNELS;
        {{_first_of('_WHOLE', '_CHANNELS')|indent(8)}}
        #pragma omp simd reduction(min:_first)
        {{_first_of('0', '_WHOLE')|indent(8)}}
        if (_first == _CHANNELS) _first = 0;  // all are NaN
        const int _ranked[1] = {_first};
        {% else %}
        {{local_array('int', '_ranked', memory_shape[3])|indent(8)}}
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _ranked[_channel] = _channel;
        std::partial_sort(_ranked, _ranked + {{k}}, _ranked + _CHANNELS, [&](int _a, int _b) {
            const bool _nan_a = _values[_a] != _values[_a], _nan_b = _values[_b] != _values[_b];  // they lose
            if (_nan_a || _nan_b) return _nan_a == _nan_b ? _a < _b : _nan_b;
            return _values[_a] > _values[_b] || (_values[_a] == _values[_b] && _a < _b);
        });
        {% endif %}
        {{local_array('char', '_wins', k)|indent(8)}}  // before the target is written: the condition may read it
        for (int _rank = 0; _rank < {{k}}; _rank++)
        {
            const int _channel = _ranked[_rank];
            {% if draws %}
            const bool _eligible = _eligibles[_channel];
            {% else %}
            {{evaluate()|indent(12)}}
            {% endif %}
            _wins[_rank] = _eligible;
        }
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _out[_channel] = 0;
        for (int _rank = 0; _rank < {{k}}; _rank++)
            if (_wins[_rank])
                _out[_ranked[_rank]] = {{'_values[_ranked[_rank]]' if graded else '1'}};
{% endblock %}
