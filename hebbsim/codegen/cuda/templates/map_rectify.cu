{% extends 'map_operation.cu' %}
{% block operation %}
    for (int _channel = _lane; _here && _channel < _CHANNELS; _channel += _LANES)
        _out[_channel] = _values[_channel] > 0 ? _values[_channel] : 0;
{% endblock %}
