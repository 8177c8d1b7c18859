{% extends 'map_operation.cpp' %}
{% from 'local_array.cpp' import local_array %}
{% from 'neuron_indices.cpp' import evaluate with context %}
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
        _scalar _largest = -std::numeric_limits<_scalar>::infinity();
        #pragma omp simd reduction(max:_largest)
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _largest = _values[_channel] > _largest ? _values[_channel] : _largest;
        int _first = _CHANNELS;
        #pragma omp simd reduction(min:_first)
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
        {
            const int _reached = _values[_channel] == _largest ? _channel : _CHANNELS;
            _first = _reached < _first ? _reached : _first;
        }
        _first %= _CHANNELS;  // all are NaN
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
