{# Each kernel element sums over every position and sample that shares it: plasticity. A tile of
   input channels by contiguous output channels is summed in registers and stored once. #}
{% extends 'common_group.cpp' %}
{% from 'conv_indices.cpp' import constants, connection with context %}

{% macro _tile(in_channels, channels) %}
{
    constexpr int _I = {{in_channels}}, _V = {{channels}};
    {{c_data_type(_target_var.dtype)}} _sum[_I][_V];
    for (int _n = 0; _n < _I; _n++) for (int _v = 0; _v < _V; _v++) _sum[_n][_v] = 0;
    for (int _sample = 0; _sample < _BATCH; _sample++)
    {% if geometry.weight_sharing %}
    for (int _row = _row_start; _row < _row_stop; _row++)
    for (int _col = _col_start; _col < _col_stop; _col++)
    {% endif %}
    {
        const int _pre_row = _row * _STRIDE_ROW - _PAD_ROW + _krow * _DILATE_ROW;
        const int _pre_col = _col * _STRIDE_COL - _PAD_COL + _kcol * _DILATE_COL;
        {% for name in cumulative %}
        {{c_data_type(variables[name].dtype)}} _before_{{name}}s[_I] = {0};
        {% endfor %}
        #pragma GCC unroll {{in_channels}}
        for (int _n = 0; _n < _I; _n++)
        {
            const int _in_channel = _in_channel0 + _n;
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
                {{vector_code|join('\n')|indent(16)}}
                {% for name in cumulative %}
                _before_{{name}}s[_n] = {{name}};
                {% endfor %}
                _sum[_n][_v] += _synaptic_var;
            }
        }
    }
    for (int _n = 0; _n < _I; _n++)
        for (int _v = 0; _v < _V; _v++)
            {{get_array_name(_target_var)}}[(_offset * _GROUP_IN + _in_channel0 + _n) * _OUT_CHANNELS + _channel0 + _v] = _sum[_n][_v];
}
{%- endmacro %}

{% block maincode %}
    {{constants(geometry, batch_size)|indent(4)}}
    constexpr int _GROUPS = _OUT_CHANNELS / _GROUP_OUT;
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {{openmp_pragma('parallel-static')}}
    {# one kernel offset (of one position, if each has a kernel of its own) and group at a time #}
    for (int _block = 0; _block < {{'' if geometry.weight_sharing else '_OUT_ROWS * _OUT_COLS * '}}_KROWS * _KCOLS * _GROUPS; _block++)
    {
        const int _group = _block % _GROUPS, _offset = _block / _GROUPS;
        const int _kcol = _offset % _KCOLS, _krow = _offset / _KCOLS % _KROWS;
        {% if geometry.weight_sharing %}
        constexpr int _ROW_LAST = _IN_ROWS - 1 + _PAD_ROW, _COL_LAST = _IN_COLS - 1 + _PAD_COL;
        const int _row_start = std::max(0, (_PAD_ROW - _krow * _DILATE_ROW + _STRIDE_ROW - 1) / _STRIDE_ROW);
        const int _row_stop = _ROW_LAST < _krow * _DILATE_ROW ? 0 : std::min(_OUT_ROWS, (_ROW_LAST - _krow * _DILATE_ROW) / _STRIDE_ROW + 1);
        const int _col_start = std::max(0, (_PAD_COL - _kcol * _DILATE_COL + _STRIDE_COL - 1) / _STRIDE_COL);
        const int _col_stop = _COL_LAST < _kcol * _DILATE_COL ? 0 : std::min(_OUT_COLS, (_COL_LAST - _kcol * _DILATE_COL) / _STRIDE_COL + 1);
        {% else %}
        const int _position = _offset / (_KROWS * _KCOLS), _row = _position / _OUT_COLS, _col = _position % _OUT_COLS;
        const int _tap_row = _row * _STRIDE_ROW - _PAD_ROW + _krow * _DILATE_ROW;
        const int _tap_col = _col * _STRIDE_COL - _PAD_COL + _kcol * _DILATE_COL;
        if (_tap_row < 0 || _tap_row >= _IN_ROWS || _tap_col < 0 || _tap_col >= _IN_COLS)
        {
            for (int _n = 0; _n < _GROUP_IN; _n++)
                for (int _v = 0; _v < _GROUP_OUT; _v++)
                    {{get_array_name(_target_var)}}[(_offset * _GROUP_IN + _n) * _OUT_CHANNELS + _group * _GROUP_OUT + _v] = 0;
            continue;
        }
        {% endif %}
        {% for channels in cut(geometry.out_channels_per_group, (geometry.out_channels_per_group,) if cumulative else vector_sizes) %}
        for (int _channel0 = _group * _GROUP_OUT + {{channels.start}}; _channel0 < _group * _GROUP_OUT + {{channels.stop}}; _channel0 += {{channels.size}})
        {
            {% for inputs in cut(geometry.in_channels_per_group, (1,) if cumulative else position_sizes) %}
            for (int _in_channel0 = {{inputs.start}}; _in_channel0 < {{inputs.stop}}; _in_channel0 += {{inputs.size}})
            {{_tile(inputs.size, channels.size)|indent(12)}}
            {% endfor %}
        }
        {% endfor %}
    }
{% endblock %}
