{# Tell all windows that hold a spike of the source map #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    constexpr int _ROWS = {{in_shape[1]}}, _COLS = {{in_shape[2]}}, _CHANNELS = {{in_shape[3]}};
    constexpr int _OUT_ROWS = {{out_shape[1]}}, _OUT_COLS = {{out_shape[2]}};
    const int32_t* const _spikes = {{get_array_name(_spikes_var)}};
    const int _n_spikes = _spikes[{{n_neurons}}];
    for (int _n = 0; _n < _n_spikes; _n++)
    {
        const int _channel = _spikes[_n] % _CHANNELS, _place = _spikes[_n] / _CHANNELS;
        const int _sample = _place / (_ROWS * _COLS);
        // counted from the first line of the padding
        const int _row = _place / _COLS % _ROWS + {{windows.padding[0]}}, _col = _place % _COLS + {{windows.padding[1]}};
        const int _last_row = std::min(_OUT_ROWS - 1, _row / {{windows.stride[0]}}), _last_col = std::min(_OUT_COLS - 1, _col / {{windows.stride[1]}});
        const int _first_row = std::max(0, (_row - {{windows.kernel_size[0]}} + {{windows.stride[0]}}) / {{windows.stride[0]}});
        const int _first_col = std::max(0, (_col - {{windows.kernel_size[1]}} + {{windows.stride[1]}}) / {{windows.stride[1]}});
        for (int _y = _first_row; _y <= _last_row; _y++)
            for (int _x = _first_col; _x <= _last_col; _x++)
                {{get_array_name(_target_var)}}[((_sample * _OUT_ROWS + _y) * _OUT_COLS + _x) * _CHANNELS + _channel] = true;
    }
{% endblock %}
