{# STDP by order: what kernel element _element of channel _channel, at _idx, is changed by, for the winner
   at place _place of its map; needs code for `change` #}
{% macro sizes() %}
constexpr int _OUT_ROWS = {{out_shape[1]}}, _OUT_COLS = {{out_shape[2]}}, _OUT = {{geometry.out_channels}};
constexpr int _ROWS = {{in_shape[1]}}, _COLS = {{in_shape[2]}}, _IN = {{in_shape[3]}}, _FAN_IN = {{geometry.fan_in}};
{%- endmacro %}

{% macro spiked() %}
const int _row = _place / _OUT_COLS % _OUT_ROWS * {{geometry.stride[0]}} - {{geometry.padding[0]}}
    + _element / _IN / {{geometry.kernel_size[1]}} * {{geometry.dilation[0]}};
const int _col = _place % _OUT_COLS * {{geometry.stride[1]}} - {{geometry.padding[1]}}
    + _element / _IN % {{geometry.kernel_size[1]}} * {{geometry.dilation[1]}};
const bool _spiked = _row >= 0 && _row < _ROWS && _col >= 0 && _col < _COLS
    && {{_input_spiked}}[((_place / (_OUT_ROWS * _OUT_COLS) * _ROWS + _row) * _COLS + _col) * _IN + _element % _IN];
{%- endmacro %}

{# What ends a stimulus, once #}
{% macro count() %}
{{get_array_name(_n_stimuli_var)}}[0] += {{in_shape[0]}};
{% if counts %}
{{scalar_code['count']|autoindent}}
{% endif %}
{%- endmacro %}
