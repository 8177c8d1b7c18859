{# Summarise each window of the source map: lanes take the channels of a target position #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import kernel, launch with context %}

{% block kernels %}
{% call kernel('pool', 128) %}
    constexpr int _OUT_ROWS = {{out_shape[1]}}, _OUT_COLS = {{out_shape[2]}}, _CHANNELS = {{out_shape[3]}}, _ALL = {{out_shape[0]}} * _OUT_ROWS * _OUT_COLS;
    constexpr int _IN_ROWS = {{in_shape[1]}}, _IN_COLS = {{in_shape[2]}};
    constexpr int _LANES = {{map_lanes(out_shape[3])}}, _PLACES = 128 / _LANES, _OF_EACH = (_CHANNELS + _LANES - 1) / _LANES;
    typedef {{c_data_type(_target_var.dtype)}} _scalar;
    typedef {{accumulator(_target_var.dtype)}} _long;
    {% if triangle %}
    __shared__ _long _lanes[_PLACES][_LANES];
    {% endif %}
    const int _lane = threadIdx.x % _LANES, _wanted = blockIdx.x * _PLACES + threadIdx.x / _LANES;
    const bool _here = _wanted < _ALL;
    const int _position = _here ? _wanted : _ALL - 1;
    const int _col = _position % _OUT_COLS, _row = _position / _OUT_COLS % _OUT_ROWS, _sample = _position / (_OUT_COLS * _OUT_ROWS);
    {{'_long' if kind != 'max' and in_chains(_target_var.dtype, kernel_size[0] * kernel_size[1]) else '_scalar'}} _summary[_OF_EACH];
    _scalar _values[_OF_EACH];
    {% if not windows.is_inside %}
    // a window may begin in the padding, and end in it or beyond
    const int _first_row = _row * {{stride[0]}} - {{windows.padding[0]}}, _first_col = _col * {{stride[1]}} - {{windows.padding[1]}};
    bool _none = true;
    {% endif %}
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    for (int _window = 0; _window < {{kernel_size[0] * kernel_size[1]}}; _window++)
    {
        {% if not windows.is_inside %}
        const int _wanted_row = _first_row + _window / {{kernel_size[1]}}, _wanted_col = _first_col + _window % {{kernel_size[1]}};
        const int _pre_row = min(max(_wanted_row, 0), _IN_ROWS - 1), _pre_col = min(max(_wanted_col, 0), _IN_COLS - 1);
        const bool _inside = _pre_row == _wanted_row && _pre_col == _wanted_col;
        {% else %}
        const int _pre_row = _row * {{stride[0]}} + _window / {{kernel_size[1]}}, _pre_col = _col * {{stride[1]}} + _window % {{kernel_size[1]}};
        {% endif %}
        #pragma unroll
        for (int _n = 0; _n < _OF_EACH; _n++)
        {
            const int _channel = min(_lane + _n * _LANES, _CHANNELS - 1);
            const int _pre_channel_idx = _channel, _pre_sample_idx = _sample;
            const int _pre_position_idx = (_sample * _IN_ROWS + _pre_row) * _IN_COLS + _pre_col;
            const int _pre_idx = _pre_position_idx * _CHANNELS + _channel;
            const int _vectorisation_idx = _pre_idx;
            {{vector_code|autoindent}}
            _values[_n] = _source;
        }
        {% if triangle %}
        _long _of_lane = 0;
        #pragma unroll
        for (int _n = 0; _n < _OF_EACH; _n++)
            _of_lane += _lane + _n * _LANES < _CHANNELS ? _values[_n] : 0;
        const _scalar _mean = _combined<_LANES>(_lanes[threadIdx.x / _LANES], _lane, _of_lane, [](_long _a, _long _b) { return _a + _b; }) / _CHANNELS;
        #pragma unroll
        for (int _n = 0; _n < _OF_EACH; _n++)
            {% if power != 1 %}
            _values[_n] = _values[_n] > _mean ? pow(_values[_n] - _mean, (_scalar) {{power}}) : 0;
            {% else %}
            _values[_n] = _values[_n] > _mean ? _values[_n] - _mean : 0;
            {% endif %}
        {% endif %}
        {% set _none = '_window == 0' if windows.is_inside else '_none' %}
        {% if not windows.is_inside %}
        if (!_inside) continue;  // not before the lanes of a position have met
        {% endif %}
        #pragma unroll
        for (int _n = 0; _n < _OF_EACH; _n++)
            {% if kind == 'max' %}
            _summary[_n] = {{_none}} || _values[_n] > _summary[_n] ? _values[_n] : _summary[_n];
            {% else %}
            _summary[_n] = {{_none}} ? _values[_n] : _summary[_n] + _values[_n];
            {% endif %}
        {% if not windows.is_inside %}
        _none = false;
        {% endif %}
    }
    {% if not windows.is_inside and kind == 'average' %}
    const int _size = min({{kernel_size[0]}}, _IN_ROWS + {{windows.padding[0]}} - _first_row) * min({{kernel_size[1]}}, _IN_COLS + {{windows.padding[1]}} - _first_col);
    {% endif %}
    {% set _size = kernel_size[0] * kernel_size[1] if windows.is_inside else '_size' %}
    #pragma unroll
    for (int _n = 0; _n < _OF_EACH; _n++)
        if (_here && _lane + _n * _LANES < _CHANNELS)
            {{get_array_name(_target_var)}}[(size_t) _position * _CHANNELS + _lane + _n * _LANES] = _summary[_n]{{' / %s' % _size if kind == 'average'}};
{% endcall %}
{% endblock %}

{% block launches %}
{{launch('pool', (out_shape[0] * out_shape[1] * out_shape[2] + 128 // map_lanes(out_shape[3]) - 1) // (128 // map_lanes(out_shape[3])), 128)}}
{% endblock %}
