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
        // side by side in lanes, each of which keeps the first of its largest values
        constexpr int _LANES = 16, _WHOLE = _CHANNELS / _LANES * _LANES;
        _scalar _best[_LANES];
        int _where[_LANES];
        for (int _v = 0; _v < _LANES; _v++)
        {
            _best[_v] = -std::numeric_limits<_scalar>::infinity();
            _where[_v] = _CHANNELS;
        }
        for (int _channel0 = 0; _channel0 < _WHOLE; _channel0 += _LANES)
        {
            #pragma omp simd
            for (int _v = 0; _v < _LANES; _v++)
            {
                const bool _larger = _values[_channel0 + _v] > _best[_v];
                _best[_v] = _larger ? _values[_channel0 + _v] : _best[_v];
                _where[_v] = _larger ? _channel0 + _v : _where[_v];
            }
        }
        for (int _channel = _WHOLE; _channel < _CHANNELS; _channel++)
            if (_values[_channel] > _best[_channel - _WHOLE])
            {
                _best[_channel - _WHOLE] = _values[_channel];
                _where[_channel - _WHOLE] = _channel;
            }
        _scalar _largest = _best[0];
        #pragma omp simd reduction(max:_largest)
        for (int _v = 0; _v < _LANES; _v++)
            _largest = _best[_v] > _largest ? _best[_v] : _largest;
        int _first = _CHANNELS;
        #pragma omp simd reduction(min:_first)
        for (int _v = 0; _v < _LANES; _v++)
            _first = _best[_v] == _largest && _where[_v] < _first ? _where[_v] : _first;
        if (_first == _CHANNELS)  // nothing is larger than -infinity
            _first = (std::find(_values, _values + _CHANNELS, _largest) - _values) % _CHANNELS;
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
