{# Summarise each window of the source map #}
{% extends 'common_group.cpp' %}
{% from 'local_array.cpp' import local_array %}
{% from 'samples.cpp' import first_sample, last_sample with context %}

{% block maincode %}
    constexpr int _BATCH = {{out_shape[0]}}, _OUT_ROWS = {{out_shape[1]}}, _OUT_COLS = {{out_shape[2]}}, _CHANNELS = {{out_shape[3]}};
    constexpr int _IN_ROWS = {{in_shape[1]}}, _IN_COLS = {{in_shape[2]}};
    typedef {{c_data_type(_target_var.dtype)}} _scalar;
    {% set _n_window = kernel_size[0] * kernel_size[1] %}
    typedef {{accumulator(_target_var.dtype) if in_chains(_target_var.dtype, _n_window) else '_scalar'}} _long;
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {{parallel(n_neurons)}}
    for (int _position = {{first_sample()}} * _OUT_ROWS * _OUT_COLS; _position < {{last_sample()}} * _OUT_ROWS * _OUT_COLS; _position++)
    {
        const int _col = _position % _OUT_COLS, _row = _position / _OUT_COLS % _OUT_ROWS, _sample = _position / (_OUT_COLS * _OUT_ROWS);
        {{local_array('_long' if kind != 'max' else '_scalar', '_summary', out_shape[3])|indent(8)}}
        {{local_array('_scalar', '_values', out_shape[3])|indent(8)}}
        {% if not windows.is_inside %}
        // a window may begin in the padding, and end in it or beyond
        const int _first_row = _row * {{stride[0]}} - {{windows.padding[0]}}, _first_col = _col * {{stride[1]}} - {{windows.padding[1]}};
        bool _none = true;
        {% endif %}
        for (int _window = 0; _window < {{kernel_size[0] * kernel_size[1]}}; _window++)
        {
            {% if not windows.is_inside %}
            const int _pre_row = _first_row + _window / {{kernel_size[1]}}, _pre_col = _first_col + _window % {{kernel_size[1]}};
            if (_pre_row < 0 || _pre_row >= _IN_ROWS || _pre_col < 0 || _pre_col >= _IN_COLS) continue;
            {% else %}
            const int _pre_row = _row * {{stride[0]}} + _window / {{kernel_size[1]}}, _pre_col = _col * {{stride[1]}} + _window % {{kernel_size[1]}};
            {% endif %}
            {% if not draws %}
            #pragma omp simd
            {% endif %}
            for (int _channel = 0; _channel < _CHANNELS; _channel++)
            {
                const int _pre_channel_idx = _channel, _pre_sample_idx = _sample;
                const int _pre_position_idx = (_sample * _IN_ROWS + _pre_row) * _IN_COLS + _pre_col;
                const int _pre_idx = _pre_position_idx * _CHANNELS + _channel;
                const size_t _vectorisation_idx = _pre_idx;
                {{vector_code|autoindent}}
                _values[_channel] = _source;
            }
            {% if triangle %}
            {{accumulator(_target_var.dtype) if out_shape[3] > 8 * CHAIN else '_scalar'}} _mean = 0;
            for (int _channel = 0; _channel < _CHANNELS; _channel++)
                _mean += _values[_channel];
            _mean /= _CHANNELS;
            for (int _channel = 0; _channel < _CHANNELS; _channel++)
                {% if power != 1 and kind != 'max' %}
                _values[_channel] = _values[_channel] > _mean ? pow(_values[_channel] - _mean, (_scalar) {{power}}) : 0;
                {% else %}
                _values[_channel] = _values[_channel] > _mean ? _values[_channel] - _mean : 0;
                {% endif %}
            {% endif %}
            {% set _none = '_window == 0' if windows.is_inside else '_none' %}
            for (int _channel = 0; _channel < _CHANNELS; _channel++)
                {% if kind == 'max' %}
                _summary[_channel] = {{_none}} || _values[_channel] > _summary[_channel] ? _values[_channel] : _summary[_channel];
                {% else %}
                _summary[_channel] = {{_none}} ? _values[_channel] : _summary[_channel] + _values[_channel];
                {% endif %}
            {% if not windows.is_inside %}
            _none = false;
            {% endif %}
        }
        {% if triangle and power != 1 and kind == 'max' %}
        // the power of the largest is the largest power
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            _summary[_channel] = pow(_summary[_channel], (_scalar) {{power}});
        {% endif %}
        {% if not windows.is_inside and kind == 'average' %}
        const int _size = std::min({{kernel_size[0]}}, _IN_ROWS + {{windows.padding[0]}} - _first_row) * std::min({{kernel_size[1]}}, _IN_COLS + {{windows.padding[1]}} - _first_col);
        {% endif %}
        {% set _size = kernel_size[0] * kernel_size[1] if windows.is_inside else '_size' %}
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
            {{get_array_name(_target_var)}}[_position * _CHANNELS + _channel] = _summary[_channel]{{' / %s' % _size if kind == 'average'}};
    }
{% endblock %}
