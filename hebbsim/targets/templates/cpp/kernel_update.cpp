{# ALLOWS_SCALAR_WRITE
   Apply the accumulated change to every kernel element, then normalise filters, then look for
   values that are not finite #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    constexpr int _ELEMENTS = {{geometry.kernel_elements}}, _FAN_IN = {{geometry.fan_in}}, _OUT_CHANNELS = {{geometry.out_channels}};
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    for (int _idx = 0; _idx < _ELEMENTS; _idx++)
    {
        const size_t _vectorisation_idx = _idx;
        {{vector_code|autoindent}}
    }
    {% set _w = get_array_name(_weight_var) %}
    {% if norm %}
    {{openmp_pragma('parallel-static')}}
    for (int _kernel = 0; _kernel < _ELEMENTS / (_FAN_IN * _OUT_CHANNELS); _kernel++)
    {
        const int _first = _kernel * _FAN_IN * _OUT_CHANNELS;
        std::vector<double> _norm(_OUT_CHANNELS, 0.0);
        for (int _n = 0; _n < _FAN_IN; _n++)
            for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++)
            {
                const double _value = {{_w}}[_first + _n * _OUT_CHANNELS + _channel];
                _norm[_channel] += {{'fabs(_value)' if norm == 1 else '_value * _value'}};
            }
        for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++)
            _norm[_channel] = _norm[_channel] > 0 ? {{norm_value}} / {{'' if norm == 1 else 'sqrt'}}(_norm[_channel]) : 1.0;
        for (int _n = 0; _n < _FAN_IN; _n++)
            for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++)
                {{_w}}[_first + _n * _OUT_CHANNELS + _channel] *= _norm[_channel];
    }
    {% endif %}
    {{_nonfinite}} = -1;
    for (int _idx = 0; _idx < _ELEMENTS; _idx++)
        if (!std::isfinite({{_w}}[_idx]))
        {
            {{_nonfinite}} = _idx;
            break;
        }
    {% if standalone %}
    if ({{_nonfinite}} >= 0)
    {
        std::cerr << "{{owner.name}}: '{{_weight_var.name}}' is not finite at kernel element " << {{_nonfinite}} << "; lower the learning rate, or bound or normalise the weights" << std::endl;
        std::exit(1);
    }
    {% endif %}
{% endblock %}
