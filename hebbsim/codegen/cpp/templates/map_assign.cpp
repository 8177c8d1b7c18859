{% extends 'map_operation.cpp' %}
{% block operation %}
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _out[_channel] = _values[_channel];
{% endblock %}
