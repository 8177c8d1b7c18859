{# Bring each filter of a kernel, all weights onto one out channel, to its norm; needs _ELEMENTS,
   _FAN_IN and _OUT_CHANNELS #}
{% macro normalize_filters() %}
constexpr int _WIDTH = 64, _BLOCKS = (_OUT_CHANNELS + _WIDTH - 1) / _WIDTH;
{{parallel(geometry.kernel_elements)}}
for (int _block = 0; _block < _ELEMENTS / (_FAN_IN * _OUT_CHANNELS) * _BLOCKS; _block++)
{
    {{c_data_type(_weight_var.dtype)}}* const _filters = {{get_array_name(_weight_var)}} + _block / _BLOCKS * _FAN_IN * _OUT_CHANNELS + _block % _BLOCKS * _WIDTH;
    const int _n_filters = std::min(_WIDTH, _OUT_CHANNELS - _block % _BLOCKS * _WIDTH);
    double _norm[_WIDTH] = {0};
    for (int _n = 0; _n < _FAN_IN; _n++)
        for (int _channel = 0; _channel < _n_filters; _channel++)
        {
            const double _value = _filters[_n * _OUT_CHANNELS + _channel];
            _norm[_channel] += {{'fabs(_value)' if norm == 1 else '_value * _value'}};
        }
    for (int _channel = 0; _channel < _n_filters; _channel++)
        _norm[_channel] = _norm[_channel] > 0 ? {{norm_value}} / {{'' if norm == 1 else 'sqrt'}}(_norm[_channel]) : 1.0;
    for (int _n = 0; _n < _FAN_IN; _n++)
        for (int _channel = 0; _channel < _n_filters; _channel++)
            _filters[_n * _OUT_CHANNELS + _channel] *= _norm[_channel];
}
{%- endmacro %}
