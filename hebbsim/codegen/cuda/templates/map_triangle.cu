{% extends 'map_operation.cu' %}
{% block declare %}
    typedef {{accumulator(values_dtype)}} _long;
    __shared__ _long _lanes[_PLACES][_LANES];
{% endblock %}
{% block operation %}
    _long _sum = 0;
    for (int _channel = _lane; _channel < _CHANNELS; _channel += _LANES)
        _sum += _values[_channel];
    const _scalar _mean = _combined<_LANES>(_lanes[_place], _lane, _sum, [](_long _a, _long _b) { return _a + _b; }) / _CHANNELS;
    for (int _channel = _lane; _here && _channel < _CHANNELS; _channel += _LANES)
        {% if power != 1 %}
        _out[_channel] = _values[_channel] > _mean ? pow(_values[_channel] - _mean, (_scalar) {{power}}) : 0;
        {% else %}
        _out[_channel] = _values[_channel] > _mean ? _values[_channel] - _mean : 0;
        {% endif %}
{% endblock %}
