{# Each postsynaptic neuron sums kernel * pre over the elements of a pruned kernel that aren't 0. Some
   samples lie side by side, so that an element meets a run of them and of positions at once: what a
   stripe of the target sees is turned around first. Where more of the kernel is left, every
   connection is visited. #}
{% extends 'common_group.cpp' %}
{% from 'conv_indices.cpp' import constants, results with context %}
{% from 'left_elements.cpp' import count_elements, list_elements with context %}
{% from 'post_nest.cpp' import post_nest with context %}

{# The row or column of the source at a place of the padded map, less than 0 outside #}
{% macro _source_of(place, axis) %}
{% set AXIS = axis|upper %}
{% if geometry.pads_neurons %}
_SOURCE_{{AXIS}}[{{place}}]
{%- else %}
({{place}} < _PAD_{{AXIS}} || {{place}} - _PAD_{{AXIS}} >= _IN_{{AXIS}}S ? -1 : {{place}} - _PAD_{{AXIS}})
{%- endif %}
{% endmacro %}

{# The rows of a matrix become its columns. There are a power of two of them: each round interleaves the
   two halves. #}
{% macro _turned(name, matrix, other, rows, columns) %}
_scalar *{{name}} = {{matrix}}, *{{name}}_next = {{other}};
for (int _rows = {{rows}}; _rows > 1; _rows /= 2)
{
    constexpr int _HALF = {{rows}} * {{columns}} / 2;
    #pragma omp simd
    for (int _n = 0; _n < _HALF; _n++)
    {
        {{name}}_next[2 * _n] = {{name}}[_n];
        {{name}}_next[2 * _n + 1] = {{name}}[_n + _HALF];
    }
    std::swap({{name}}, {{name}}_next);
}
{%- endmacro %}

{# The row _n_turned of the source that a stripe sees #}
{% macro _turn_row(side) %}
constexpr int _SIDE = {{side}}, _CHANNELS = _IN_CHANNELS < 64 ? _IN_CHANNELS : 64;  // in one go
const int _padded_row = _row0 * _STRIDE_ROW + _n_turned, _pre_row = {{_source_of('_padded_row', 'row')}};
for (int _c = 0; _c < _SEEN_COLS; _c++)
{
    const int _pre_col = {{_source_of('_c', 'col')}};
    _scalar* const _here = _inputs + (_n_turned - _first) * _LINE + _c * _LANES;
    if (_pre_row < 0 || _pre_col < 0)
    {
        for (int _channel = 0; _channel < _IN_CHANNELS; _channel++)
            for (int _lane = 0; _lane < _LANES; _lane++) _here[_channel * _RUN + _lane] = 0;
        continue;
    }
    for (int _channel0 = 0; _channel0 < _IN_CHANNELS; _channel0 += _CHANNELS)
    {
        const int _n_channels = std::min(_CHANNELS, _IN_CHANNELS - _channel0);
        _scalar _samples[_SIDE][_CHANNELS], _other[_SIDE][_CHANNELS];
        for (int _lane = 0; _lane < _LANES; _lane++)
        {
            const int _pre_sample_idx = std::min(_sample0 + _lane, _BATCH - 1);  // the rest is not stored
            const int _pre_position_idx = (_pre_sample_idx * _IN_ROWS + _pre_row) * _IN_COLS + _pre_col;
            #pragma omp simd
            for (int _v = 0; _v < _n_channels; _v++)
            {
                const int _pre_channel_idx = _channel0 + _v;
                const int _pre_idx = _pre_position_idx * _IN_CHANNELS + _pre_channel_idx, _pre_sub_idx = _pre_idx + {{pre_start}};
                const size_t _vectorisation_idx = _pre_idx;
                {{vector_code['pre']|join('\n')|indent(16)}}
                _samples[_lane][_v] = _p;
            }
        }
        {{_turned('_lines', '_samples[0]', '_other[0]', '_SIDE', '_CHANNELS')|indent(8)}}
        for (int _v = 0; _v < _n_channels; _v++)
            for (int _lane = 0; _lane < _LANES; _lane++) _here[(_channel0 + _v) * _RUN + _lane] = _lines[_v * _SIDE + _lane];
    }
}
{%- endmacro %}

{% block maincode %}
    {{constants(geometry, batch_size)|indent(4)}}
    {% set _type = c_data_type(_target_var.dtype) %}
    {% set _cuts = sparse_tiles(geometry, batch_size, itemsize, registers()) %}
    {% set _long = in_chains(_target_var.dtype, geometry.fan_in // 3) %}{# of which a third may be left #}

    typedef {{_type}} _scalar;
    {{results()|indent(4)}}
    const size_t _vectorisation_idx = -1;
    constexpr int _TAPS = _KROWS * _KCOLS * _GROUP_IN;
    constexpr int _LANES = {{_cuts.lanes}}, _BLOCKS = (_BATCH + _LANES - 1) / _LANES;  // samples side by side
    constexpr int _STRIPE = {{_cuts.rows}}, _STRIPES = (_OUT_ROWS + _STRIPE - 1) / _STRIPE;
    constexpr int _EXTENT = (_KROWS - 1) * _DILATE_ROW + 1, _HELD = {{_cuts.held}};  // rows that are held at a time
    constexpr int _SEEN_COLS = (_OUT_COLS - 1) * _STRIDE_COL + (_KCOLS - 1) * _DILATE_COL + 1;
    constexpr int _RUN = _SEEN_COLS * _LANES;
    constexpr size_t _LINE = (size_t) _IN_CHANNELS * _RUN;
    {{count_elements('kernel', '_k')|indent(4)}}
    if (_elements * {{sparse_from}} > (size_t) _TAPS * _OUT_CHANNELS)
    {
        {{scalar_code['direct']|autoindent}}
{{post_nest(vector_code['direct'])}}
    }
    else
    {
        // what each element multiplies, and where that lies
        static thread_local std::vector<int> _places_here;
        static thread_local std::vector<_scalar> _values_here;
        if (_places_here.size() < _elements)
        {
            _places_here.resize(_elements);
            _values_here.resize(_elements);
        }
        int* const _places = _places_here.data();
        _scalar* const _values = _values_here.data();
        {% call list_elements('kernel', '_k') %}
const int _krow = _tap / _GROUP_IN / _KCOLS, _kcol = _tap / _GROUP_IN % _KCOLS;
_places[_place] = (_krow * _DILATE_ROW * _IN_CHANNELS + _pre_channel_idx) * _RUN + _kcol * _DILATE_COL * _LANES;
_values[_place] = _k;
        {% endcall %}

        {{scalar_code['pre']|autoindent}}
        {{parallel('_elements * _BATCH * _OUT_ROWS * _OUT_COLS / 8')}}
        for (int _task = 0; _task < _BLOCKS * _STRIPES; _task++)
        {
            const int _sample0 = _task / _STRIPES * _LANES, _row0 = _task % _STRIPES * _STRIPE;
            constexpr int _SLACK = {{_cuts.width}};  // vectors may reach beyond the last run
            static thread_local std::vector<_scalar> _inputs_here(_HELD * _LINE + _SLACK);
            _scalar* const _inputs = _inputs_here.data();  // [row][channel][column][sample]
            const int _n_rows = std::min(_STRIPE, _OUT_ROWS - _row0);
            int _first = 0, _n_turned = 0;  // rows of the stripe
            constexpr int _TOGETHER = 16;  // channels that are stored in one go
            for (int _row = 0; _row < _n_rows; _row++)
            {
                const int _top = _row * _STRIDE_ROW;
                if (_top + _EXTENT - _first > _HELD)  // what is seen again moves to the front
                {
                    if (_n_turned > _top) std::copy(_inputs + (_top - _first) * _LINE, _inputs + (_n_turned - _first) * _LINE, _inputs);
                    _first = _top;
                }
                // what nobody has seen yet is turned around just before, so that it's in cache
                for (_n_turned = std::max(_n_turned, _top); _n_turned < _top + _EXTENT; _n_turned++)
                {
                    {{_turn_row(_cuts.side)|indent(16)}}
                }
                for (int _channel0 = 0; _channel0 < _OUT_CHANNELS; _channel0 += _TOGETHER)
                {
                    const int _n_channels = std::min(_TOGETHER, _OUT_CHANNELS - _channel0);
                    {% for cols in _cuts.cols %}
                    for (int _col0 = {{cols.start}}; _col0 < {{cols.stop}}; _col0 += {{cols.size}})
                    {
                        // neighbouring positions follow each other, or lie a stride apart
                        constexpr int _COLS = {{cols.size}}, _V = {{_cuts.width if geometry.stride[1] == 1 else '_LANES'}};
                        constexpr int _VECTORS = (_COLS * _LANES + _V - 1) / _V, _STEP = {{'_V' if geometry.stride[1] == 1 else '_STRIDE_COL * _LANES'}};
                        const _scalar* const _origin = _inputs + (_top - _first) * _LINE + _col0 * _STRIDE_COL * _LANES;
                        _scalar _out_here[_TOGETHER][_VECTORS * _V], _other[_TOGETHER][_VECTORS * _V];
                        for (int _v = 0; _v < _n_channels; _v++)
                        {
                            int _n = _starts[_channel0 + _v];
                            const int _stop = _starts[_channel0 + _v + 1];
                            {% if _long %}
                            // short chains of terms, added up in double precision
                            double _whole[_VECTORS * _V] = {0};
                            do {
                            const int _end = std::min(_n + {{CHAIN}}, _stop);
                            {% else %}
                            const int _end = _stop;
                            {% endif %}
                            _scalar _sum[_VECTORS][_V];
                            for (int _q = 0; _q < _VECTORS; _q++) for (int _lane = 0; _lane < _V; _lane++) _sum[_q][_lane] = 0;
                            for (; _n < _end; _n++)
                            {
                                const _scalar _weight = _values[_n];
                                const _scalar* const _x = _origin + _places[_n];
                                #pragma GCC unroll {{_cuts.vectors}}
                                for (int _q = 0; _q < _VECTORS; _q++)
                                {
                                    #pragma omp simd
                                    for (int _lane = 0; _lane < _V; _lane++) _sum[_q][_lane] += _weight * _x[_q * _STEP + _lane];
                                }
                            }
                            {% if _long %}
                            for (int _q = 0; _q < _VECTORS; _q++) for (int _lane = 0; _lane < _V; _lane++) _whole[_q * _V + _lane] += _sum[_q][_lane];
                            } while (_n < _stop);
                            for (int _place = 0; _place < _VECTORS * _V; _place++) _out_here[_v][_place] = _whole[_place];
                            {% else %}
                            for (int _q = 0; _q < _VECTORS; _q++) for (int _lane = 0; _lane < _V; _lane++) _out_here[_v][_q * _V + _lane] = _sum[_q][_lane];
                            {% endif %}
                        }
                        {{_turned('_out', '_out_here[0]', '_other[0]', '_TOGETHER', '_VECTORS * _V')|indent(20)}}
                        for (int _lane = 0; _lane < std::min(_LANES, _BATCH - _sample0); _lane++)
                        for (int _col = 0; _col < _COLS; _col++)
                        {
                            {{_type}}* const _target = _results + (((size_t) (_sample0 + _lane) * _OUT_ROWS + _row0 + _row) * _OUT_COLS + _col0 + _col) * _OUT_CHANNELS + _channel0;
                            const _scalar* const _from = _out + (_col * _LANES + _lane) * _TOGETHER;
                            if (_n_channels == _TOGETHER)  // of known length: a vector
                                #pragma omp simd
                                for (int _v = 0; _v < _TOGETHER; _v++) _target[_v] = _from[_v];
                            else
                                for (int _v = 0; _v < _n_channels; _v++) _target[_v] = _from[_v];
                        }
                    }
                    {% endfor %}
                }
            }
        }
    }
{% endblock %}
