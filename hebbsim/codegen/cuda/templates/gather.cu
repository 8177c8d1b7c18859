{# All connections of one element, shared out among the threads of a block: `element` and `terms` are
   the digits that number the element and its connections; runs the caller for each connection #}
{% from 'conv_indices.cpp' import connection, padded_line, source_line with context %}
{% from 'kernels.cu' import digits with context %}

{% macro connections_of(digits_of, threads=64) %}
    const int _element = blockIdx.x;
    {{digits('_element', digits_of.element)|indent(4)}}
    for (long long _term = threadIdx.x; _term < {{digits_of.n_terms}}LL; _term += {{threads}})
    {
        {{digits('_term', digits_of.terms)|indent(8)}}
        {% if digits_of.has('_pre_channel') %}
        const int _group = _pre_channel / _GROUP_IN, _in_channel = _pre_channel % _GROUP_IN, _channel = _group * _GROUP_OUT + _out_channel;
        {% else %}
        const int _group = _channel / _GROUP_OUT;
        {% endif %}
        {% if digits_of.has('_pre_row') %}
        const int _from_row = {{padded_line(geometry, 'row')}} - _krow * _DILATE_ROW, _row = _from_row / _STRIDE_ROW;
        const int _from_col = {{padded_line(geometry, 'col')}} - _kcol * _DILATE_COL, _col = _from_col / _STRIDE_COL;
        if (_from_row < 0 || _from_row % _STRIDE_ROW || _row >= _OUT_ROWS) continue;
        if (_from_col < 0 || _from_col % _STRIDE_COL || _col >= _OUT_COLS) continue;
        {% else %}
        const int _pre_row = {{source_line(geometry, 'row')}};
        const int _pre_col = {{source_line(geometry, 'col')}};
        {% if not geometry.pads_neurons %}
        if (_pre_row < 0 || _pre_row >= _IN_ROWS || _pre_col < 0 || _pre_col >= _IN_COLS) continue;
        {% endif %}
        {% endif %}
        {{connection(geometry)|indent(8)}}
        {{caller()}}
    }
{% endmacro %}
