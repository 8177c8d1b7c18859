{# Each presynaptic neuron sums over its projective field: transposed convolution, feedback. Of a kernel
   of which few weights are left it visits those that are `listed`. #}
{% from 'conv_indices.cpp' import connection, kernel_line, projective_lines with context %}

{% macro pre_nest(code, listed) %}
{{parallel(batch_size * geometry.n_connections // 16)}}
for (int _line = 0; _line < _BATCH * _IN_ROWS; _line++)
{
    const int _sample = _line / _IN_ROWS, _pre_row = _line % _IN_ROWS;
    for (int _pre_col = 0; _pre_col < _IN_COLS; _pre_col++)
    for (int _group = 0; _group < _IN_CHANNELS / _GROUP_IN; _group++)
    for (int _in_channel = 0; _in_channel < _GROUP_IN; _in_channel++)
    {
        {{accumulator(_target_var.dtype)}} _sum = 0;
        {% call projective_lines(geometry, 'row') %}
        {% call projective_lines(geometry, 'col') %}
        {% if listed %}
        const int _list = ({{kernel_line(geometry)}}) / _OUT_CHANNELS * _GROUPS + _group;
        {{c_data_type(_target_var.dtype)}} _chain = 0;
        for (int _e = _starts[_list]; _e < _starts[_list + 1]; _e++)
        {
            const int _channel = _channels[_e];
            {{connection(geometry)|indent(16)}}
            {{code|join('\n')|indent(16)}}
            _chain += _synaptic_var;
        }
        _sum += _chain;
        {% else %}
        {% set _run = 8 * CHAIN %}
        for (int _first = _group * _GROUP_OUT; _first < (_group + 1) * _GROUP_OUT; _first += {{_run}})
        {
            {{c_data_type(_target_var.dtype)}} _chain = 0;  // in lanes, each of which is a chain
            #pragma omp simd reduction(+:_chain)
            for (int _channel = _first; _channel < std::min(_first + {{_run}}, (_group + 1) * _GROUP_OUT); _channel++)
            {
                {{connection(geometry)|indent(20)}}
                {{code|join('\n')|indent(20)}}
                _chain += _synaptic_var;
            }
            _sum += _chain;
        }
        {% endif %}
        {% endcall %}
        {% endcall %}
        _results[((_sample * _IN_ROWS + _pre_row) * _IN_COLS + _pre_col) * _IN_CHANNELS + _group * _GROUP_IN + _in_channel] = _sum;
    }
}
{%- endmacro %}
