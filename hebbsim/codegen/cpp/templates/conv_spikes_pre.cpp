{# A presynaptic spike visits its projective field #}
{% extends 'conv_spikes.cpp' %}
{% from 'conv_indices.cpp' import connection with context %}

{% block field %}
        const int _in = _neuron % _IN_CHANNELS, _group = _in / _GROUP_IN, _in_channel = _in % _GROUP_IN;
        const int _pre_col = _neuron / _IN_CHANNELS % _IN_COLS, _pre_row = _neuron / (_IN_CHANNELS * _IN_COLS) % _IN_ROWS;
        const int _sample = _neuron / (_IN_CHANNELS * _IN_COLS * _IN_ROWS);
        for (int _krow = 0; _krow < _KROWS; _krow++)
        {
            const int _from_row = _pre_row + _PAD_ROW - _krow * _DILATE_ROW, _row = _from_row / _STRIDE_ROW;
            if (_from_row < 0 || _from_row % _STRIDE_ROW || _row >= _OUT_ROWS) continue;
            for (int _kcol = 0; _kcol < _KCOLS; _kcol++)
            {
                const int _from_col = _pre_col + _PAD_COL - _kcol * _DILATE_COL, _col = _from_col / _STRIDE_COL;
                if (_from_col < 0 || _from_col % _STRIDE_COL || _col >= _OUT_COLS) continue;
                {% if vectorise %}
                #pragma omp simd
                {% endif %}
                for (int _channel = _group * _GROUP_OUT; _channel < (_group + 1) * _GROUP_OUT; _channel++)
                {
                    {{connection(geometry)|indent(20)}}
                    {{vector_code|join('\n')|indent(20)}}
                    {% for addition, target, index in additions %}
                    {{get_array_name(target)}}[{{index}}] += {{addition}};
                    {% endfor %}
                }
            }
        }
{% endblock %}
