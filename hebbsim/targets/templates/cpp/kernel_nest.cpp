{# Each kernel element sums over every position and sample that shares it. A tile of kernel columns
   and input channels by contiguous output channels is summed in registers and stored once. #}
{% from 'conv_indices.cpp' import connection with context %}

{% macro _tile(code, kcols, in_channels, channels) %}
{
    {% set _first = '_sample * %d + ' % geometry.kernel_elements if per_sample else '' %}
    constexpr int _I = {{in_channels}}, _N = _I * {{kcols}}, _V = {{channels}};
    {{c_data_type(_target_var.dtype)}} _sum[_N][_V];
    for (int _n = 0; _n < _N; _n++) for (int _v = 0; _v < _V; _v++) _sum[_n][_v] = 0;
    {% if not per_sample %}
    for (int _sample = 0; _sample < _BATCH; _sample++)
    {% endif %}
    {% if geometry.weight_sharing %}
    for (int _row = _row_start; _row < _row_stop; _row++)
    for (int _col = _col_start; _col < _col_stop; _col++)
    {% endif %}
    {
        const int _pre_row = _row * _STRIDE_ROW - _PAD_ROW + _krow * _DILATE_ROW;
        {% for name in cumulative %}
        {{c_data_type(variables[name].dtype)}} _before_{{name}}s[_N] = {0};
        {% endfor %}
        #pragma GCC unroll {{kcols * in_channels}}
        for (int _n = 0; _n < _N; _n++)
        {
            const int _kcol = _kcol0 + _n / _I, _in_channel = _in_channel0 + _n % _I;
            const int _pre_col = _col * _STRIDE_COL - _PAD_COL + _kcol * _DILATE_COL;
            {% if not cumulative %}
            #pragma omp simd
            {% endif %}
            for (int _v = 0; _v < _V; _v++)
            {
                const int _channel = _channel0 + _v;
                {{connection(geometry)|indent(16)}}
                {% for name in cumulative %}
                const {{c_data_type(variables[name].dtype)}} _before_{{name}} = _before_{{name}}s[_n];
                {% endfor %}
                {{code|join('\n')|indent(16)}}
                {% for name in cumulative %}
                _before_{{name}}s[_n] = {{name}};
                {% endfor %}
                _sum[_n][_v] += _synaptic_var;
            }
        }
    }
    for (int _n = 0; _n < _N; _n++)
        for (int _v = 0; _v < _V; _v++)
            {{get_array_name(_target_var)}}[{{_first}}((_kernel * _KCOLS + _kcol0 + _n / _I) * _GROUP_IN + _in_channel0 + _n % _I) * _OUT_CHANNELS + _channel0 + _v] = _sum[_n][_v];
}
{%- endmacro %}

{% macro kernel_nest(code) %}
    {# without padding all columns of the kernel meet the same positions, and share a tile #}
    {% set _together = geometry.weight_sharing and not geometry.padding[1] and not cumulative %}
    {% set _inputs = cut(geometry.in_channels_per_group, (1,) if cumulative else position_sizes) %}
    {% set _kcols = cut(geometry.kernel_size[1], taps_beside(_inputs[0].size) if _together else (1,)) %}
    {# one run of kernel columns (of one position, if each has its own kernel) and group at a time #}
    constexpr int _RUNS = {{_kcols|length}}, _KERNEL_ROWS = {{'' if geometry.weight_sharing else '_OUT_ROWS * _OUT_COLS * '}}_KROWS;
    {% set _first = '_sample * %d + ' % geometry.kernel_elements if per_sample else '' %}
    {{openmp_pragma('parallel-static')}}
    for (int _block = 0; _block < {{'_BATCH * ' if per_sample else ''}}_KERNEL_ROWS * _GROUPS * _RUNS; _block++)
    {
        const int _run = _block % _RUNS, _group = _block / _RUNS % _GROUPS;
        {% if per_sample %}
        const int _sample = _block / (_RUNS * _GROUPS * _KERNEL_ROWS);
        {% endif %}
        const int _kernel = _block / (_RUNS * _GROUPS) % _KERNEL_ROWS, _krow = _kernel % _KROWS;  // _kernel: row of it
        {% for kcols in _kcols %}
        if (_run == {{loop.index0}})
        for (int _kcol0 = {{kcols.start}}; _kcol0 < {{kcols.stop}}; _kcol0 += {{kcols.size}})
        {
            {% if geometry.weight_sharing %}
            constexpr int _ROW_LAST = _IN_ROWS - 1 + _PAD_ROW, _COL_LAST = _IN_COLS - 1 + _PAD_COL;
            const int _row_start = std::max(0, (_PAD_ROW - _krow * _DILATE_ROW + _STRIDE_ROW - 1) / _STRIDE_ROW);
            const int _row_stop = _ROW_LAST < _krow * _DILATE_ROW ? 0 : std::min(_OUT_ROWS, (_ROW_LAST - _krow * _DILATE_ROW) / _STRIDE_ROW + 1);
            const int _col_start = std::max(0, (_PAD_COL - _kcol0 * _DILATE_COL + _STRIDE_COL - 1) / _STRIDE_COL);
            const int _col_stop = {{'_OUT_COLS' if _together else '_COL_LAST < _kcol0 * _DILATE_COL ? 0 : std::min(_OUT_COLS, (_COL_LAST - _kcol0 * _DILATE_COL) / _STRIDE_COL + 1)'}};
            {% else %}
            const int _position = _kernel / _KROWS, _row = _position / _OUT_COLS, _col = _position % _OUT_COLS;
            const int _tap_row = _row * _STRIDE_ROW - _PAD_ROW + _krow * _DILATE_ROW;
            const int _tap_col = _col * _STRIDE_COL - _PAD_COL + _kcol0 * _DILATE_COL;
            if (_tap_row < 0 || _tap_row >= _IN_ROWS || _tap_col < 0 || _tap_col >= _IN_COLS)
            {
                for (int _n = 0; _n < _GROUP_IN; _n++)
                    for (int _v = 0; _v < _GROUP_OUT; _v++)
                        {{get_array_name(_target_var)}}[{{_first}}((_kernel * _KCOLS + _kcol0) * _GROUP_IN + _n) * _OUT_CHANNELS + _group * _GROUP_OUT + _v] = 0;
                continue;
            }
            {% endif %}
            {% for channels in cut(geometry.out_channels_per_group, (geometry.out_channels_per_group,) if cumulative else vector_sizes) %}
            for (int _channel0 = _group * _GROUP_OUT + {{channels.start}}; _channel0 < _group * _GROUP_OUT + {{channels.stop}}; _channel0 += {{channels.size}})
            {
                {% for inputs in _inputs %}
                for (int _in_channel0 = {{inputs.start}}; _in_channel0 < {{inputs.stop}}; _in_channel0 += {{inputs.size}})
                {{_tile(code, kcols.size, inputs.size, channels.size)|indent(16)}}
                {% endfor %}
            }
            {% endfor %}
        }
        {% endfor %}
    }
{%- endmacro %}
