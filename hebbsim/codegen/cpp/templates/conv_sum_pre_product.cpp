{# Each presynaptic neuron sums kernel * post over its projective field: transposed convolution, feedback.
   Columns that meet neighbouring columns of the target by one column of the kernel are summed in registers,
   by contiguous channels; input channels of the kernel are laid side by side first. #}
{% extends 'common_group.cpp' %}
{% from 'conv_indices.cpp' import constants, projective_lines, results with context %}
{% from 'left_elements.cpp' import list_lines with context %}
{% from 'pre_nest.cpp' import pre_nest with context %}

{# needs _run, _y, _weights and the channels from _first to _end #}
{% macro _add(length, step) %}
{
    _scalar _sum[{{length}}][_V];
    for (int _p = 0; _p < {{length}}; _p++) for (int _v = 0; _v < _V; _v++) _sum[_p][_v] = 0;
    for (int _channel = _first; _channel < _end; _channel++)
    {
        #pragma GCC unroll {{length}}
        for (int _p = 0; _p < {{length}}; _p++)
        {
            #pragma omp simd
            for (int _v = 0; _v < _V; _v++) _sum[_p][_v] += _y[_p * _OUT_CHANNELS + _channel] * _weights[_channel * _V + _v];
        }
    }
    for (int _p = 0; _p < {{length}}; _p++)
        for (int _v = 0; _v < _V; _v++) _whole[_run[1] + _p * {{step}}][_v] += _sum[_p][_v];
}
{%- endmacro %}

{# needs _RUNS, _piece, _col0, _group, _pre_row, _sample; chains of terms are added up in double precision #}
{% macro _tile(cols, channels, most, lengths, step) %}
constexpr int _V = {{channels.size}};
{% set _cut = in_chains(_target_var.dtype, geometry.kernel_size[0] * geometry.kernel_size[1] * geometry.out_channels_per_group) %}
{{'double' if _cut else '_scalar'}} _whole[{{cols.size}}][_V];
for (int _p = 0; _p < {{cols.size}}; _p++) for (int _v = 0; _v < _V; _v++) _whole[_p][_v] = 0;
{% call projective_lines(geometry, 'row') %}
const _scalar* const _line = _given + ((size_t) _sample * _OUT_ROWS + _row) * _OUT_COLS * _OUT_CHANNELS + _group * _GROUP_OUT;
for (int _r = 0; _r < {{most}} && _RUNS[_piece][_r][3]; _r++)
{
    const int* const _run = _RUNS[_piece][_r];
    const _scalar* const _y = _line + (size_t) _run[2] * _OUT_CHANNELS;
    const _scalar* const _weights = _turned + (size_t) _in_channel0 * _KROWS * _KCOLS * _OUT_CHANNELS + ((_krow * _KCOLS + _run[0]) * _OUT_CHANNELS + _group * _GROUP_OUT) * _V;
    {% if _cut %}
    for (int _first = 0, _end; _first < _GROUP_OUT; _first = _end)
    {
        _end = std::min(_first + {{even_chain(geometry.out_channels_per_group)}}, _GROUP_OUT);
    {% else %}
    {
        constexpr int _first = 0, _end = _GROUP_OUT;
    {% endif %}
        switch (_run[3])
        {
            {% for length in lengths %}
            case {{length}}: {{_add(length, step)|indent(12)}} break;
            {% endfor %}
        }
    }
}
{% endcall %}
for (int _p = 0; _p < {{cols.size}}; _p++)
    for (int _v = 0; _v < _V; _v++)
        _results[(((size_t) _sample * _IN_ROWS + _pre_row) * _IN_COLS + _col0 + _p) * _IN_CHANNELS + _group * _GROUP_IN + _in_channel0 + _v] = _whole[_p][_v];
{%- endmacro %}

{% block maincode %}
    {{constants(geometry, batch_size)|indent(4)}}
    typedef {{c_data_type(_target_var.dtype)}} _scalar;
    {{results()|indent(4)}}
    const size_t _vectorisation_idx = -1;
    {% set _cuts = pre_tiles(geometry, itemsize, registers()) %}
    {% if _listed_var is not none %}
    {{list_lines(get_array_name(_listed_var), sparse_from)|indent(4)}}
    if (_few_left)
    {
        {{scalar_code['direct']|autoindent}}
        {{pre_nest(vector_code['direct'], listed=true)|indent(8)}}
    }
    else
    {% endif %}
    {
        constexpr int _TAPS = _KROWS * _KCOLS * _GROUP_IN, _POSITIONS = _BATCH * _OUT_ROWS * _OUT_COLS;
        // thread_local: see other loops
        static thread_local std::vector<_scalar> _turned_here((size_t) _TAPS * _OUT_CHANNELS + 64 / sizeof(_scalar)), _given_here((size_t) _POSITIONS * _OUT_CHANNELS);
        // vectors of weights should not lie across two lines of the cache
        _scalar *const _turned = (_scalar*) (((uintptr_t) _turned_here.data() + 63) / 64 * 64), *const _given = _given_here.data();
        {
            {{scalar_code['kernel']|autoindent}}
            {{parallel(geometry.kernel_elements)}}
            for (int _tap = 0; _tap < _TAPS; _tap++)
            {
                const int _in_channel = _tap % _GROUP_IN;
                int _width = 1, _of_tile = 0;  // channels of a tile, and their first
                {% for channels in _cuts.channels %}
                if (_in_channel >= {{channels.start}})
                {
                    _width = {{channels.size}};
                    _of_tile = _in_channel - (_in_channel - {{channels.start}}) % {{channels.size}};
                }
                {% endfor %}
                _scalar* const _to = _turned + ((size_t) _of_tile * _KROWS * _KCOLS + _tap / _GROUP_IN * _width) * _OUT_CHANNELS + _in_channel - _of_tile;
                #pragma omp simd
                for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++)
                {
                    const int _kernel_idx = _tap * _OUT_CHANNELS + _channel, _post_channel_idx = _channel;
                    const int _pre_channel_idx = _channel / _GROUP_OUT * _GROUP_IN + _in_channel;
                    const size_t _vectorisation_idx = _kernel_idx;
                    {{vector_code['kernel']|join('\n')|indent(20)}}
                    _to[_channel * _width] = _k;
                }
            }
        }
        {
            {{scalar_code['post']|autoindent}}
            {{parallel('(size_t) _POSITIONS * _OUT_CHANNELS')}}
            for (int _position = 0; _position < _POSITIONS; _position++)
                #pragma omp simd
                for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++)
                {
                    const int _post_channel_idx = _channel, _post_position_idx = _position, _post_idx = _position * _OUT_CHANNELS + _channel;
                    const int _post_sample_idx = _position / (_OUT_ROWS * _OUT_COLS);
                    const size_t _vectorisation_idx = _post_idx;
                    {{vector_code['post']|join('\n')|indent(16)}}
                    _given[_post_idx] = _q;
                }
        }
        // which column of the kernel, and places in a tile and in the target, of how many columns
        {% for pieces in _cuts.runs %}
        static const int _RUNS{{loop.index0}}[][{{[pieces|map('length')|max, 1]|max}}][4] = {
            {% for runs in pieces %}
            { {% for run in runs %}{ {{run|join(', ')}} }, {% endfor %} },
            {% endfor %}
        };
        {% endfor %}
        // a strip of lines shares the kernels of some channels while they are in cache
        constexpr int _LINES = _BATCH * _IN_ROWS, _STRIPS = {{strips(batch_size, geometry.in_shape.rows, geometry.out_shape, itemsize)}};
        {{parallel(batch_size * geometry.n_connections // 16)}}
        for (int _strip = 0; _strip < _STRIPS; _strip++)
        for (int _group = 0; _group < _GROUPS; _group++)
        {
            {% for channels in _cuts.channels %}
            for (int _in_channel0 = {{channels.start}}; _in_channel0 < {{channels.stop}}; _in_channel0 += {{channels.size}})
            for (int _sample_row = (long) _LINES * _strip / _STRIPS; _sample_row < (long) _LINES * (_strip + 1) / _STRIPS; _sample_row++)
            {
                const int _sample = _sample_row / _IN_ROWS, _pre_row = _sample_row % _IN_ROWS;
                {% for cols in _cuts.cols %}
                {% set pieces = _cuts.runs[loop.index0] %}
                {% set _most = [pieces|map('length')|max, 1]|max %}
                for (int _piece = 0; _piece < {{cols.pieces}}; _piece++)
                {
                    const int _col0 = {{cols.start}} + _piece * {{cols.size}};
                    const int (*const _RUNS)[{{_most}}][4] = _RUNS{{loop.index0}};
                    {{_tile(cols, channels, _most, pieces|sum(start=[])|map(attribute='length')|unique|sort, _cuts.step)|indent(20)}}
                }
                {% endfor %}
            }
            {% endfor %}
        }
    }
{% endblock %}
