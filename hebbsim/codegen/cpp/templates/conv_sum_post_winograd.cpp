{# Each postsynaptic neuron sums kernel * pre over 3x3 positions, with 16 multiplications for 2x2
   neurons instead of 36: F(2x2, 3x3) of Lavin and Gray 2016 (CVPR, section 4.1). A silent receptive
   field still gives exactly 0, but weights of 0 would leave rounding where inputs don't: with any,
   or with numbers so large that their sums might overflow, every connection is visited. #}
{% extends 'common_group.cpp' %}
{% from 'conv_indices.cpp' import constants, results with context %}
{% from 'post_nest.cpp' import post_nest with context %}

{% block extra_headers %}
#include <algorithm>
#include <limits>
{% endblock %}

{% macro _source(channel) %}
const int _pre_channel_idx = {{channel}}, _pre_idx = _pre_position_idx * _IN_CHANNELS + _pre_channel_idx, _pre_sub_idx = _pre_idx + {{pre_start}};
const size_t _vectorisation_idx = _pre_idx;
{{vector_code['pre']|join('\n')}}
{%- endmacro %}

{% block maincode %}
    {{constants(geometry, batch_size)|indent(4)}}
    {% set _type = c_data_type(_target_var.dtype) %}
    {% set _cuts = winograd_blocks(geometry, batch_size, itemsize, registers(), prefs.devices.cpp_standalone.openmp_threads) %}
    typedef {{_type}} _scalar;
    {{results()|indent(4)}}
    const size_t _vectorisation_idx = -1;
    const _scalar _LARGE = std::sqrt(std::numeric_limits<_scalar>::max()) / 64;
    constexpr int _TILE_ROWS = (_OUT_ROWS + 1) / 2, _TILE_COLS = (_OUT_COLS + 1) / 2, _TILES = _TILE_ROWS * _TILE_COLS;
    constexpr int _BLOCK = {{_cuts.tiles}}, _BLOCKS = (_BATCH * _TILES + _BLOCK - 1) / _BLOCK, _STRIPE = {{_cuts.stripe}}, _WIDTH = {{_cuts.channels[-1].stop}};
    constexpr int _PADDED = _BLOCK | 1;  // the sums of a tile lie in different sets of a cache
    int _doubtful = 0;
    {
        // thread_local: Python threads that run networks of one shape share this code
        static thread_local std::vector<_scalar> _kernels_here(16 * (size_t) _IN_CHANNELS * _WIDTH);
        _scalar* const _kernels = _kernels_here.data();  // [run of channels][16][input][channel]
        {
            {{scalar_code['kernel']|autoindent}}
            std::vector<int> _doubts(_IN_CHANNELS);
            {{parallel(geometry.kernel_elements)}}
            for (int _in_channel = 0; _in_channel < _IN_CHANNELS; _in_channel++)
            {
                int _doubt = 0;
                {% for run in _cuts.channels %}
                for (int _first = {{run.start}}; _first < {{run.stop}}; _first += {{run.size}})
                    #pragma omp simd reduction(|:_doubt)
                    for (int _v = 0; _v < {{run.size}}; _v++)
                    {
                        const int _channel = std::min(_first + _v, _OUT_CHANNELS - 1);  // the rest is not stored
                        const int _post_channel_idx = _channel, _pre_channel_idx = _in_channel;
                        _scalar _g[9], _rows[12];
                        #pragma GCC unroll 9
                        for (int _tap = 0; _tap < 9; _tap++)
                        {
                            const int _kernel_idx = (_tap * _IN_CHANNELS + _in_channel) * _OUT_CHANNELS + _channel;
                            const size_t _vectorisation_idx = _kernel_idx;
                            {{vector_code['kernel']|join('\n')|indent(28)}}
                            _g[_tap] = _k;
                            _doubt |= _k != 0 && std::fabs(_k) <= _LARGE ? 0 : 1;
                        }
                        #pragma GCC unroll 3
                        for (int _n = 0; _n < 3; _n++)
                        {
                            _rows[_n] = _g[_n];
                            _rows[3 + _n] = (_g[_n] + _g[3 + _n] + _g[6 + _n]) / 2;
                            _rows[6 + _n] = (_g[_n] - _g[3 + _n] + _g[6 + _n]) / 2;
                            _rows[9 + _n] = _g[6 + _n];
                        }
                        #pragma GCC unroll 4
                        for (int _n = 0; _n < 4; _n++)
                        {
                            const _scalar* const _row = _rows + 3 * _n;
                            const _scalar _u[4] = {_row[0], (_row[0] + _row[1] + _row[2]) / 2, (_row[0] - _row[1] + _row[2]) / 2, _row[2]};
                            #pragma GCC unroll 4
                            for (int _m = 0; _m < 4; _m++)
                                _kernels[16 * (size_t) _IN_CHANNELS * _first + ((4 * _n + _m) * (size_t) _IN_CHANNELS + _in_channel) * {{run.size}} + _v] = _u[_m];
                        }
                    }
                {% endfor %}
                _doubts[_in_channel] = _doubt;
            }
            for (int _in_channel = 0; _in_channel < _IN_CHANNELS; _in_channel++) _doubtful |= _doubts[_in_channel];
        }
        {{scalar_code['pre']|autoindent}}
        std::vector<int> _doubts(_BLOCKS);
        {{parallel(batch_size * geometry.n_connections // 36)}}
        for (int _block = 0; _block < (_doubtful ? 0 : _BLOCKS); _block++)
        {
            int _doubt = 0;
            static thread_local std::vector<_scalar> _inputs_here(16 * (size_t) _BLOCK * _IN_CHANNELS), _sums_here(16 * (size_t) _PADDED * {{_cuts.channels[0].size}});
            _scalar* const _inputs = _inputs_here.data();  // [16][tile][input]
            _scalar* const _sums = _sums_here.data();  // [16][tile][channel]
            for (int _t = 0; _t < _BLOCK; _t++)
            {
                const int _tile = std::min(_block * _BLOCK + _t, _BATCH * _TILES - 1), _pre_sample_idx = _tile / _TILES;
                const int _first_row = _tile / _TILE_COLS % _TILE_ROWS * 2 - _PAD_ROW, _first_col = _tile % _TILE_COLS * 2 - _PAD_COL;
                _scalar _seen[16][_IN_CHANNELS], _rows[4][4][_IN_CHANNELS];
                for (int _n = 0; _n < 16; _n++)
                {
                    {% if geometry.pads_neurons %}
                    const int _padded_row = _first_row + _PAD_ROW + _n / 4, _padded_col = _first_col + _PAD_COL + _n % 4;
                    // a last tile may reach beyond the padding
                    const int _row = _padded_row < _IN_ROWS + 2 * _PAD_ROW ? _SOURCE_ROW[_padded_row] : -1;
                    const int _col = _padded_col < _IN_COLS + 2 * _PAD_COL ? _SOURCE_COL[_padded_col] : -1;
                    {% else %}
                    const int _row = _first_row + _n / 4, _col = _first_col + _n % 4;
                    {% endif %}
                    const int _outside = _row < 0 || _row >= _IN_ROWS || _col < 0 || _col >= _IN_COLS;
                    if (_outside)
                    {
                        std::fill_n(_seen[_n], _IN_CHANNELS, 0);
                        continue;
                    }
                    const int _pre_position_idx = (_pre_sample_idx * _IN_ROWS + _row) * _IN_COLS + _col;
                    #pragma omp simd reduction(|:_doubt)
                    for (int _in_channel = 0; _in_channel < _IN_CHANNELS; _in_channel++)
                    {
                        {{_source('_in_channel')|indent(24)}}
                        _seen[_n][_in_channel] = _p;
                        _doubt |= std::fabs(_p) <= _LARGE ? 0 : 1;
                    }
                }
                for (int _m = 0; _m < 4; _m++)
                    #pragma omp simd
                    for (int _in_channel = 0; _in_channel < _IN_CHANNELS; _in_channel++)
                    {
                        const _scalar _a = _seen[_m][_in_channel], _b = _seen[4 + _m][_in_channel], _c = _seen[8 + _m][_in_channel], _e = _seen[12 + _m][_in_channel];
                        _rows[0][_m][_in_channel] = _a - _c;
                        _rows[1][_m][_in_channel] = _b + _c;
                        _rows[2][_m][_in_channel] = _c - _b;
                        _rows[3][_m][_in_channel] = _b - _e;
                    }
                for (int _n = 0; _n < 4; _n++)
                {
                    const _scalar (&_row)[4][_IN_CHANNELS] = _rows[_n];
                    _scalar* const _to = _inputs + (4 * _n * _BLOCK + _t) * _IN_CHANNELS;
                    #pragma omp simd
                    for (int _in_channel = 0; _in_channel < _IN_CHANNELS; _in_channel++)
                    {
                        _to[_in_channel] = _row[0][_in_channel] - _row[2][_in_channel];
                        _to[_BLOCK * _IN_CHANNELS + _in_channel] = _row[1][_in_channel] + _row[2][_in_channel];
                        _to[2 * _BLOCK * _IN_CHANNELS + _in_channel] = _row[2][_in_channel] - _row[1][_in_channel];
                        _to[3 * _BLOCK * _IN_CHANNELS + _in_channel] = _row[1][_in_channel] - _row[3][_in_channel];
                    }
                }
            }
            _doubts[_block] = _doubt;
            {% for run in _cuts.channels %}
            for (int _first = {{run.start}}; _first < {{run.stop}}; _first += {{run.size}})
            {
                constexpr int _V = {{run.size}};
                for (int _n = 0; _n < 16; _n++)
                {
                    const _scalar* const _kernel = _kernels + 16 * (size_t) _IN_CHANNELS * _first + _n * (size_t) _IN_CHANNELS * _V;
                    for (int _t0 = 0; _t0 < _BLOCK; _t0 += _STRIPE)
                    {
                        const _scalar* const _input = _inputs + (_n * _BLOCK + _t0) * _IN_CHANNELS;
                        {# chains of a length that the compiler knows, whose sums are added up #}
                        {% set _run = even_chain(geometry.in_shape.channels) %}
                        {% for first in range(0, geometry.in_shape.channels, _run) %}
                        {
                            _scalar _sum[_STRIPE][_V];
                            for (int _t = 0; _t < _STRIPE; _t++) for (int _v = 0; _v < _V; _v++) _sum[_t][_v] = 0;
                            for (int _in_channel = {{first}}; _in_channel < {{[first + _run, geometry.in_shape.channels]|min}}; _in_channel++)
                            {
                                #pragma GCC unroll {{_cuts.stripe}}
                                for (int _t = 0; _t < _STRIPE; _t++)
                                {
                                    #pragma omp simd
                                    for (int _v = 0; _v < _V; _v++)
                                        _sum[_t][_v] += _kernel[_in_channel * _V + _v] * _input[_t * _IN_CHANNELS + _in_channel];
                                }
                            }
                            for (int _t = 0; _t < _STRIPE; _t++) for (int _v = 0; _v < _V; _v++) _sums[(_n * _PADDED + _t0 + _t) * _V + _v] {{'+=' if first else '='}} _sum[_t][_v];
                        }
                        {% endfor %}
                    }
                }
                const int _n_channels = std::min(_V, _OUT_CHANNELS - _first);
                for (int _t = 0; _t < std::min(_BLOCK, _BATCH * _TILES - _block * _BLOCK); _t++)
                {
                    const int _tile = _block * _BLOCK + _t, _sample = _tile / _TILES;
                    const int _row0 = _tile / _TILE_COLS % _TILE_ROWS * 2, _col0 = _tile % _TILE_COLS * 2;
                    _scalar _rows[2][4][_V], _out[4][_V];
                    for (int _n = 0; _n < 4; _n++)
                    {
                        const _scalar* const _a = _sums + (_n * _PADDED + _t) * _V, * const _b = _a + 4 * _PADDED * _V;
                        const _scalar* const _c = _b + 4 * _PADDED * _V, * const _e = _c + 4 * _PADDED * _V;
                        #pragma omp simd
                        for (int _v = 0; _v < _V; _v++)
                        {
                            _rows[0][_n][_v] = _a[_v] + _b[_v] + _c[_v];
                            _rows[1][_n][_v] = _b[_v] - _c[_v] - _e[_v];
                        }
                    }
                    for (int _n = 0; _n < 2; _n++)
                        #pragma omp simd
                        for (int _v = 0; _v < _V; _v++)
                        {
                            _out[2 * _n][_v] = _rows[_n][0][_v] + _rows[_n][1][_v] + _rows[_n][2][_v];
                            _out[2 * _n + 1][_v] = _rows[_n][1][_v] - _rows[_n][2][_v] - _rows[_n][3][_v];
                        }
                    for (int _n = 0; _n < 4; _n++)
                    {
                        const int _row = _row0 + _n / 2, _col = _col0 + _n % 2;
                        if (_row >= _OUT_ROWS || _col >= _OUT_COLS) continue;
                        {{_type}}* const _target = _results + ((_sample * _OUT_ROWS + _row) * _OUT_COLS + _col) * _OUT_CHANNELS + _first;
                        if (_n_channels == _V)
                            std::copy_n(_out[_n], _V, _target);
                        else
                            std::copy_n(_out[_n], _n_channels, _target);
                    }
                }
            }
            {% endfor %}
        }
        const int _n_blocks = _doubtful ? 0 : _BLOCKS;
        for (int _block = 0; _block < _n_blocks; _block++) _doubtful |= _doubts[_block];
    }
    if (_doubtful)
    {
        {{scalar_code['direct']|autoindent}}
{{post_nest(vector_code['direct'])}}
    }
{% endblock %}
