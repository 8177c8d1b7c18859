{# Where many neurons are active and the kernel is larger than the maps, all products of a pair are a
   product of two matrices: receptive fields, a row for each tap, by activity, a column for each
   channel. Both are packed as the innermost loop reads them; a tile of taps by channels is summed in
   registers, a chain of positions at a time, and written once for each block of positions. #}
{% from 'conv_indices.cpp' import source_line with context %}

{# needs _post_neuron of the caller as its body, and _product, which the sums are written to #}
{% macro packed_nest(product, pre_code, pre_scalars, post_scalars) %}
{% set _type, _long = c_data_type(_target_var.dtype), accumulator(_target_var.dtype) %}
{% set _cuts = packed_tiles(geometry, batch_size, itemsize, registers()) %}
{% set _n_taps = geometry.kernel_size[0] * geometry.kernel_size[1] %}
constexpr int _N = {{_cuts.taps}}, _V = {{_cuts.channels}}, _DEPTH = {{_cuts.positions}}, _TILES = {{_cuts.tiles}};
constexpr int _STRIPS = (_OUT_CHANNELS + _V - 1) / _V, _BLOCKS = (_GROUP_IN + _N * _TILES - 1) / (_N * _TILES);
static thread_local std::vector<{{_type}}> _posts_here((size_t) _STRIPS * _V * _DEPTH);
{{_type}}* const _posts = _posts_here.data();
for (int _depth0 = 0; _depth0 < _POSITIONS; _depth0 += _DEPTH)
{
    const int _depth = std::min(_DEPTH, _POSITIONS - _depth0);
    {
        {{post_scalars|autoindent}}
        {{parallel(n_neurons)}}
        for (int _strip = 0; _strip < _STRIPS; _strip++)
        for (int _d = 0; _d < _depth; _d++)
        {
            const int _position = _depth0 + _d, _first = _strip * _V, _n_channels = std::min(_V, _OUT_CHANNELS - _first);
            {{_type}}* const _to = _posts + ((size_t) _strip * _DEPTH + _d) * _V;
            #pragma omp simd
            for (int _v = 0; _v < _n_channels; _v++)
            {
                const int _channel = _first + _v;
                {{caller()|indent(16)}}
                _to[_v] = _q{{product.number}};
            }
            for (int _v = _n_channels; _v < _V; _v++) _to[_v] = 0;
        }
    }
    {{pre_scalars|autoindent}}
    {{parallel(batch_size * geometry.n_connections // 16)}}
    for (int _block = 0; _block < {{_n_taps}} * _BLOCKS; _block++)
    {
        static thread_local std::vector<{{_type}}> _pres_here((size_t) _TILES * _DEPTH * _N);
        {{_type}}* const _pres = _pres_here.data();
        const int _krow = _block / _BLOCKS / _KCOLS, _kcol = _block / _BLOCKS % _KCOLS, _first_input = _block % _BLOCKS * _N * _TILES;
        const int _n_inputs = std::min(_N * _TILES, _GROUP_IN - _first_input), _n_tiles = (_n_inputs + _N - 1) / _N;
        for (int _d = 0; _d < _depth; _d++)
        {
            const int _position = _depth0 + _d, _col = _position % _OUT_COLS, _row = _position / _OUT_COLS % _OUT_ROWS;
            const int _pre_sample_idx = _position / (_OUT_ROWS * _OUT_COLS);
            const int _pre_position_idx = (_pre_sample_idx * _IN_ROWS + {{source_line(geometry, 'row')}}) * _IN_COLS + {{source_line(geometry, 'col')}};
            for (int _input = 0; _input < _n_tiles * _N; _input++)
            {
                const int _pre_channel_idx = std::min(_first_input + _input, _GROUP_IN - 1);  // a last tile may be part empty
                const int _pre_idx = _pre_position_idx * _IN_CHANNELS + _pre_channel_idx, _pre_sub_idx = _pre_idx + {{pre_start}};
                {{pre_code|join('\n')|indent(16)}}
                _pres[((size_t) (_input / _N) * _DEPTH + _d) * _N + _input % _N] = _p{{product.pre_number}};
            }
        }
        for (int _strip = 0; _strip < _STRIPS; _strip++)
        for (int _tile = 0; _tile < _n_tiles; _tile++)
        {
            const {{_type}}* const _a = _pres + (size_t) _tile * _DEPTH * _N;
            const {{_type}}* const _b = _posts + (size_t) _strip * _DEPTH * _V;
            {{_long}} _whole[_N][_V] = {0};
            for (int _d0 = 0; _d0 < _depth; _d0 += {{CHAIN}})
            {
                {{_type}} _sum[_N][_V];
                for (int _n = 0; _n < _N; _n++) for (int _v = 0; _v < _V; _v++) _sum[_n][_v] = 0;
                for (int _d = _d0; _d < std::min(_d0 + {{CHAIN}}, _depth); _d++)
                    #pragma GCC unroll {{_cuts.taps}}
                    for (int _n = 0; _n < _N; _n++)
                        #pragma omp simd
                        for (int _v = 0; _v < _V; _v++) _sum[_n][_v] += _a[_d * _N + _n] * _b[_d * _V + _v];
                for (int _n = 0; _n < _N; _n++) for (int _v = 0; _v < _V; _v++) _whole[_n][_v] += _sum[_n][_v];
            }
            const int _n_written = std::min(_N, _n_inputs - _tile * _N), _channels = std::min(_V, _OUT_CHANNELS - _strip * _V);
            for (int _n = 0; _n < _n_written; _n++)
            {
                {{_long}}* const _to = _product + (size_t) ((_krow * _KCOLS + _kcol) * _GROUP_IN + _first_input + _tile * _N + _n) * _OUT_CHANNELS + _strip * _V;
                if (_depth0) for (int _v = 0; _v < _channels; _v++) _to[_v] += _whole[_n][_v];
                else for (int _v = 0; _v < _channels; _v++) _to[_v] = _whole[_n][_v];
            }
        }
    }
}
{%- endmacro %}
