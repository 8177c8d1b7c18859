{# Tell all windows that hold the neuron _neuron of the source map #}
{% macro tell_windows() %}
constexpr int _ROWS = {{in_shape[1]}}, _COLS = {{in_shape[2]}}, _CHANNELS = {{in_shape[3]}};
constexpr int _OUT_ROWS = {{out_shape[1]}}, _OUT_COLS = {{out_shape[2]}};
const int _channel = _neuron % _CHANNELS, _place = _neuron / _CHANNELS;
const int _sample = _place / (_ROWS * _COLS);
// counted from the first line of the padding
const int _row = _place / _COLS % _ROWS + {{windows.padding[0]}}, _col = _place % _COLS + {{windows.padding[1]}};
{% for line in ('row', 'col') %}
{% set _size, _stride = windows.kernel_size[loop.index0], windows.stride[loop.index0] %}
const int _first_{{line}} = (_{{line}} - {{_size}} + {{_stride}}) / {{_stride}}, _last_{{line}} = _{{line}} / {{_stride}};
{% endfor %}
for (int _y = _first_row > 0 ? _first_row : 0; _y <= _last_row && _y < _OUT_ROWS; _y++)
    for (int _x = _first_col > 0 ? _first_col : 0; _x <= _last_col && _x < _OUT_COLS; _x++)
        {{get_array_name(_target_var)}}[((_sample * _OUT_ROWS + _y) * _OUT_COLS + _x) * _CHANNELS + _channel] = true;
{%- endmacro %}
