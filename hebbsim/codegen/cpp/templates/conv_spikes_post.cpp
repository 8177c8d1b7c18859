{# A postsynaptic spike visits its receptive field #}
{% extends 'conv_spikes.cpp' %}
{% from 'conv_indices.cpp' import after_connection, connection, source_line with context %}

{% block field %}
        const int _channel = _neuron % _OUT_CHANNELS, _group = _channel / _GROUP_OUT;
        const int _col = _neuron / _OUT_CHANNELS % _OUT_COLS, _row = _neuron / (_OUT_CHANNELS * _OUT_COLS) % _OUT_ROWS;
        const int _sample = _neuron / (_OUT_CHANNELS * _OUT_COLS * _OUT_ROWS);
        for (int _krow = 0; _krow < _KROWS; _krow++)
        {
            const int _pre_row = {{source_line(geometry, 'row')}};
            {% if not geometry.pads_neurons %}
            if (_pre_row < 0 || _pre_row >= _IN_ROWS) continue;
            {% endif %}
            for (int _kcol = 0; _kcol < _KCOLS; _kcol++)
            {
                const int _pre_col = {{source_line(geometry, 'col')}};
                {% if not geometry.pads_neurons %}
                if (_pre_col < 0 || _pre_col >= _IN_COLS) continue;
                {% endif %}
                {% if vectorise and not draws and ages|length == 1 %}
                #pragma omp simd
                {% endif %}
                for (int _in_channel = 0; _in_channel < _GROUP_IN; _in_channel++)
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
