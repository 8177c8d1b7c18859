{% extends 'common_group.cpp' %}
{% from 'samples.cpp' import first_sample, last_sample with context %}

{% block maincode %}
    constexpr int _BATCH = {{memory_shape[0]}}, _CHANNELS = {{memory_shape[3]}}, _SIZE = {{memory_shape[1] * memory_shape[2] * memory_shape[3]}};
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {{parallel(n_neurons)}}
    for (int _sample_idx = {{first_sample()}}; _sample_idx < {{last_sample()}}; _sample_idx++)
    {
        {{c_data_type(_target_var.dtype)}}* const _out = {{get_array_name(_target_var)}} + _sample_idx * _SIZE;
        {% if not draws %}
        #pragma omp simd
        {% endif %}
        for (int _n = 0; _n < _SIZE; _n++)
        {
            const int _idx = _sample_idx * _SIZE + _n, _channel_idx = _n % _CHANNELS, _position_idx = _idx / _CHANNELS;
            const size_t _vectorisation_idx = _idx;
            {{vector_code|autoindent}}
            _out[_n] = _source;
        }
        const double _first = _out[0];  {# sums relative to it keep their precision #}
        double _mean = 0, _variance = 0;
        #pragma omp simd reduction(+:_mean)
        for (int _n = 0; _n < _SIZE; _n++)
            _mean += _out[_n] - _first;
        _mean /= _SIZE;
        #pragma omp simd reduction(+:_variance)
        for (int _n = 0; _n < _SIZE; _n++)
        {
            const double _difference = (_out[_n] - _first) - _mean;
            _variance += _difference * _difference;
        }
        const double _deviation = sqrt(_variance / _SIZE);
        const double _scale = _deviation > {{tolerance}} * fabs(_first) ? 1 / _deviation : 0;
        for (int _n = 0; _n < _SIZE; _n++)
            _out[_n] = ((_out[_n] - _first) - _mean) * _scale;
    }
{% endblock %}
