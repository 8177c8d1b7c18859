{# Each kernel element sums over every position and sample that shares it. A tile of kernel columns
   and input channels by contiguous output channels is summed in registers, a chain of positions at a
   time; all tiles pass over a few samples while these are in cache. A thread sums its share of the
   tiles. The target holds accumulators where there are more samples than these. #}
{% from 'conv_indices.cpp' import connection, source_line with context %}

{# a position of a sample: needs _sample, _row and _col #}
{% macro _position(code, term, kcols, in_channels) %}
const int _pre_row = {{source_line(geometry, 'row')}};
{% for name in cumulative %}
{{c_data_type(variables[name].dtype)}} _before_{{name}}s[_N] = {0};
{% endfor %}
#pragma GCC unroll {{kcols * in_channels}}
for (int _n = 0; _n < _N; _n++)
{
    const int _kcol = _kcol0 + _n / _I, _in_channel = _in_channel0 + _n % _I;
    const int _pre_col = {{source_line(geometry, 'col')}};
    {% if not cumulative %}
    #pragma omp simd
    {% endif %}
    for (int _v = 0; _v < _V; _v++)
    {
        const int _channel = _channel0 + _v;
        {{connection(geometry)|indent(8)}}
        {% for name in cumulative %}
        const {{c_data_type(variables[name].dtype)}} _before_{{name}} = _before_{{name}}s[_n];
        {% endfor %}
        {{code|join('\n')|indent(8)}}
        {% for name in cumulative %}
        _before_{{name}}s[_n] = {{name}};
        {% endfor %}
        _sum[_n][_v] += {{term}};
    }
}
{%- endmacro %}

{% macro _tile(code, target, term, kcols, in_channels, channels, samples) %}
{% set _rows, _cols = geometry.out_shape[1:] if geometry.weight_sharing else (1, 1) %}
{% set _cut = in_chains(_target_var.dtype, samples * _rows * _cols) %}
{% set _chain = chain(samples, _rows, _cols) if _cut else [samples, _rows, _cols] %}
{
    constexpr int _I = {{in_channels}}, _N = _I * {{kcols}}, _V = {{channels}};
    {% if channels > 4096 %}
    // a sum over so many channels one after the other doesn't fit on the stack
    static thread_local std::vector<{{c_data_type(_target_var.dtype)}}> _sum_here(_N * _V);
    auto& _sum = *({{c_data_type(_target_var.dtype)}} (*)[_N][_V]) _sum_here.data();
    {% else %}
    {{c_data_type(_target_var.dtype)}} _sum[_N][_V];
    {% endif %}
    {% if _cut %}
    {% if channels > 4096 %}
    static thread_local std::vector<double> _whole_here(_N * _V);
    auto& _whole = *(double (*)[_N][_V]) _whole_here.data();
    {% else %}
    double _whole[_N][_V];
    {% endif %}
    for (int _n = 0; _n < _N; _n++) for (int _v = 0; _v < _V; _v++) _whole[_n][_v] = 0;
    for (int _sample1 = _sample0; _sample1 < _sample_stop; _sample1 += {{_chain[0]}})
    {% if geometry.weight_sharing %}
    for (int _row1 = _row_start; _row1 < _row_stop; _row1 += {{_chain[1]}})
    for (int _col1 = _col_start; _col1 < _col_stop; _col1 += {{_chain[2]}})
    {% endif %}
    {% else %}
    auto& _whole = _sum;
    const int _sample1 = _sample0{{', _row1 = _row_start, _col1 = _col_start' if geometry.weight_sharing}};
    {% endif %}
    {
        for (int _n = 0; _n < _N; _n++) for (int _v = 0; _v < _V; _v++) _sum[_n][_v] = 0;
        const int _sample2 = std::min(_sample1 + {{_chain[0]}}, _sample_stop);
        {% if geometry.weight_sharing %}
        const int _row2 = std::min(_row1 + {{_chain[1]}}, _row_stop), _col2 = std::min(_col1 + {{_chain[2]}}, _col_stop);
        {% endif %}
        for (int _sample = _sample1; _sample < _sample2; _sample++)
        {% if geometry.weight_sharing %}
        for (int _row = _row1; _row < _row2; _row++)
        for (int _col = _col1; _col < _col2; _col++)
        {% endif %}
        {
            {{_position(code, term, kcols, in_channels)|indent(12)}}
        }
        {% if _cut %}
        for (int _n = 0; _n < _N; _n++) for (int _v = 0; _v < _V; _v++) _whole[_n][_v] += _sum[_n][_v];
        {% endif %}
    }
    for (int _n = 0; _n < _N; _n++)
        for (int _v = 0; _v < _V; _v++)
        {
            auto& _result = {{target}}[{{'_sample0 * %d + ' % geometry.kernel_elements if per_sample}}((_kernel * _KCOLS + _kcol0 + _n / _I) * _GROUP_IN + _in_channel0 + _n % _I) * _OUT_CHANNELS + _channel0 + _v];
            _result = _sample0 && {{'false' if per_sample else 'true'}} ? _result + _whole[_n][_v] : _whole[_n][_v];
        }
}
{%- endmacro %}

{% macro kernel_nest(code, target, term='_synaptic_var') %}
    {% set _cuts = kernel_tiles(geometry, batch_size, itemsize, registers(), running=cumulative|length > 0, per_sample=per_sample) %}
    {% set _each = namespace(pieces=0) %}
    constexpr int _KERNEL_ROWS = {{'' if geometry.weight_sharing else '_OUT_ROWS * _OUT_COLS * '}}_KROWS, _SHARES = {{[1, prefs.devices.cpp_standalone.openmp_threads]|max}};
    constexpr int _PIECES = {{_cuts.cols|sum('pieces') * _cuts.in_channels|sum('pieces') * _cuts.channels|sum('pieces')}}, _TILES = _KERNEL_ROWS * _GROUPS * _PIECES;
    {{parallel(batch_size * geometry.n_connections // 16)}}
    for (int _share = 0; _share < _SHARES; _share++)
    for (int _sample0 = 0; _sample0 < _BATCH; _sample0 += {{_cuts.samples}})
    for (int _tile = (long) _TILES * _share / _SHARES; _tile < (long) _TILES * (_share + 1) / _SHARES; _tile++)
    {
        const int _sample_stop = std::min(_sample0 + {{_cuts.samples}}, _BATCH);
        const int _piece = _tile % _PIECES, _group = _tile / _PIECES % _GROUPS;
        const int _kernel = _tile / (_PIECES * _GROUPS), _krow = _kernel % _KROWS;  // _kernel: row of it
        {% for kcols in _cuts.cols %}{% for inputs in _cuts.in_channels %}{% for channels in _cuts.channels %}
        {% set _first = _each.pieces %}{% set _each.pieces = _first + kcols.pieces * inputs.pieces * channels.pieces %}
        if (_piece >= {{_first}} && _piece < {{_each.pieces}})
        {
            const int _n = _piece - {{_first}};
            const int _channel0 = _group * _GROUP_OUT + {{channels.start}} + _n % {{channels.pieces}} * {{channels.size}};
            const int _in_channel0 = {{inputs.start}} + _n / {{channels.pieces}} % {{inputs.pieces}} * {{inputs.size}};
            const int _kcol0 = {{kcols.start}} + _n / {{channels.pieces * inputs.pieces}} * {{kcols.size}};
            {% if geometry.weight_sharing and geometry.pads_neurons %}
            const int _row_start = 0, _row_stop = _OUT_ROWS, _col_start = 0, _col_stop = _OUT_COLS;
            {% elif geometry.weight_sharing %}
            const int _row_start = _first_place(_krow, _PAD_ROW, _DILATE_ROW, _STRIDE_ROW), _row_stop = _last_place(_krow, _PAD_ROW, _DILATE_ROW, _STRIDE_ROW, _IN_ROWS, _OUT_ROWS);
            const int _col_start = _first_place(_kcol0, _PAD_COL, _DILATE_COL, _STRIDE_COL), _col_stop = {{'_OUT_COLS' if not geometry.padding[1] else '_last_place(_kcol0, _PAD_COL, _DILATE_COL, _STRIDE_COL, _IN_COLS, _OUT_COLS)'}};
            {% else %}
            const int _position = _kernel / _KROWS, _row = _position / _OUT_COLS, _col = _position % _OUT_COLS;
            {% if not geometry.pads_neurons %}
            const int _tap_row = _row * _STRIDE_ROW - _PAD_ROW + _krow * _DILATE_ROW;
            const int _tap_col = _col * _STRIDE_COL - _PAD_COL + _kcol0 * _DILATE_COL;
            if (_tap_row < 0 || _tap_row >= _IN_ROWS || _tap_col < 0 || _tap_col >= _IN_COLS)
            {
                for (int _i = 0; _i < {{inputs.size}}; _i++)
                    for (int _v = 0; _v < {{channels.size}}; _v++)
                        {{target}}[{{'_sample0 * %d + ' % geometry.kernel_elements if per_sample}}((_kernel * _KCOLS + _kcol0) * _GROUP_IN + _in_channel0 + _i) * _OUT_CHANNELS + _channel0 + _v] = 0;
                continue;
            }
            {% endif %}
            {% endif %}
            {{_tile(code, target, term, kcols.size, inputs.size, channels.size, _cuts.samples)|indent(12)}}
        }
        {% endfor %}{% endfor %}{% endfor %}
    }
{%- endmacro %}
