{% extends 'map_operation.cu' %}
{% block declare %}
    __shared__ _scalar _lanes[_PLACES][_LANES];
{% endblock %}
{% block operation %}
    _scalar _mean = 0;
    for (int _channel = _lane; _channel < _CHANNELS; _channel += _LANES)
        _mean += _values[_channel];
    _mean = _combined<_LANES>(_lanes[_place], _lane, _mean, [](_scalar _a, _scalar _b) { return _a + _b; }) / _CHANNELS;
    for (int _channel = _lane; _here && _channel < _CHANNELS; _channel += _LANES)
        _out[_channel] = _values[_channel] > _mean ? _values[_channel] - _mean : 0;
{% endblock %}
