{% extends 'map_operation.cu' %}
{% block declare %}
    typedef {{accumulator(values_dtype)}} _long;
    __shared__ _long _lanes[_PLACES][_LANES];
{% endblock %}
{% block operation %}
    _long _largest = _values[0];
    for (int _channel = _lane; _channel < _CHANNELS; _channel += _LANES)
        _largest = _values[_channel] > _largest ? _values[_channel] : _largest;
    _largest = _combined<_LANES>(_lanes[_place], _lane, _largest, [](_long _a, _long _b) { return _a > _b ? _a : _b; });
    {% if signed %}
    _long _winner = _CHANNELS;
    for (int _channel = _lane; _channel < _CHANNELS; _channel += _LANES)
        if (_values[_channel] == (_scalar) _largest && _channel < _winner) _winner = _channel;
    _winner = _combined<_LANES>(_lanes[_place], _lane, _winner, [](_long _a, _long _b) { return _a < _b ? _a : _b; });
    {% endif %}
    _long _total = 0;
    for (int _channel = _lane; _channel < _CHANNELS; _channel += _LANES)
        _total += _values[_channel] = exp(_values[_channel] - (_scalar) _largest);
    _total = _combined<_LANES>(_lanes[_place], _lane, _total, [](_long _a, _long _b) { return _a + _b; });
    for (int _channel = _lane; _here && _channel < _CHANNELS; _channel += _LANES)
        _out[_channel] = {{'(_channel == (int) _winner ? 1 : -1) * ' if signed}}_values[_channel] / _total;
{% endblock %}
