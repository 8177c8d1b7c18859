{% extends 'map_operation.cpp' %}
{% block operation %}
        _scalar _largest = _values[0];
        {{accumulator(values_dtype)}} _total = 0;
        for (int _channel = 1; _channel < _CHANNELS; _channel++)
            _largest = _values[_channel] > _largest ? _values[_channel] : _largest;
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _total += _values[_channel] = exp(_values[_channel] - _largest);
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _out[_channel] = _values[_channel] / _total;
{% endblock %}
