{# In k rounds the lanes agree on the largest value that is left; of equal ones the first wins, and
   what is not a number loses to all others #}
{% extends 'map_operation.cu' %}
{% block declare %}
    struct _Candidate { _scalar _value; int _channel; };
    __shared__ _Candidate _lanes[_PLACES][_LANES];
    constexpr char _ELIGIBLE = 1, _TAKEN = 2;
{% endblock %}
{% block keep %}
            _states[_channel] = _eligible ? _ELIGIBLE : 0;
{% endblock %}
{% block operation %}
    const auto _better = [](_Candidate _a, _Candidate _b) {
        if (_a._channel < 0 || _b._channel < 0) return _a._channel < 0 ? _b : _a;
        const bool _nan_a = _a._value != _a._value, _nan_b = _b._value != _b._value;
        const bool _first = _a._channel < _b._channel;
        if (_nan_a || _nan_b) return (_nan_a == _nan_b ? _first : _nan_b) ? _a : _b;
        return (_a._value > _b._value || (_a._value == _b._value && _first)) ? _a : _b;
    };
    for (int _rank = 0; _rank < {{k}}; _rank++)
    {
        _Candidate _best = {0, -1};
        for (int _channel = _lane; _channel < _CHANNELS; _channel += _LANES)
            if (!(_states[_channel] & _TAKEN)) _best = _better(_best, {_values[_channel], _channel});
        _best = _combined<_LANES>(_lanes[_place], _lane, _best, _better);
        if (_lane == 0) _states[_best._channel] |= _TAKEN;
        _meet<_LANES>();
    }
    for (int _channel = _lane; _here && _channel < _CHANNELS; _channel += _LANES)
        _out[_channel] = _states[_channel] == (_ELIGIBLE | _TAKEN) ? {{'_values[_channel]' if graded else '1'}} : 0;
{% endblock %}
