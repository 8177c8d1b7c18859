{% extends 'map_operation.cpp' %}
{% block extra_headers %}
#include <algorithm>
{% endblock %}
{% block declare %}
        bool _eligibles[_CHANNELS];
{% endblock %}
{% block keep %}
            _eligibles[_channel] = _eligible;
{% endblock %}
{% block operation %}
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _out[_channel] = 0;
        {% if k == 1 %}
        _scalar _largest = _values[0];
        for (int _channel = 1; _channel < _CHANNELS; _channel++)
            _largest = _values[_channel] > _largest ? _values[_channel] : _largest;
        const int _winner = std::find(_values, _values + _CHANNELS - 1, _largest) - _values;
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
            if (_eligibles[_winner])
                _out[_winner] = {{'_values[_winner]' if graded else '1'}};
        }
{% endblock %}
