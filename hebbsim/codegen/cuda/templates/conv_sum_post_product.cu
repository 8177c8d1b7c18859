{# Convolution as an implicit matrix product of positions by channels. Padding counts as inputs of 0. Where
   tiles are too few to keep a device busy, sums are cut into chunks of taps. #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import each, keep, kernel, launch with context %}
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
{% set _cut_taps = post_product_cut(geometry, batch_size) %}
{% set _long = accumulator(_target_var.dtype) %}
{% call kernel('sum', TILE_BOUNDS, _long ~ '* const _chunk_sums,' if _cut_taps.chunks > 1 else '') %}
    {{constants(geometry, batch_size)|indent(4)}}
    typedef {{c_data_type(_target_var.dtype)}} _scalar;
    constexpr int _POSITIONS = _BATCH * _OUT_ROWS * _OUT_COLS, _TAPS = _KROWS * _KCOLS * _GROUP_IN;
    {% set _cut = in_chains(_target_var.dtype, geometry.fan_in) %}
    {% set _cores = tensor_cores(_target_var.dtype) %}
    {{tile(_cut, _cores)|indent(4)}}
    constexpr int _TILES = (_GROUP_OUT + _C - 1) / _C;
    const int _group = blockIdx.x / _TILES % _GROUPS, _channel0 = blockIdx.x % _TILES * _C;
    constexpr int _ALL_TILES = {{_cut_taps.tiles}}, _CHUNKS = {{_cut_taps.chunks}}, _STEPS = (_TAPS + _K - 1) / _K;
    const int _position0 = blockIdx.x % _ALL_TILES / (_TILES * _GROUPS) * _M, _chunk = blockIdx.x / _ALL_TILES;
    const int _first_tap = _STEPS * _chunk / _CHUNKS * _K, _last_tap = _STEPS * (_chunk + 1) / _CHUNKS * _K;
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
    {{multiply('_first_tap', '_last_tap', _cut, _cores)|indent(4)}}
{% call each_sum(_cores) %}
    const int _position = _position0 + _tile_row, _channel = _channel0 + _tile_column;
    if (_position < _POSITIONS && _channel < _GROUP_OUT)
        {{'_chunk_sums' if _cut_taps.chunks > 1 else get_array_name(_target_var)}}[((size_t) _chunk * _POSITIONS + _position) * _OUT_CHANNELS + _group * _GROUP_OUT + _channel] = _result;
{% endcall %}
{% endcall %}
{% if _cut_taps.chunks > 1 %}
{% call kernel('total', 256, 'const ' ~ _long ~ '* const _chunk_sums,') %}
    constexpr int _SIZE = {{_target_var.size}};
    {{each('_SIZE')}}
    {{_long}} _sum = 0;
    #pragma unroll
    for (int _chunk = 0; _chunk < {{_cut_taps.chunks}}; _chunk++) _sum += _chunk_sums[(size_t) _chunk * _SIZE + _idx];
    {{get_array_name(_target_var)}}[_idx] = _sum;
{% endcall %}
{% endif %}
{% endblock %}

{% block scratch %}
{% set _cut_taps = post_product_cut(geometry, batch_size) %}
{% if _cut_taps.chunks > 1 %}
{{keep(accumulator(_target_var.dtype), '_chunk_sums', _cut_taps.chunks * _target_var.size)}}
{% endif %}
{% endblock %}

{% block launches %}
{% set _cut_taps = post_product_cut(geometry, batch_size) %}
{% if _cut_taps.chunks > 1 %}
{{launch('sum', _cut_taps.tiles * _cut_taps.chunks, 256, '_chunk_sums,')}}
{{launch('total', (_target_var.size + 255) // 256, 256, '_chunk_sums,')}}
{% else %}
{{launch('sum', _cut_taps.tiles)}}
{% endif %}
{% endblock %}
