{# What the loops over a convolution share: its constants, and the indices of one connection #}
{% macro constants(geometry, batch_size) %}
constexpr int _BATCH = {{batch_size}};
constexpr int _IN_CHANNELS = {{geometry.in_shape.channels}}, _IN_ROWS = {{geometry.in_shape.rows}}, _IN_COLS = {{geometry.in_shape.cols}};
constexpr int _OUT_CHANNELS = {{geometry.out_channels}}, _OUT_ROWS = {{geometry.out_shape.rows}}, _OUT_COLS = {{geometry.out_shape.cols}};
constexpr int _KROWS = {{geometry.kernel_size[0]}}, _KCOLS = {{geometry.kernel_size[1]}};
constexpr int _GROUP_IN = {{geometry.in_channels_per_group}}, _GROUP_OUT = {{geometry.out_channels_per_group}};
constexpr int _GROUPS = _OUT_CHANNELS / _GROUP_OUT;
constexpr int _STRIDE_ROW = {{geometry.stride[0]}}, _STRIDE_COL = {{geometry.stride[1]}};
constexpr int _PAD_ROW = {{geometry.padding[0]}}, _PAD_COL = {{geometry.padding[1]}};
constexpr int _DILATE_ROW = {{geometry.dilation[0]}}, _DILATE_COL = {{geometry.dilation[1]}};
{% if geometry.pads_neurons %}
// the source row at each row of the padded map, where rows of the source come up again, and so on
{% for axis in ('ROW', 'COL') %}
constexpr int _SOURCE_{{axis}}[] = { {{geometry.source_lines[loop.index0]|join(', ')}} };
constexpr int _{{axis}}_COPIES = {{geometry.padded_lines[loop.index0].shape[1]}};
constexpr int _PADDED_{{axis}}[][_{{axis}}_COPIES] = { {% for copies in geometry.padded_lines[loop.index0] %}{ {{copies|join(', ')}} }{{'' if loop.last else ', '}}{% endfor %} };
{% endfor %}
{% endif %}
{% endmacro %}

{# The source row or column that a place of the target meets: `axis` is 'row' or 'col'. With zeros it may
   lie outside the map. #}
{% macro source_line(geometry, axis) %}
{% set AXIS = axis|upper %}
{% if geometry.pads_neurons %}
_SOURCE_{{AXIS}}[_{{axis}} * _STRIDE_{{AXIS}} + _k{{axis}} * _DILATE_{{AXIS}}]
{%- else %}
_{{axis}} * _STRIDE_{{AXIS}} - _PAD_{{AXIS}} + _k{{axis}} * _DILATE_{{AXIS}}
{%- endif %}
{% endmacro %}

{# Where a source row or column lies in the padded map; needs _row_copy or _col_copy where it may come up
   again. Less than 0 if there are not as many copies. #}
{% macro padded_line(geometry, axis) %}
{% set AXIS = axis|upper %}
{% if geometry.pads_neurons %}
_PADDED_{{AXIS}}[_pre_{{axis}}][_{{axis}}_copy]
{%- else %}
_pre_{{axis}} + _PAD_{{AXIS}}
{%- endif %}
{% endmacro %}

{# Loops over the rows (or columns) of the kernel by which a source row _pre_row (or column) meets a row of the
   target; backwards, so that neurons of the target come in their order, from the last that can meet one. #}
{% macro projective_lines(geometry, axis, backwards=False) %}
{% set AXIS = axis|upper %}
{% set _last = '_K%sS - 1'|format(AXIS) %}
{% if not backwards %}
for (int _k{{axis}} = 0; _k{{axis}} <= {{_last}}; _k{{axis}}++)
{% elif geometry.pads_neurons %}
for (int _k{{axis}} = {{_last}}; _k{{axis}} >= 0; _k{{axis}}--)
{% else %}
for (int _k{{axis}} = std::min({{_last}}, ({{padded_line(geometry, axis)}}) / _DILATE_{{AXIS}}); _k{{axis}} >= 0; _k{{axis}}--)
{% endif %}
{% if geometry.pads_neurons %}
for (int _{{axis}}_copy = 0; _{{axis}}_copy < _{{AXIS}}_COPIES; _{{axis}}_copy++)
{% endif %}
{
    const int _from_{{axis}} = {{padded_line(geometry, axis)}} - _k{{axis}} * _DILATE_{{AXIS}}, _{{axis}} = _from_{{axis}} / _STRIDE_{{AXIS}};
    {% if backwards and not geometry.pads_neurons %}
    if (_{{axis}} >= _OUT_{{AXIS}}S) break;
    {% endif %}
    if (_from_{{axis}} < 0 || _from_{{axis}} % _STRIDE_{{AXIS}} || _{{axis}} >= _OUT_{{AXIS}}S) continue;
    {{caller()|indent(4)}}
}
{%- endmacro %}

{# The place of a target neuron `_neuron` #}
{% macro post_place() %}
const int _channel = _neuron % _OUT_CHANNELS, _group = _channel / _GROUP_OUT;
const int _col = _neuron / _OUT_CHANNELS % _OUT_COLS, _row = _neuron / (_OUT_CHANNELS * _OUT_COLS) % _OUT_ROWS;
const int _sample = _neuron / (_OUT_CHANNELS * _OUT_COLS * _OUT_ROWS);
{%- endmacro %}

{# Flag the filter of a target neuron, which a spike changes #}
{% macro mark_filter() %}
{% if marks %}
{{_touched_filters}}[{{'' if geometry.weight_sharing else '(_row * _OUT_COLS + _col) * _OUT_CHANNELS + '}}_channel] = 1;
{% endif %}
{%- endmacro %}

{# Loops over the part of the receptive field of a place (_row, _col) that lies on the source map #}
{% macro receptive_field(geometry) %}
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
        {{caller()|indent(8)}}
    }
}
{%- endmacro %}

{# Where the kernel elements of an input channel at a place of the kernel begin, one for each target channel #}
{% macro kernel_line(geometry) %}
{% if geometry.weight_sharing %}
((_krow * _KCOLS + _kcol) * _GROUP_IN + _in_channel) * _OUT_CHANNELS
{%- else %}
((((_row * _OUT_COLS + _col) * _KROWS + _krow) * _KCOLS + _kcol) * _GROUP_IN + _in_channel) * _OUT_CHANNELS
{%- endif %}
{% endmacro %}

{# Needs _sample, _row, _col, _pre_row, _pre_col, _krow, _kcol, _group, _in_channel (within the
   group) and _channel (of the target) #}
{% macro connection(geometry) %}
const int _pre_channel_idx = _group * _GROUP_IN + _in_channel;
const int _pre_position_idx = (_sample * _IN_ROWS + _pre_row) * _IN_COLS + _pre_col;
const int _pre_sample_idx = _sample;
const int _pre_idx = _pre_position_idx * _IN_CHANNELS + _pre_channel_idx;
const int _pre_sub_idx = _pre_idx + {{pre_start}};  // in the group that a subgroup is part of
const int _post_channel_idx = _channel;
const int _post_position_idx = (_sample * _OUT_ROWS + _row) * _OUT_COLS + _col;
const int _post_sample_idx = _sample;
const int _post_idx = _post_position_idx * _OUT_CHANNELS + _channel;
const int _kernel_idx = {{kernel_line(geometry)}} + _channel;
const int _sample_kernel_idx = _sample * {{geometry.kernel_elements}} + _kernel_idx;
{%- endmacro %}


{# The range of target rows (or columns) that meet a kernel's row inside the source map #}
{% macro ranges() %}
const auto _first_place = [](int _tap, int _pad, int _dilate, int _stride) {
    return std::max(0, (_pad - _tap * _dilate + _stride - 1) / _stride);
};
const auto _last_place = [](int _tap, int _pad, int _dilate, int _stride, int _in, int _out) {
    const int _last = _in - 1 + _pad - _tap * _dilate;
    return _last < 0 ? 0 : std::min(_out, _last / _stride + 1);
};
{% endmacro %}

{# Where sums are written: where they belong, or aside while connections read what they sum to #}
{% macro results() %}
{% set _type = c_data_type(_target_var.dtype) %}
{% if buffered %}
static thread_local std::vector<{{_type}}> _results_here({{n_results}});
{% endif %}
{{_type}}* const _results = {{'_results_here.data()' if buffered else get_array_name(_target_var)}};
{% endmacro %}

{% macro write_results() %}
{% if buffered %}
std::copy(_results, _results + {{n_results}}, {{get_array_name(_target_var)}});
{% endif %}
{% endmacro %}

{# What ends the visit of a connection: adding up, and a look at the weight that it changed at once #}
{% macro after_connection(in_sums=False) %}
{% for addition, target, index in additions %}
{{'_sums%d' % loop.index0 if in_sums else get_array_name(target)}}[{{index}}] += {{addition}};
{% endfor %}
{% if looked_at %}
if (!(std::fabs({{get_array_name(looked_at)}}[_kernel_idx]) <= std::numeric_limits<{{c_data_type(looked_at.dtype)}}>::max()) && {{_nonfinite}} < 0) {{_nonfinite}} = _kernel_idx;
{% endif %}
{%- endmacro %}
