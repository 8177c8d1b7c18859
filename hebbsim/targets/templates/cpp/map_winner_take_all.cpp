{% extends 'map_operation.cpp' %}
{% from 'map_indices.cpp' import evaluate with context %}
{% block extra_headers %}
#include <algorithm>
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
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _out[_channel] = 0;
        {% if k == 1 %}
        _scalar _largest = _values[0];
        #pragma omp simd reduction(max:_largest)
        for (int _channel = 1; _channel < _CHANNELS; _channel++)
            _largest = _values[_channel] > _largest ? _values[_channel] : _largest;
        int _winner = _CHANNELS - 1;
        #pragma omp simd reduction(min:_winner)
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _winner = _values[_channel] == _largest && _channel < _winner ? _channel : _winner;
        {% else %}
        int _ranked[_CHANNELS];
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _ranked[_channel] = _channel;
        std::partial_sort(_ranked, _ranked + {{k}}, _ranked + _CHANNELS, [&](int _a, int _b) {
            return _values[_a] > _values[_b] || (_values[_a] == _values[_b] && _a < _b);
        });
        for (int _rank = 0; _rank < {{k}}; _rank++)
        {% endif %}
        {
            {% if k > 1 %}
            const int _winner = _ranked[_rank];
            {% endif %}
            {% if draws %}
            const bool _eligible = _eligibles[_winner];
            {% else %}
            const int _channel = _winner;
            {{evaluate()|indent(12)}}
            {% endif %}
            if (_eligible)
                _out[_winner] = {{'_values[_winner]' if graded else '1'}};
        }
{% endblock %}
