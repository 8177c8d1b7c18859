{# Convolution as an implicit matrix product: a block of threads sums a tile of positions by channels,
   of which each thread holds a part in registers, from tiles of inputs and of the kernel in shared
   memory; the next tiles are fetched while these are summed. Padding counts as inputs of 0. #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import kernel, launch with context %}
{% from 'conv_indices.cpp' import constants with context %}

{% block kernels %}
{% call kernel('sum') %}
    {{constants(geometry, batch_size)|indent(4)}}
    typedef {{c_data_type(_target_var.dtype)}} _scalar;
    constexpr int _POSITIONS = _BATCH * _OUT_ROWS * _OUT_COLS, _TAPS = _KROWS * _KCOLS * _GROUP_IN;
    // of a block: positions, channels, taps at once; of a thread: positions, channels
    constexpr int _M = 128, _C = 64, _K = 8, _P = 8, _V = 4, _TILES = (_GROUP_OUT + _C - 1) / _C;
    __shared__ _scalar _inputs[2][_K][_M + 4], _weights[2][_K][_C];
    const int _group = blockIdx.x / _TILES % _GROUPS, _channel0 = blockIdx.x % _TILES * _C;
    const int _position0 = blockIdx.x / (_TILES * _GROUPS) * _M;
    const int _tx = threadIdx.x % (_C / _V), _ty = threadIdx.x / (_C / _V);
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
    _scalar _next_inputs[4], _next_weights[2], _sum[_P][_V];
    #pragma unroll
    for (int _n = 0; _n < _P * _V; _n++) _sum[_n / _V][_n % _V] = 0;
    const auto _fetch = [&](int _tap0) {
        const int _tap = _tap0 + _fetched_tap, _in_channel = _tap % _GROUP_IN, _place = _tap / _GROUP_IN;
        const int _krow = _place / _KCOLS, _kcol = _place % _KCOLS;
        #pragma unroll
        for (int _n = 0; _n < 4; _n++)
        {
            const int _pre_row = _rows[_n] + _krow * _DILATE_ROW, _pre_col = _cols[_n] + _kcol * _DILATE_COL;
            _next_inputs[_n] = 0;
            if (_tap < _TAPS && _pre_row >= 0 && _pre_row < _IN_ROWS && _pre_col >= 0 && _pre_col < _IN_COLS)
            {
                const int _pre_sample_idx = _samples[_n], _pre_channel_idx = _group * _GROUP_IN + _in_channel;
                const int _pre_position_idx = (_pre_sample_idx * _IN_ROWS + _pre_row) * _IN_COLS + _pre_col;
                const int _pre_idx = _pre_position_idx * _IN_CHANNELS + _pre_channel_idx, _pre_sub_idx = _pre_idx + {{pre_start}};
                const int _vectorisation_idx = _pre_idx;
                {{scalar_code['pre']|autoindent}}
                {{vector_code['pre']|join('\n')|indent(16)}}
                _next_inputs[_n] = _p;
            }
        }
        #pragma unroll
        for (int _n = 0; _n < 2; _n++)
        {
            const int _tap = _tap0 + _fetched_row + 4 * _n, _channel = _group * _GROUP_OUT + _fetched_channel;
            _next_weights[_n] = 0;
            if (_tap < _TAPS && _fetched_channel < _GROUP_OUT)
            {
                const int _kernel_idx = _tap * _OUT_CHANNELS + _channel, _vectorisation_idx = _kernel_idx;
                {{scalar_code['kernel']|autoindent}}
                {{vector_code['kernel']|join('\n')|indent(16)}}
                _next_weights[_n] = _k;
            }
        }
    };
    const auto _store = [&](int _buffer) {
        #pragma unroll
        for (int _n = 0; _n < 4; _n++) _inputs[_buffer][_fetched_tap][_fetched_position + 32 * _n] = _next_inputs[_n];
        #pragma unroll
        for (int _n = 0; _n < 2; _n++) _weights[_buffer][_fetched_row + 4 * _n][threadIdx.x % _C] = _next_weights[_n];
    };
    _fetch(0);
    _store(0);
    __syncthreads();
    for (int _tap0 = 0, _buffer = 0; _tap0 < _TAPS; _tap0 += _K, _buffer ^= 1)
    {
        if (_tap0 + _K < _TAPS) _fetch(_tap0 + _K);
        #pragma unroll
        for (int _n = 0; _n < _K; _n++)
        {
            _scalar _x[_P], _w[_V];
            #pragma unroll
            for (int _p = 0; _p < _P; _p++) _x[_p] = _inputs[_buffer][_n][_ty * _P + _p];
            #pragma unroll
            for (int _v = 0; _v < _V; _v++) _w[_v] = _weights[_buffer][_n][_tx * _V + _v];
            #pragma unroll
            for (int _p = 0; _p < _P; _p++)
                #pragma unroll
                for (int _v = 0; _v < _V; _v++) _sum[_p][_v] += _x[_p] * _w[_v];
        }
        if (_tap0 + _K < _TAPS) _store(_buffer ^ 1);
        __syncthreads();
    }
    #pragma unroll
    for (int _p = 0; _p < _P; _p++)
        #pragma unroll
        for (int _v = 0; _v < _V; _v++)
        {
            const int _position = _position0 + _ty * _P + _p, _channel = _channel0 + _tx * _V + _v;
            if (_position < _POSITIONS && _channel < _GROUP_OUT)
                {{get_array_name(_target_var)}}[(size_t) _position * _OUT_CHANNELS + _group * _GROUP_OUT + _channel] = _sum[_p][_v];
        }
{% endcall %}
{% endblock %}

{% block launches %}
{{launch('sum', (batch_size * geometry.out_shape.rows * geometry.out_shape.cols + 127) // 128 * (geometry.out_channels // geometry.out_channels_per_group) * ((geometry.out_channels_per_group + 63) // 64))}}
{% endblock %}
