{# Each postsynaptic neuron sums over its receptive field: convolution. A tile of neighbouring
   positions by contiguous channels is summed in registers and stored once. #}
{% extends 'common_group.cpp' %}
{% from 'conv_indices.cpp' import constants, connection with context %}

{% macro _contribution() %}
{{connection(geometry)}}
{{vector_code|join('\n')}}
_sum[_p][_v] += _synaptic_var;
{%- endmacro %}

{% macro _tile(positions, channels) %}
{
    constexpr int _P = {{positions}}, _V = {{channels}};
    {{c_data_type(_target_var.dtype)}} _sum[_P][_V];
    for (int _p = 0; _p < _P; _p++) for (int _v = 0; _v < _V; _v++) _sum[_p][_v] = 0;
    for (int _krow = 0; _krow < _KROWS; _krow++)
    {
        const int _pre_row = _row * _STRIDE_ROW - _PAD_ROW + _krow * _DILATE_ROW;
        if (_pre_row < 0 || _pre_row >= _IN_ROWS) continue;
        for (int _kcol = 0; _kcol < _KCOLS; _kcol++)
        {
            const int _first_col = _col0 * _STRIDE_COL - _PAD_COL + _kcol * _DILATE_COL;
            const int _last_col = _first_col + (_P - 1) * _STRIDE_COL;
            if (_first_col >= 0 && _last_col < _IN_COLS)
            {
                for (int _in_channel = 0; _in_channel < _GROUP_IN; _in_channel++)
                {
                    #pragma GCC unroll {{positions}}
                    for (int _p = 0; _p < _P; _p++)
                    {
                        const int _col = _col0 + _p, _pre_col = _first_col + _p * _STRIDE_COL;
                        #pragma omp simd
                        for (int _v = 0; _v < _V; _v++)
                        {
                            const int _channel = _channel0 + _v;
                            {{_contribution()|indent(28)}}
                        }
                    }
                }
            }
            else  // part of the tile looks at the padding
            {
                for (int _p = 0; _p < _P; _p++)
                {
                    const int _col = _col0 + _p, _pre_col = _first_col + _p * _STRIDE_COL;
                    if (_pre_col < 0 || _pre_col >= _IN_COLS) continue;
                    for (int _in_channel = 0; _in_channel < _GROUP_IN; _in_channel++)
                        for (int _v = 0; _v < _V; _v++)
                        {
                            const int _channel = _channel0 + _v;
                            {{_contribution()|indent(28)}}
                        }
                }
            }
        }
    }
    for (int _p = 0; _p < _P; _p++)
        for (int _v = 0; _v < _V; _v++)
            {{get_array_name(_target_var)}}[((_sample * _OUT_ROWS + _row) * _OUT_COLS + _col0 + _p) * _OUT_CHANNELS + _channel0 + _v] = _sum[_p][_v];
}
{%- endmacro %}

{% block maincode %}
    {{constants(geometry, batch_size)|indent(4)}}
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {{openmp_pragma('parallel-static')}}
    for (int _line = 0; _line < _BATCH * _OUT_ROWS; _line++)
    {
        const int _sample = _line / _OUT_ROWS, _row = _line % _OUT_ROWS;
        for (int _group = 0; _group < _OUT_CHANNELS / _GROUP_OUT; _group++)
        {
            {% for channels in cut(geometry.out_channels_per_group, vector_sizes) %}
            for (int _channel0 = _group * _GROUP_OUT + {{channels.start}}; _channel0 < _group * _GROUP_OUT + {{channels.stop}}; _channel0 += {{channels.size}})
            {
                {% for cols in cut(geometry.out_shape.cols, position_sizes) %}
                for (int _col0 = {{cols.start}}; _col0 < {{cols.stop}}; _col0 += {{cols.size}})
                {{_tile(cols.size, channels.size)|indent(16)}}
                {% endfor %}
            }
            {% endfor %}
        }
    }
{% endblock %}
