{# Convolution as an implicit matrix product of positions by channels. Padding counts as inputs of 0. #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import kernel, launch with context %}
{% from 'conv_indices.cpp' import constants with context %}
{% from 'product_tile.cu' import TILE_BOUNDS, core_headers, core_helpers, each_sum, multiply, tile with context %}

{% block extra_headers %}
{{core_headers(tensor_cores(_target_var.dtype))}}
{% endblock %}

{% block extra_device_helper %}
{{super()}}
{{core_helpers(tensor_cores(_target_var.dtype))}}
{% endblock %}

{% block kernels %}
{% call kernel('sum', TILE_BOUNDS) %}
    {{constants(geometry, batch_size)|indent(4)}}
    typedef {{c_data_type(_target_var.dtype)}} _scalar;
    constexpr int _POSITIONS = _BATCH * _OUT_ROWS * _OUT_COLS, _TAPS = _KROWS * _KCOLS * _GROUP_IN;
    {% set _cut = in_chains(_target_var.dtype, geometry.fan_in) %}
    {% set _cores = tensor_cores(_target_var.dtype) %}
    {{tile(_cut, _cores)|indent(4)}}
    constexpr int _TILES = (_GROUP_OUT + _C - 1) / _C;
    const int _group = blockIdx.x / _TILES % _GROUPS, _channel0 = blockIdx.x % _TILES * _C;
    const int _position0 = blockIdx.x / (_TILES * _GROUPS) * _M;
    // what this thread fetches: one tap of four positions, and two taps of a channel
    const int _fetched_tap = threadIdx.x % _K, _fetched_position = threadIdx.x / _K;
    const int _fetched_channel = _channel0 + threadIdx.x % _C, _fetched_row = threadIdx.x / _C;
    int _rows[4], _cols[4], _samples[4];
    #pragma unroll
    for (int _n = 0; _n < 4; _n++)
    {
        const int _position = min(_position0 + _fetched_position + 32 * _n, _POSITIONS - 1);
        _cols[_n] = _position % _OUT_COLS * _STRIDE_COL - _PAD_COL;
        _rows[_n] = _position / _OUT_COLS % _OUT_ROWS * _STRIDE_ROW - _PAD_ROW;
        _samples[_n] = _position / (_OUT_COLS * _OUT_ROWS);
    }
    const auto _fetch = [&](int _tap0) {
        const int _tap = _tap0 + _fetched_tap, _in_channel = _tap % _GROUP_IN, _place = _tap / _GROUP_IN;
        const int _krow = _place / _KCOLS, _kcol = _place % _KCOLS;
        #pragma unroll
        for (int _n = 0; _n < 4; _n++)
        {
            {% if geometry.pads_neurons %}
            _next_left[_n] = 0;
            if (_tap < _TAPS)
            {
                const int _pre_row = _SOURCE_ROW[_rows[_n] + _PAD_ROW + _krow * _DILATE_ROW], _pre_col = _SOURCE_COL[_cols[_n] + _PAD_COL + _kcol * _DILATE_COL];
            {% else %}
            const int _pre_row = _rows[_n] + _krow * _DILATE_ROW, _pre_col = _cols[_n] + _kcol * _DILATE_COL;
            _next_left[_n] = 0;
            if (_tap < _TAPS && _pre_row >= 0 && _pre_row < _IN_ROWS && _pre_col >= 0 && _pre_col < _IN_COLS)
            {
            {% endif %}
                const int _pre_sample_idx = _samples[_n], _pre_channel_idx = _group * _GROUP_IN + _in_channel;
                const int _pre_position_idx = (_pre_sample_idx * _IN_ROWS + _pre_row) * _IN_COLS + _pre_col;
                const int _pre_idx = _pre_position_idx * _IN_CHANNELS + _pre_channel_idx, _pre_sub_idx = _pre_idx + {{pre_start}};
                const int _vectorisation_idx = _pre_idx;
                {{scalar_code['pre']|autoindent}}
                {{vector_code['pre']|join('\n')|indent(16)}}
                _next_left[_n] = _p;
            }
        }
        #pragma unroll
        for (int _n = 0; _n < 2; _n++)
        {
            const int _tap = _tap0 + _fetched_row + 4 * _n, _channel = _group * _GROUP_OUT + _fetched_channel;
            _next_right[_n] = 0;
            if (_tap < _TAPS && _fetched_channel < _GROUP_OUT)
            {
                const int _kernel_idx = _tap * _OUT_CHANNELS + _channel, _vectorisation_idx = _kernel_idx;
                {{scalar_code['kernel']|autoindent}}
                {{vector_code['kernel']|join('\n')|indent(16)}}
                _next_right[_n] = _k;
            }
        }
    };
    const auto _store = [&](int _buffer) {
        #pragma unroll
        for (int _n = 0; _n < 4; _n++) _left[_buffer][_fetched_tap][_fetched_position + 32 * _n] = _next_left[_n];
        #pragma unroll
        for (int _n = 0; _n < 2; _n++) _right[_buffer][_fetched_row + 4 * _n][threadIdx.x % _C] = _next_right[_n];
    };
    {{multiply('0', '_TAPS', _cut, _cores)|indent(4)}}
{% call each_sum(_cores) %}
    const int _position = _position0 + _tile_row, _channel = _channel0 + _tile_column;
    if (_position < _POSITIONS && _channel < _GROUP_OUT)
        {{get_array_name(_target_var)}}[(size_t) _position * _OUT_CHANNELS + _group * _GROUP_OUT + _channel] = _result;
{% endcall %}
{% endcall %}
{% endblock %}

{% block launches %}
{{launch('sum', (batch_size * geometry.out_shape.rows * geometry.out_shape.cols + 127) // 128 * (geometry.out_channels // geometry.out_channels_per_group) * ((geometry.out_channels_per_group + 63) // 64))}}
{% endblock %}
