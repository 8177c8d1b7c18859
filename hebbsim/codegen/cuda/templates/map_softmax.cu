{% extends 'map_operation.cu' %}
{% block declare %}
    __shared__ _scalar _lanes[_PLACES][_LANES];
{% endblock %}
{% block operation %}
    _scalar _largest = _values[0];
    for (int _channel = _lane; _channel < _CHANNELS; _channel += _LANES)
        _largest = _values[_channel] > _largest ? _values[_channel] : _largest;
    _largest = _combined<_LANES>(_lanes[_place], _lane, _largest, [](_scalar _a, _scalar _b) { return _a > _b ? _a : _b; });
    _scalar _total = 0;
    for (int _channel = _lane; _channel < _CHANNELS; _channel += _LANES)
        _total += _values[_channel] = exp(_values[_channel] - _largest);
    _total = _combined<_LANES>(_lanes[_place], _lane, _total, [](_scalar _a, _scalar _b) { return _a + _b; });
    for (int _channel = _lane; _here && _channel < _CHANNELS; _channel += _LANES)
        _out[_channel] = _values[_channel] / _total;
{% endblock %}
