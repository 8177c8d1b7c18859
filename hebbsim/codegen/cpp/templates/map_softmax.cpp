{% extends 'map_operation.cpp' %}
{% block operation %}
        _scalar _largest = _values[0];
        {{accumulator(values_dtype)}} _total = 0;
        for (int _channel = 1; _channel < _CHANNELS; _channel++)
            _largest = _values[_channel] > _largest ? _values[_channel] : _largest;
        {% if signed %}
        int _winner = 0;
        while (_winner < _CHANNELS - 1 && _values[_winner] != _largest) _winner++;
        {% endif %}
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _total += _values[_channel] = exp(_values[_channel] - _largest);
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _out[_channel] = {{'-' if signed}}_values[_channel] / _total;
        {% if signed %}
        _out[_winner] = -_out[_winner];
        {% endif %}
{% endblock %}
