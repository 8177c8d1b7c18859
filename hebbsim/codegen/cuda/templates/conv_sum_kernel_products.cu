{# Each kernel element sums products that separate: kernel * sum over positions of post * pre. Active
   neurons are listed by chunk and channel, in their order. Where they are few, only they are visited
   (so that an infinite input of silent neurons goes unnoticed); else each product is a correlation of
   all: an implicit matrix product of taps by channels, in which padding counts as inputs of 0 (so that
   an infinite neuron at a border gives no number), unless there are too few of these. Which it is, is
   decided on the device. #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import column_sum, each, keep, kernel, launch with context %}
{% from 'conv_indices.cpp' import constants, source_line with context %}
{% from 'kernel_nest.cu' import kernel_sums with context %}
{% from 'product_tile.cu' import TILE_BOUNDS, core_headers, core_helpers, each_sum, multiply, tile with context %}

{% block extra_headers %}
{{core_headers(tensor_cores(_target_var.dtype) if product_cut(geometry, batch_size).tiled)}}
{% endblock %}

{% block extra_device_helper %}
{{super()}}
{{core_helpers(tensor_cores(_target_var.dtype) if product_cut(geometry, batch_size).tiled)}}
{% endblock %}

{# needs _position and _channel #}
{% macro _post_neuron() %}
const int _post_channel_idx = _channel, _post_position_idx = _position, _post_idx = _position * _OUT_CHANNELS + _channel;
const int _post_sample_idx = _position / (_OUT_ROWS * _OUT_COLS);
const int _vectorisation_idx = _post_idx;
{{vector_code['post']|join('\n')}}
{%- endmacro %}

{% macro _sizes() %}
{{constants(geometry, batch_size)}}
typedef {{c_data_type(_target_var.dtype)}} _scalar;
constexpr int _POSITIONS = _BATCH * _OUT_ROWS * _OUT_COLS, _TAPS = _KROWS * _KCOLS * _GROUP_IN;
constexpr int _SPARSE_CHUNKS = {{product_cut(geometry, batch_size).sparse}}, _DENSE_CHUNKS = {{product_cut(geometry, batch_size).dense}};
constexpr int _LISTS = {{product_cut(geometry, batch_size).lists}}, _LONGEST = (_POSITIONS + _LISTS - 1) / _LISTS;
// activity alone is summed once for all taps that meet the same positions
constexpr int _PLACES = {{'_KROWS * _KCOLS' if geometry.pads_zeros else '1'}};
{% endmacro %}

{% block kernels %}
{% set _correlations = products|rejectattr('pre_number', 'none')|list %}
{% set _plain = products|selectattr('pre_number', 'none')|list %}
{% set _long = accumulator(_target_var.dtype) %}
{% set _cut = product_cut(geometry, batch_size) %}
{% set _cores = tensor_cores(_target_var.dtype) %}
{% set _any_active %}{% for product in products %}_q{{product.number}} != 0{{'' if loop.last else ' || '}}{% endfor %}{% endset %}

{% call kernel('list', 32, 'int* const _active, int* const _counts, ' ~ _long ~ '* const _totals,') %}
    {{_sizes()|indent(4)}}
    const int _channel = blockIdx.x % ((_OUT_CHANNELS + 31) / 32) * 32 + threadIdx.x, _list = blockIdx.x / ((_OUT_CHANNELS + 31) / 32);
    if (_channel >= _OUT_CHANNELS) return;
    int* const _mine = _active + ((size_t) _list * _OUT_CHANNELS + _channel) * _LONGEST;
    int _count = 0;
    {% if _plain %}
    {{_long}} _total[{{_plain|length}}][_PLACES] = {};
    {% endif %}
    const int _vectorisation_idx = -1;
    {{scalar_code['post']|autoindent}}
    constexpr int _AT_ONCE = 8;  // neurons that are read before the first of them is listed: writing waits for reading
    const int _last = (long long) _POSITIONS * (_list + 1) / _LISTS;
    for (int _next = (long long) _POSITIONS * _list / _LISTS; _next < _last; _next += _AT_ONCE)
    {
        _scalar _read[_AT_ONCE][{{products|length}}];
        #pragma unroll
        for (int _n = 0; _n < _AT_ONCE; _n++)
        {
            const int _position = min(_next + _n, _last - 1);
            {{_post_neuron()|indent(12)}}
            {% for product in products %}
            _read[_n][{{loop.index0}}] = _q{{product.number}};
            {% endfor %}
        }
        #pragma unroll
        for (int _n = 0; _n < _AT_ONCE; _n++)
        {
            const int _position = _next + _n;
            {% for product in products %}
            const _scalar _q{{product.number}} = _read[_n][{{loop.index0}}];
            {% endfor %}
            if (_position >= _last || !({{_any_active}})) continue;
            _mine[_count++] = _position;
            {% if _plain and not geometry.pads_zeros %}
            {% for product in _plain %}
            _total[{{loop.index0}}][0] += _q{{product.number}};
            {% endfor %}
            {% elif _plain %}
            const int _col = _position % _OUT_COLS, _row = _position / _OUT_COLS % _OUT_ROWS;
            #pragma unroll
            for (int _place = 0; _place < _PLACES; _place++)
            {
                const int _pre_row = _row * _STRIDE_ROW - _PAD_ROW + _place / _KCOLS * _DILATE_ROW;
                const int _pre_col = _col * _STRIDE_COL - _PAD_COL + _place % _KCOLS * _DILATE_COL;
                if (_pre_row < 0 || _pre_row >= _IN_ROWS || _pre_col < 0 || _pre_col >= _IN_COLS) continue;
                {% for product in _plain %}
                _total[{{loop.index0}}][_place] += _q{{product.number}};
                {% endfor %}
            }
            {% endif %}
        }
    }
    _counts[_list * _OUT_CHANNELS + _channel] = _count;
    {% if _plain %}
    for (int _n = 0; _n < {{_plain|length}} * _PLACES; _n++)
        _totals[((size_t) _list * {{_plain|length}} * _PLACES + _n) * _OUT_CHANNELS + _channel] = _total[_n / _PLACES][_n % _PLACES];
    {% endif %}
{% endcall %}

{% call kernel('judge', 1024, 'const int* const _counts, int* const _crowded,') %}
    {{_sizes()|indent(4)}}
    __shared__ int _lanes[1024];
    int _n_active = 0;
    #pragma unroll 8
    for (int _n = threadIdx.x; _n < _LISTS * _OUT_CHANNELS; _n += 1024) _n_active += _counts[_n];
    _n_active = _combined<1024>(_lanes, threadIdx.x, _n_active, [](int _a, int _b) { return _a + _b; });
    if (threadIdx.x == 0) *_crowded = _n_active > _POSITIONS * _OUT_CHANNELS / {{dense_from}};
{% endcall %}

{% if _correlations %}
{# a block for a chunk of the lists of a channel, a thread for a tap #}
{% call kernel('sparse', 128, 'const int* const _active, const int* const _counts, const int* const _crowded, ' ~ _long ~ '* const _chunk_sums,') %}
    if (*_crowded) return;
    {{_sizes()|indent(4)}}
    constexpr int _TILES = (_TAPS + 127) / 128, _CHUNKS = _SPARSE_CHUNKS;
    const int _channel = blockIdx.x % _OUT_CHANNELS, _tap = blockIdx.x / _OUT_CHANNELS % _TILES * 128 + threadIdx.x, _chunk = blockIdx.x / (_OUT_CHANNELS * _TILES);
    if (_tap >= _TAPS) return;
    const int _group = _channel / _GROUP_OUT, _in_channel = _tap % _GROUP_IN, _kcol = _tap / _GROUP_IN % _KCOLS, _krow = _tap / (_GROUP_IN * _KCOLS);
    {{_long}} _sum[{{_correlations|length}}] = {};
    const int _vectorisation_idx = -1;
    {{scalar_code['post']|autoindent}}
    for (int _list = _LISTS * _chunk / _CHUNKS; _list < _LISTS * (_chunk + 1) / _CHUNKS; _list++)
    {
        const int* const _here = _active + ((size_t) _list * _OUT_CHANNELS + _channel) * _LONGEST;
        const int _count = _counts[_list * _OUT_CHANNELS + _channel];
        #pragma unroll 4
        for (int _n = 0; _n < _count; _n++)
        {
            const int _position = _here[_n];
            const int _col = _position % _OUT_COLS, _row = _position / _OUT_COLS % _OUT_ROWS, _pre_sample_idx = _position / (_OUT_ROWS * _OUT_COLS);
            const int _pre_row = {{source_line(geometry, 'row')}};
            const int _pre_col = {{source_line(geometry, 'col')}};
            {% if not geometry.pads_neurons %}
            if (_pre_row < 0 || _pre_row >= _IN_ROWS || _pre_col < 0 || _pre_col >= _IN_COLS) continue;
            {% endif %}
            {{_post_neuron()|indent(12)}}
            {
                const int _pre_position_idx = (_pre_sample_idx * _IN_ROWS + _pre_row) * _IN_COLS + _pre_col, _pre_channel_idx = _group * _GROUP_IN + _in_channel;
                const int _pre_idx = _pre_position_idx * _IN_CHANNELS + _pre_channel_idx, _pre_sub_idx = _pre_idx + {{pre_start}};
                const int _vectorisation_idx = _pre_idx;
                {{scalar_code['pre']|autoindent}}
                {{vector_code['pre']|join('\n')|indent(16)}}
                {% for product in _correlations %}
                _sum[{{loop.index0}}] += _q{{product.number}} * _p{{product.pre_number}};
                {% endfor %}
            }
        }
    }
    {% for product in _correlations %}
    _chunk_sums[((size_t) {{loop.index0}} * _CHUNKS + _chunk) * {{geometry.kernel_elements}} + _tap * _OUT_CHANNELS + _channel] = _sum[{{loop.index0}}];
    {% endfor %}
{% endcall %}

{% for product in _correlations %}
{% call kernel('dense%d' % product.number, TILE_BOUNDS if _cut.tiled else 256, 'const int* const _crowded, ' ~ _long ~ '* const _chunk_sums,') %}
    if (!*_crowded) return;
    {% if not _cut.tiled %}
    {% set _block = 'product%d' % product.number %}
    {{constants(geometry, batch_size)|indent(4)}}
{{kernel_sums(vector_code[_block], scalar_code[_block], kernel_cut(geometry, batch_size, False, False), '_s%d' % product.number)}}
    {% else %}
    {{_sizes()|indent(4)}}
    {% set _chains = in_chains(_target_var.dtype, batch_size * geometry.out_shape.rows * geometry.out_shape.cols // _cut.dense + 1) %}
    {{tile(_chains, _cores)|indent(4)}}
    constexpr int _TAP_TILES = (_TAPS + _M - 1) / _M, _CHANNEL_TILES = (_GROUP_OUT + _C - 1) / _C;
    const int _group = blockIdx.x / _CHANNEL_TILES % _GROUPS, _channel0 = blockIdx.x % _CHANNEL_TILES * _C;
    const int _tap0 = blockIdx.x / (_CHANNEL_TILES * _GROUPS) % _TAP_TILES * _M, _chunk = blockIdx.x / (_CHANNEL_TILES * _GROUPS * _TAP_TILES);
    const int _first_position = (long long) _POSITIONS * _chunk / _DENSE_CHUNKS, _last_position = (long long) _POSITIONS * (_chunk + 1) / _DENSE_CHUNKS;
    // what this thread fetches: a tap of four positions, and a channel of two
    const int _tap = _tap0 + threadIdx.x % _M, _in_channel = _tap % _GROUP_IN, _place = _tap / _GROUP_IN;
    const int _row0 = _place / _KCOLS * _DILATE_ROW - _PAD_ROW, _col0 = _place % _KCOLS * _DILATE_COL - _PAD_COL;
    const int _fetched_channel = _channel0 + threadIdx.x % _C, _channel = _group * _GROUP_OUT + _fetched_channel;
    const int _vectorisation_idx = -1;
    {{scalar_code['post']|autoindent}}
    const auto _fetch = [&](int _position0) {
        #pragma unroll
        for (int _n = 0; _n < 4; _n++)
        {
            const int _position = _position0 + threadIdx.x / _M + 2 * _n, _pre_sample_idx = _position / (_OUT_ROWS * _OUT_COLS);
            {% if geometry.pads_neurons %}
            _next_left[_n] = 0;
            if (_tap < _TAPS && _position < _last_position)
            {
                const int _pre_row = _SOURCE_ROW[_position / _OUT_COLS % _OUT_ROWS * _STRIDE_ROW + _row0 + _PAD_ROW], _pre_col = _SOURCE_COL[_position % _OUT_COLS * _STRIDE_COL + _col0 + _PAD_COL];
            {% else %}
            const int _pre_row = _position / _OUT_COLS % _OUT_ROWS * _STRIDE_ROW + _row0, _pre_col = _position % _OUT_COLS * _STRIDE_COL + _col0;
            _next_left[_n] = 0;
            if (_tap < _TAPS && _position < _last_position && _pre_row >= 0 && _pre_row < _IN_ROWS && _pre_col >= 0 && _pre_col < _IN_COLS)
            {
            {% endif %}
                const int _pre_position_idx = (_pre_sample_idx * _IN_ROWS + _pre_row) * _IN_COLS + _pre_col, _pre_channel_idx = _group * _GROUP_IN + _in_channel;
                const int _pre_idx = _pre_position_idx * _IN_CHANNELS + _pre_channel_idx, _pre_sub_idx = _pre_idx + {{pre_start}};
                const int _vectorisation_idx = _pre_idx;
                {{scalar_code['pre']|autoindent}}
                {{vector_code['pre']|join('\n')|indent(16)}}
                _next_left[_n] = _p{{product.pre_number}};
            }
        }
        #pragma unroll
        for (int _n = 0; _n < 2; _n++)
        {
            const int _position = _position0 + threadIdx.x / _C + 4 * _n;
            _next_right[_n] = 0;
            if (_fetched_channel < _GROUP_OUT && _position < _last_position)
            {
                {{_post_neuron()|indent(16)}}
                _next_right[_n] = _q{{product.number}};
            }
        }
    };
    const auto _store = [&](int _buffer) {
        #pragma unroll
        for (int _n = 0; _n < 4; _n++) _left[_buffer][threadIdx.x / _M + 2 * _n][threadIdx.x % _M] = _next_left[_n];
        #pragma unroll
        for (int _n = 0; _n < 2; _n++) _right[_buffer][threadIdx.x / _C + 4 * _n][threadIdx.x % _C] = _next_right[_n];
    };
    {{multiply('_first_position', '_last_position', _chains, _cores)|indent(4)}}
{% call each_sum(_cores) %}
    const int _row = _tap0 + _tile_row, _column = _channel0 + _tile_column;
    if (_row < _TAPS && _column < _GROUP_OUT)
        _chunk_sums[(size_t) _chunk * {{geometry.kernel_elements}} + _row * _OUT_CHANNELS + _group * _GROUP_OUT + _column] = _result;
{% endcall %}
    {% endif %}
{% endcall %}
{% endfor %}
{% endif %}

{% if _plain %}
{% call kernel('plain', 256, 'const ' ~ _long ~ '* const _totals, ' ~ _long ~ '* const _plain_sums,') %}
    {{_sizes()|indent(4)}}
    constexpr int _SUMS = {{_plain|length}} * _PLACES * _OUT_CHANNELS;
    {{column_sum(_long, '_totals', '_LISTS', '_SUMS')|indent(4)}}
    _plain_sums[_idx] = _sum;
{% endcall %}
{% endif %}

{% call kernel('total', 256, 'const int* const _crowded, const ' ~ _long ~ '* const _chunk_sums, const ' ~ _long ~ '* const _plain_sums,') %}
    {{_sizes()|indent(4)}}
    {{each(geometry.kernel_elements)}}
    const int _channel = _idx % _OUT_CHANNELS, _tap = _idx / _OUT_CHANNELS, _kernel_idx = _idx, _vectorisation_idx = _idx;
    {% if _correlations %}
    const int _chunks = *_crowded ? _DENSE_CHUNKS : _SPARSE_CHUNKS;
    {% endif %}
    {% for product in _correlations %}
    {{_long}} _s{{product.number}} = 0;
    #pragma unroll 8
    for (int _chunk = 0; _chunk < _chunks; _chunk++) _s{{product.number}} += _chunk_sums[((size_t) {{loop.index0}} * _chunks + _chunk) * {{geometry.kernel_elements}} + _idx];
    {% endfor %}
    {% for product in _plain %}
    const {{_long}} _s{{product.number}} = _plain_sums[({{loop.index0}} * _PLACES + {{'_tap / _GROUP_IN' if geometry.pads_zeros else '0'}}) * _OUT_CHANNELS + _channel];
    {% endfor %}
    {{scalar_code['kernel']|autoindent}}
    {{vector_code['kernel']|join('\n')|indent(4)}}
    {{get_array_name(_target_var)}}[_kernel_idx] = {{'%s[_kernel_idx] == 0 ? 0 : ' % get_array_name(_mask_var) if _mask_var is not none}}_synaptic_var;
{% endcall %}
{% endblock %}

{% block scratch %}
{% set _cut = product_cut(geometry, batch_size) %}
{% set _long = accumulator(_target_var.dtype) %}
{% set _n_plain = products|selectattr('pre_number', 'none')|list|length %}
{% set _positions = batch_size * geometry.out_shape.rows * geometry.out_shape.cols %}
{% set _n_places = geometry.kernel_size[0] * geometry.kernel_size[1] if geometry.pads_zeros else 1 %}
{{keep('int', '_active', '(size_t) %d * %d' % (_cut.lists * geometry.out_channels, (_positions + _cut.lists - 1) // _cut.lists))}}
{{keep('int', '_counts', _cut.lists * geometry.out_channels)}}
{{keep('int', '_crowded', 1)}}
{{keep(_long, '_chunk_sums', [products|length - _n_plain, 1]|max * [_cut.sparse, _cut.dense]|max * geometry.kernel_elements)}}
{{keep(_long, '_totals', [_n_plain, 1]|max * _cut.lists * _n_places * geometry.out_channels)}}
{{keep(_long, '_plain_sums', [_n_plain, 1]|max * _n_places * geometry.out_channels)}}
{% endblock %}

{% block launches %}
{% set _cut = product_cut(geometry, batch_size) %}
{% set _correlations = products|rejectattr('pre_number', 'none')|list %}
{{launch('list', _cut.lists * ((geometry.out_channels + 31) // 32), 32, '_active, _counts, _totals,')}}
{% if _correlations %}
{{launch('judge', 1, 1024, '_counts, _crowded,')}}
{{launch('sparse', geometry.out_channels * ((geometry.fan_in + 127) // 128) * _cut.sparse, 128, '_active, _counts, _crowded, _chunk_sums,')}}
{% for product in _correlations %}
{{launch('dense%d' % product.number, _cut.blocks, 256, '_crowded, _chunk_sums + (size_t) %d,' % (loop.index0 * _cut.dense * geometry.kernel_elements))}}
{% endfor %}
{% endif %}
{% set _n_plain = products|length - _correlations|length %}
{% if _n_plain %}
{% set _n_places = geometry.kernel_size[0] * geometry.kernel_size[1] if geometry.pads_zeros else 1 %}
{{launch('plain', (_n_plain * _n_places * geometry.out_channels + 31) // 32, 256, '_totals, _plain_sums,')}}
{% endif %}
{{launch('total', (geometry.kernel_elements + 255) // 256, 256, '_crowded, _chunk_sums, _plain_sums,')}}
{% endblock %}
