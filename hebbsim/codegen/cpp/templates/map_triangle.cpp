{% extends 'map_operation.cpp' %}
{% block operation %}
        {{accumulator(values_dtype) if memory_shape[3] > 8 * CHAIN else "_scalar"}} _mean = 0;
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _mean += _values[_channel];
        _mean /= _CHANNELS;
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            {% if power != 1 %}
            _out[_channel] = _values[_channel] > _mean ? pow(_values[_channel] - _mean, (_scalar) {{power}}) : 0;
            {% else %}
            _out[_channel] = _values[_channel] > _mean ? _values[_channel] - _mean : 0;
            {% endif %}
{% endblock %}
