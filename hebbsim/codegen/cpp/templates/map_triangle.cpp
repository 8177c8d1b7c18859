{% extends 'map_operation.cpp' %}
{% block operation %}
        _scalar _mean = 0;
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _mean += _values[_channel];
        _mean /= _CHANNELS;
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _out[_channel] = _values[_channel] > _mean ? _values[_channel] - _mean : 0;
{% endblock %}
