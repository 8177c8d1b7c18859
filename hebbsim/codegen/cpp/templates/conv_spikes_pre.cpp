{# A presynaptic spike visits its projective field #}
{% extends 'conv_spikes.cpp' %}
{% from 'conv_indices.cpp' import after_connection, connection, padded_line with context %}

{% block field %}
        const int _in = _neuron % _IN_CHANNELS, _group = _in / _GROUP_IN, _in_channel = _in % _GROUP_IN;
        const int _pre_col = _neuron / _IN_CHANNELS % _IN_COLS, _pre_row = _neuron / (_IN_CHANNELS * _IN_COLS) % _IN_ROWS;
        const int _sample = _neuron / (_IN_CHANNELS * _IN_COLS * _IN_ROWS);
        // the last element first: neurons in their order
        for (int _krow = _KROWS - 1; _krow >= 0; _krow--)
        {% if geometry.pads_neurons %}
        for (int _row_copy = 0; _row_copy < _ROW_COPIES; _row_copy++)
        {% endif %}
        {
            const int _from_row = {{padded_line(geometry, 'row')}} - _krow * _DILATE_ROW, _row = _from_row / _STRIDE_ROW;
            if (_from_row < 0 || _from_row % _STRIDE_ROW || _row >= _OUT_ROWS) continue;
            for (int _kcol = _KCOLS - 1; _kcol >= 0; _kcol--)
            {% if geometry.pads_neurons %}
            for (int _col_copy = 0; _col_copy < _COL_COPIES; _col_copy++)
            {% endif %}
            {
                const int _from_col = {{padded_line(geometry, 'col')}} - _kcol * _DILATE_COL, _col = _from_col / _STRIDE_COL;
                if (_from_col < 0 || _from_col % _STRIDE_COL || _col >= _OUT_COLS) continue;
                {% if marks %}
                {{_touched_rows}}[{{'' if geometry.weight_sharing else '(_row * _OUT_COLS + _col) * %d + ' % geometry.fan_in}}(_krow * _KCOLS + _kcol) * _GROUP_IN + _in_channel] = 1;
                {% endif %}
                {% if vectorise and not draws and ages|length == 1 %}
                #pragma omp simd
                {% endif %}
                for (int _channel = _group * _GROUP_OUT; _channel < (_group + 1) * _GROUP_OUT; _channel++)
                {
                    {{connection(geometry)|indent(20)}}
                    {% if ages|length > 1 %}
                    if ({{_steps}}[_kernel_idx] != _age) continue;
                    {% endif %}
                    {{vector_code|join('\n')|indent(20)}}
                    {{after_connection()|indent(20)}}
                }
            }
        }
{% endblock %}
