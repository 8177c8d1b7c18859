{# A block of threads brings one sample to zero mean and unit deviation #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import kernel, launch with context %}
{% set _THREADS = 1024 %}

{% block kernels %}
{% call kernel('standardize', _THREADS) %}
    constexpr int _CHANNELS = {{memory_shape[3]}}, _SIZE = {{memory_shape[1] * memory_shape[2] * memory_shape[3]}};
    __shared__ double _lanes[{{_THREADS}}];
    const auto _add = [](double _a, double _b) { return _a + _b; };
    const int _sample_idx = blockIdx.x;
    {{c_data_type(_target_var.dtype)}}* const _out = {{get_array_name(_target_var)}} + (size_t) _sample_idx * _SIZE;
    {
        const int _vectorisation_idx = -1;
        {{scalar_code|autoindent}}
        constexpr int _AT_ONCE = 4;  // neurons that are read before the first of them is written
        for (int _next = threadIdx.x; _next < _SIZE; _next += {{_THREADS}} * _AT_ONCE)
        {
            {{c_data_type(_target_var.dtype)}} _read[_AT_ONCE];
            #pragma unroll
            for (int _k = 0; _k < _AT_ONCE; _k++)
            {
                const int _n = _next + {{_THREADS}} * _k;
                if (_n >= _SIZE) continue;
                const int _idx = _sample_idx * _SIZE + _n, _channel_idx = _n % _CHANNELS, _position_idx = _idx / _CHANNELS;
                const int _vectorisation_idx = _idx;
                {{vector_code|autoindent}}
                _read[_k] = _source;
            }
            #pragma unroll
            for (int _k = 0; _k < _AT_ONCE; _k++)
                if (_next + {{_THREADS}} * _k < _SIZE) _out[_next + {{_THREADS}} * _k] = _read[_k];
        }
    }
    __syncthreads();
    const double _first = _out[0];  {# sums relative to it keep their precision #}
    double _mean = 0, _variance = 0;
    #pragma unroll 4
    for (int _n = threadIdx.x; _n < _SIZE; _n += {{_THREADS}})
        _mean += _out[_n] - _first;
    _mean = _combined<{{_THREADS}}>(_lanes, threadIdx.x, _mean, _add) / _SIZE;
    #pragma unroll 4
    for (int _n = threadIdx.x; _n < _SIZE; _n += {{_THREADS}})
    {
        const double _difference = (_out[_n] - _first) - _mean;
        _variance += _difference * _difference;
    }
    _variance = _combined<{{_THREADS}}>(_lanes, threadIdx.x, _variance, _add) / _SIZE;
    const double _deviation = sqrt(_variance);
    const double _scale = _deviation > {{tolerance}} * fabs(_first) ? 1 / _deviation : 0;
    #pragma unroll 4
    for (int _n = threadIdx.x; _n < _SIZE; _n += {{_THREADS}})
        _out[_n] = ((_out[_n] - _first) - _mean) * _scale;
{% endcall %}
{% endblock %}

{% block launches %}
{{launch('standardize', memory_shape[0], _THREADS)}}
{% endblock %}
