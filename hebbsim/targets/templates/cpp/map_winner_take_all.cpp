{% extends 'map_operation.cpp' %}
{% from 'neuron_indices.cpp' import evaluate with context %}
{% block extra_headers %}
#include <algorithm>
#include <limits>
{% endblock %}
{% block declare %}
        {% if draws %}
        bool _eligibles[_CHANNELS];
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
        int _ranked[1] = {_CHANNELS - 1};
        int& _first = _ranked[0];
        #pragma omp simd reduction(min:_first)
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _first = _values[_channel] == _largest && _channel < _first ? _channel : _first;
        if (!(_values[_first] == _largest)) _first = 0;  // all are NaN
        {% else %}
        int _ranked[_CHANNELS];
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _ranked[_channel] = _channel;
        std::partial_sort(_ranked, _ranked + {{k}}, _ranked + _CHANNELS, [&](int _a, int _b) {
            const bool _nan_a = _values[_a] != _values[_a], _nan_b = _values[_b] != _values[_b];  // they lose
            if (_nan_a || _nan_b) return _nan_a == _nan_b ? _a < _b : _nan_b;
            return _values[_a] > _values[_b] || (_values[_a] == _values[_b] && _a < _b);
        });
        {% endif %}
        bool _wins[{{k}}];  // before the target is written: the condition may read it
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
