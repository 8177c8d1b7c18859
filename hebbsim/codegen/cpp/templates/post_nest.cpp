{# Each postsynaptic neuron sums over its receptive field: convolution. A tile of neighbouring
   positions by contiguous channels is summed in registers and stored once; a strip of tiles shares
   the kernels of some channels while they are in cache. #}
{% from 'conv_indices.cpp' import connection, source_line with context %}
{% from 'samples.cpp' import first_sample, last_sample with context %}

{% macro _contribution(code) %}
{{connection(geometry)}}
{{code|join('\n')}}
_sum[_p][_v] += _synaptic_var;
{%- endmacro %}

{% macro _whole_tap(code, positions) %}
for (int _in_channel = _first_input; _in_channel < _last_input; _in_channel++)
{
    #pragma GCC unroll {{positions}}
    for (int _p = 0; _p < _R * _C; _p++)
    {
        const int _row = _row0 + _p / _C, _pre_row = _first_row + _p / _C * _STRIDE_ROW;
        const int _col = _col0 + _p % _C, _pre_col = _first_col + _p % _C * _STRIDE_COL;
        #pragma omp simd
        for (int _v = 0; _v < _V; _v++)
        {
            const int _channel = _channel0 + _v;
            {{_contribution(code)|indent(12)}}
        }
    }
}
{%- endmacro %}

{% macro _add_chain() %}
for (int _p = 0; _p < _R * _C; _p++)
    for (int _v = 0; _v < _V; _v++)
    {
        _whole[_p][_v] += _sum[_p][_v];
        _sum[_p][_v] = 0;
    }
{%- endmacro %}

{% macro _tile(code, rows, cols, channels) %}
{
    constexpr int _R = {{rows}}, _C = {{cols}}, _V = {{channels}};
    {{c_data_type(_target_var.dtype)}} _sum[_R * _C][_V];
    for (int _p = 0; _p < _R * _C; _p++) for (int _v = 0; _v < _V; _v++) _sum[_p][_v] = 0;
    {% set _cut = in_chains(_target_var.dtype, geometry.fan_in) %}
    {% set _run = even_chain(geometry.in_channels_per_group) if _cut else geometry.in_channels_per_group %}
    {% if _cut %}
    // short chains of terms, added up in double precision
    double _whole[_R * _C][_V];
    for (int _p = 0; _p < _R * _C; _p++) for (int _v = 0; _v < _V; _v++) _whole[_p][_v] = 0;
    int _terms = 0;
    {% else %}
    auto& _whole = _sum;
    {% endif %}
    for (int _krow = 0; _krow < _KROWS; _krow++)
    for (int _kcol = 0; _kcol < _KCOLS; _kcol++)
    for (int _first_input = 0; _first_input < _GROUP_IN; _first_input += {{_run}})
    {
        const int _last_input = {{'std::min(_first_input + %d, _GROUP_IN)' % _run if _run < geometry.in_channels_per_group else '_GROUP_IN'}};
        const int _first_row = _row0 * _STRIDE_ROW - _PAD_ROW + _krow * _DILATE_ROW;
        const int _first_col = _col0 * _STRIDE_COL - _PAD_COL + _kcol * _DILATE_COL;
        {% if not geometry.pads_zeros and not geometry.pads_neurons %}
        {{_whole_tap(code, rows * cols)|indent(8)}}
        {% else %}
        if (_first_row >= 0 && _first_row + (_R - 1) * _STRIDE_ROW < _IN_ROWS && _first_col >= 0 && _first_col + (_C - 1) * _STRIDE_COL < _IN_COLS)
        {{_whole_tap(code, rows * cols)|indent(8)}}
        else  // part of the tile looks at the padding
        {
            for (int _p = 0; _p < _R * _C; _p++)
            {
                {% if geometry.pads_neurons %}
                const int _row = _row0 + _p / _C, _pre_row = {{source_line(geometry, 'row')}};
                const int _col = _col0 + _p % _C, _pre_col = {{source_line(geometry, 'col')}};
                {% else %}
                const int _row = _row0 + _p / _C, _pre_row = _first_row + _p / _C * _STRIDE_ROW;
                const int _col = _col0 + _p % _C, _pre_col = _first_col + _p % _C * _STRIDE_COL;
                if (_pre_row < 0 || _pre_row >= _IN_ROWS || _pre_col < 0 || _pre_col >= _IN_COLS) continue;
                {% endif %}
                for (int _in_channel = _first_input; _in_channel < _last_input; _in_channel++)
                    for (int _v = 0; _v < _V; _v++)
                    {
                        const int _channel = _channel0 + _v;
                        {{_contribution(code)|indent(24)}}
                    }
            }
        }
        {% endif %}
        {% if _cut %}
        _terms += {{_run}};
        if (_terms + {{_run}} <= {{CHAIN}}) continue;
        _terms = 0;
        {{_add_chain()|indent(8)}}
        {% endif %}
    }
    {% if _cut %}
    {{_add_chain()|indent(4)}}
    {% endif %}
    for (int _p = 0; _p < _R * _C; _p++)
        for (int _v = 0; _v < _V; _v++)
            _results[((_sample * _OUT_ROWS + _row0 + _p / _C) * _OUT_COLS + _col0 + _p % _C) * _OUT_CHANNELS + _channel0 + _v] = _whole[_p][_v];
}
{%- endmacro %}

{# All samples, or those that the call is for #}
{% macro post_nest(code, by_samples=false) %}
    {% set _cuts = post_tiles(geometry, itemsize, registers()) %}
    {% set _strips = strips(batch_size, _cuts.rows|sum('pieces'), geometry.in_shape, itemsize) %}
    constexpr int _ROW_TILES = {{_cuts.rows|sum('pieces')}};
    {% if by_samples %}
    const int _FIRST_LINE = {{first_sample()}} * _ROW_TILES, _LINES = {{last_sample()}} * _ROW_TILES - _FIRST_LINE;
    const int _STRIPS = _LINES == _BATCH * _ROW_TILES ? {{_strips}} : std::min(_LINES, {{FEWEST_STRIPS}});
    {% else %}
    constexpr int _FIRST_LINE = 0, _LINES = _BATCH * _ROW_TILES, _STRIPS = {{_strips}};
    {% endif %}
    {{parallel(batch_size * geometry.n_connections // 16)}}
    for (int _strip = 0; _strip < _STRIPS; _strip++)
    for (int _group = 0; _group < _OUT_CHANNELS / _GROUP_OUT; _group++)
    {
        {% for channels in _cuts.channels %}
        for (int _cut = {{channels.start}}; _cut < {{channels.stop}}; _cut += {{channels.size}})
        {
            const int _channel0 = _group * _GROUP_OUT + std::min(_cut, _GROUP_OUT - {{channels.size}});
            for (int _line = _FIRST_LINE + (long) _LINES * _strip / _STRIPS; _line < _FIRST_LINE + (long) _LINES * (_strip + 1) / _STRIPS; _line++)
            {
                const int _sample = _line / _ROW_TILES, _row_tile = _line % _ROW_TILES;
                {% for rows in _cuts.rows %}
                {{'' if loop.last else 'if (_row_tile < %d)' % rows.pieces}}
                {
                    const int _row0 = {{rows.start}} + (_row_tile - {{0 if loop.first else _cuts.rows[0].pieces}}) * {{rows.size}};
                    {% for cols in _cuts.cols %}
                    for (int _col0 = {{cols.start}}; _col0 < {{cols.stop}}; _col0 += {{cols.size}})
                    {{_tile(code, rows.size, cols.size, channels.size)|indent(20)}}
                    {% endfor %}
                    {{'' if loop.last else 'continue;'}}
                }
                {% endfor %}
            }
        }
        {% endfor %}
    }
{%- endmacro %}
