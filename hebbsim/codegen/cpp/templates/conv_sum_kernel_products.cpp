{# Each kernel element sums products that separate: kernel * sum over positions of post * pre.
   Where few neurons are active, only they are visited (so that an infinite input of silent neurons
   goes unnoticed), and of their connections only those that a mask leaves, if it leaves few; else
   each product is a correlation of all. Products that are zero for the same neurons are summed
   together, each such part in the way that suits it. #}
{% extends 'common_group.cpp' %}
{% from 'conv_indices.cpp' import constants, ranges, receptive_field, source_line with context %}
{% from 'kernel_nest.cpp' import kernel_nest with context %}
{% from 'kernel_packed.cpp' import packed_nest with context %}
{% from 'left_elements.cpp' import count_elements, list_elements with context %}

{# needs _position and _channel #}
{% macro _post_neuron() %}
const int _post_channel_idx = _channel, _post_position_idx = _position, _post_idx = _position * _OUT_CHANNELS + _channel;
const int _post_sample_idx = _position / (_OUT_ROWS * _OUT_COLS);
const size_t _vectorisation_idx = _post_idx;
{{vector_code['post']|join('\n')}}
{%- endmacro %}

{# How many active neurons of a channel are visited at a time #}
{% set _TOGETHER = 4 %}

{% macro _sums_of(correlations) %}
{% for product in correlations %}
{{accumulator(_target_var.dtype)}}* const _sums{{loop.index0}} = &_sums[{{product.place}} * _ELEMENTS + (size_t) _channel * _TAPS];
{% endfor %}
{%- endmacro %}

{# A run of inputs of `_neurons`, whose first ones are numbered `_tap0` and lie at `_first_idx` #}
{% macro _add_run(correlations, together, length, channel, position) %}
#pragma omp simd
for (int _input = 0; _input < {{length}}; _input++)
{
    {% for product in correlations %}
    {{c_data_type(_target_var.dtype)}} _added{{loop.index0}} = 0;
    {% endfor %}
    #pragma GCC unroll {{together}}
    for (int _n = 0; _n < {{together}}; _n++)
    {
        const int _pre_idx = _first_idx[_n] + _input, _pre_sub_idx = _pre_idx + {{pre_start}};
        const int _pre_channel_idx = {{channel}}, _pre_position_idx = {{position}}, _pre_sample_idx = _samples[_n];
        {{vector_code['pre']|join('\n')|indent(8)}}
        {% for product in correlations %}
        _added{{loop.index0}} += _neurons[_n]->_q{{product.number}} * _p{{product.pre_number}};
        {% endfor %}
    }
    {% for product in correlations %}
    _sums{{loop.index0}}[_tap0 + _input] += _added{{loop.index0}};
    {% endfor %}
}
{%- endmacro %}

{# `_neurons` of one channel, whose receptive fields lie within the map #}
{% macro _visit(correlations, together) %}
const int _channel = _neurons[0]->_channel, _group = _channel / _GROUP_OUT;
{{_sums_of(correlations)}}
for (int _krow = 0; _krow < _KROWS; _krow++)
{
    int _places[{{together}}], _samples[{{together}}], _first_idx[{{together}}];
    for (int _n = 0; _n < {{together}}; _n++)
    {
        const int _position = _neurons[_n]->_position, _col = _position % _OUT_COLS, _row = _position / _OUT_COLS % _OUT_ROWS;
        _samples[_n] = _position / (_OUT_ROWS * _OUT_COLS);
        _places[_n] = (_samples[_n] * _IN_ROWS + _row * _STRIDE_ROW - _PAD_ROW + _krow * _DILATE_ROW) * _IN_COLS + _col * _STRIDE_COL - _PAD_COL;
    }
    {% if geometry.rows_are_runs %}
    const int _tap0 = _krow * _KCOLS * _GROUP_IN;
    for (int _n = 0; _n < {{together}}; _n++) _first_idx[_n] = _places[_n] * _IN_CHANNELS;
    {{_add_run(correlations, together, '_KCOLS * _GROUP_IN', '_input % _GROUP_IN', '_places[_n] + _input / _GROUP_IN')|indent(4)}}
    {% else %}
    for (int _kcol = 0; _kcol < _KCOLS; _kcol++)
    {
        const int _tap0 = (_krow * _KCOLS + _kcol) * _GROUP_IN;
        for (int _n = 0; _n < {{together}}; _n++) _first_idx[_n] = (_places[_n] + _kcol * _DILATE_COL) * _IN_CHANNELS + _group * _GROUP_IN;
        {{_add_run(correlations, together, '_GROUP_IN', '_group * _GROUP_IN + _input', '_places[_n] + _kcol * _DILATE_COL')|indent(8)}}
    }
    {% endif %}
}
{%- endmacro %}

{# `_neuron`, whose receptive field reaches into the padding #}
{% macro _visit_border(correlations) %}
const int _group = _channel / _GROUP_OUT, _samples[1] = {_position / (_OUT_ROWS * _OUT_COLS)};
const _Active* const _neurons[1] = {&_neuron};
{{_sums_of(correlations)}}
{% call receptive_field(geometry) %}
const int _tap0 = (_krow * _KCOLS + _kcol) * _GROUP_IN, _place = (_samples[0] * _IN_ROWS + _pre_row) * _IN_COLS + _pre_col;
const int _first_idx[1] = {_place * _IN_CHANNELS + _group * _GROUP_IN};
{{_add_run(correlations, 1, '_GROUP_IN', '_group * _GROUP_IN + _input', '_place')}}
{% endcall %}
{%- endmacro %}

{# needs _tap and _channel #}
{% macro _totals_of(plain) %}
{% for product in plain %}
const {{c_data_type(_target_var.dtype)}} _s{{product.number}} = _totals[({{product.place}} * _PLACES + {{'_tap / _GROUP_IN' if geometry.pads_zeros else '0'}}) * _OUT_CHANNELS + _channel];
{% endfor %}
{%- endmacro %}

{# Adds what `_neuron` contributes to element _e, which its channel has; the caller says where its input lies #}
{% macro _add_left(correlations) %}
const int _pre_channel_idx = _channel / _GROUP_OUT * _GROUP_IN + _left[_e]._input, _pre_sample_idx = _sample;
const int _pre_position_idx = {{caller()}};
const int _pre_idx = _pre_position_idx * _IN_CHANNELS + _pre_channel_idx, _pre_sub_idx = _pre_idx + {{pre_start}};
{{vector_code['pre']|join('\n')}}
{% for product in correlations %}
_sums[{{product.place}} * _ELEMENTS + _e] += _neuron._q{{product.number}} * _p{{product.pre_number}};
{% endfor %}
{%- endmacro %}

{# `_neuron`, of a channel of which a mask leaves few elements #}
{% macro _visit_left(correlations) %}
const int _position = _neuron._position, _col = _position % _OUT_COLS, _row = _position / _OUT_COLS % _OUT_ROWS;
const int _sample = _position / (_OUT_ROWS * _OUT_COLS);
const int _row0 = _row * _STRIDE_ROW - _PAD_ROW, _col0 = _col * _STRIDE_COL - _PAD_COL;
{% if padded %}
if (_row0 < 0 || _row0 + (_KROWS - 1) * _DILATE_ROW >= _IN_ROWS || _col0 < 0 || _col0 + (_KCOLS - 1) * _DILATE_COL >= _IN_COLS)
    for (int _e = _starts[_channel]; _e < _starts[_channel + 1]; _e++)
    {
        const int _krow = _left[_e]._tap / _GROUP_IN / _KCOLS, _kcol = _left[_e]._tap / _GROUP_IN % _KCOLS;
        const int _pre_row = {{source_line(geometry, 'row')}}, _pre_col = {{source_line(geometry, 'col')}};
        {% if not geometry.pads_neurons %}
        if (_pre_row < 0 || _pre_row >= _IN_ROWS || _pre_col < 0 || _pre_col >= _IN_COLS) continue;
        {% endif %}
        {% call _add_left(correlations) %}(_sample * _IN_ROWS + _pre_row) * _IN_COLS + _pre_col{% endcall %}

    }
else
{% endif %}
    for (int _e = _starts[_channel]; _e < _starts[_channel + 1]; _e++)
    {
        {% call _add_left(correlations) %}(_sample * _IN_ROWS + _row0) * _IN_COLS + _col0 + _left[_e]._shift{% endcall %}

    }
{%- endmacro %}

{# All products of a part, which are zero for the same neurons #}
{% macro _sum_part(part) %}
{% set _type, _long = c_data_type(_target_var.dtype), accumulator(_target_var.dtype) %}
{% set correlations = part|rejectattr('pre_number', 'none')|list %}
{% set plain = part|selectattr('pre_number', 'none')|list %}
{% set _any_active %}{% for product in part %}_q{{product.number}} != 0{{'' if loop.last else ' || '}}{% endfor %}{% endset %}
{% set _all_values %}{% for product in part %}_q{{product.number}}{{'' if loop.last else ', '}}{% endfor %}{% endset %}
struct _Active { int _position, _channel; {{_type}} {{_all_values}}; };
static thread_local std::vector<_Active> _found_here[_CHUNKS];
std::vector<_Active> (&_found)[_CHUNKS] = _found_here;
int _crowded = 0, _too_many[_CHUNKS] = {0};
{
    {{scalar_code['post']|autoindent}}
    // a sample tells dense activity before it is listed
    constexpr int _PROBES = 64;
    int _active_probes = 0;
    for (int _probe = 0; _probe < _PROBES; _probe++)
    {
        const int _position = (long) _POSITIONS * _probe / _PROBES;
        #pragma omp simd reduction(+:_active_probes)
        for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++)
        {
            {{_post_neuron()|indent(16)}}
            _active_probes += ({{_any_active}}) ? 1 : 0;
        }
    }
    _crowded = _active_probes > _PROBES * _OUT_CHANNELS / {{dense_from}};
    if (!_crowded)
    {
    {{parallel(n_neurons)}}
    for (int _chunk = 0; _chunk < _CHUNKS; _chunk++)
    {
        std::vector<_Active>& _list = _found[_chunk];
        _list.clear();
        const int _first = (long) _POSITIONS * _chunk / _CHUNKS, _last = (long) _POSITIONS * (_chunk + 1) / _CHUNKS;
        for (int _position = _first; _position < _last; _position++)
        {
            if (_list.size() > (size_t) (_position - _first + 1) * _OUT_CHANNELS / {{dense_from}} + _SLACK)
            {
                _too_many[_chunk] = 1;
                break;
            }
            int _lowest = _OUT_CHANNELS, _highest = -1;
            #pragma omp simd reduction(min:_lowest) reduction(max:_highest)
            for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++)
            {
                {{_post_neuron()|indent(20)}}
                const bool _active = {{_any_active}};
                _lowest = _active && _channel < _lowest ? _channel : _lowest;
                _highest = _active && _channel > _highest ? _channel : _highest;
            }
            if (_lowest == _highest)  // as after a competition
            {
                const int _channel = _lowest;
                {{_post_neuron()|indent(20)}}
                _list.push_back({_position, _channel, {{_all_values}}});
            }
            if (_lowest >= _highest) continue;
            {% for block in cut(geometry.out_channels, (32, 16, 8, 4, 2, 1)) %}
            for (int _channel0 = {{block.start}}; _channel0 < {{block.stop}}; _channel0 += {{block.size}})
            {
                unsigned _active = 0;  // a bit for each channel
                #pragma omp simd reduction(|:_active)
                for (int _v = 0; _v < {{block.size}}; _v++)
                {
                    const int _channel = _channel0 + _v;
                    {{_post_neuron()|indent(24)}}
                    _active |= ({{_any_active}}) ? 1u << _v : 0u;
                }
                for (; _active; _active &= _active - 1)
                {
                    const int _channel = _channel0 + __builtin_ctz(_active);
                    {{_post_neuron()|indent(24)}}
                    _list.push_back({_position, _channel, {{_all_values}}});
                }
            }
            {% endfor %}
        }
    }
    for (int _chunk = 0; _chunk < _CHUNKS; _chunk++) _crowded |= _too_many[_chunk];
    }
}
if (_crowded)
{
    {% for product in correlations %}
    {
        {{_long}}* const _product = &_sums[{{product.place}} * _ELEMENTS];
        {% if packs(geometry, batch_size, itemsize) %}
        {% call packed_nest(product, vector_code['pre'], scalar_code['pre'], scalar_code['post']) %}
{{_post_neuron()}}
        {% endcall %}
        {% else %}
        {% set _block = 'product%d' % product.number %}
        {{scalar_code[_block]|autoindent}}
{{kernel_nest(vector_code[_block], '_product', '_s%d' % product.number)}}
        {% endif %}
    }
    {% endfor %}
    {% if plain %}
    // few parts, added up in their order: the same on any number of threads
    constexpr int _PARTS = 16, _LINES = _BATCH * _OUT_ROWS, _ALL = {{plain|length}} * _PLACES * _OUT_CHANNELS;
    static thread_local std::vector<{{_long}}> _parts_here((size_t) _PARTS * _ALL);
    std::vector<{{_long}}>& _parts = _parts_here;
    {{scalar_code['post']|autoindent}}
    {{parallel(n_neurons)}}
    for (int _part = 0; _part < _PARTS; _part++)
    {
        {{_long}}* const _here = &_parts[(size_t) _part * _ALL];
        std::fill(_here, _here + _ALL, 0);
        for (int _line = (long) _LINES * _part / _PARTS; _line < (long) _LINES * (_part + 1) / _PARTS; _line++)
        for (int _tap = 0; _tap < _PLACES; _tap++)
        {
            {% if not geometry.pads_zeros %}
            const int _col_start = 0, _col_stop = _OUT_COLS;
            {% else %}
            const int _row = _line % _OUT_ROWS, _krow = _tap / _KCOLS, _kcol = _tap % _KCOLS;
            if (_row < _first_place(_krow, _PAD_ROW, _DILATE_ROW, _STRIDE_ROW) || _row >= _last_place(_krow, _PAD_ROW, _DILATE_ROW, _STRIDE_ROW, _IN_ROWS, _OUT_ROWS)) continue;
            const int _col_start = _first_place(_kcol, _PAD_COL, _DILATE_COL, _STRIDE_COL), _col_stop = _last_place(_kcol, _PAD_COL, _DILATE_COL, _STRIDE_COL, _IN_COLS, _OUT_COLS);
            {% endif %}
            {% for block in cut(geometry.out_channels, (32, 16, 8, 4, 2, 1)) %}
            for (int _channel0 = {{block.start}}; _channel0 < {{block.stop}}; _channel0 += {{block.size}})
            for (int _col0 = _col_start; _col0 < _col_stop; _col0 += {{CHAIN}})
            {
                {{_type}} _line_sum[{{plain|length}}][{{block.size}}] = {0};
                for (int _position = _line * _OUT_COLS + _col0; _position < _line * _OUT_COLS + std::min(_col0 + {{CHAIN}}, _col_stop); _position++)
                {
                    #pragma omp simd
                    for (int _v = 0; _v < {{block.size}}; _v++)
                    {
                        const int _channel = _channel0 + _v;
                        {{_post_neuron()|indent(28)}}
                        {% for product in plain %}
                        _line_sum[{{loop.index0}}][_v] += _q{{product.number}};
                        {% endfor %}
                    }
                }
                {% for product in plain %}
                for (int _v = 0; _v < {{block.size}}; _v++) _here[({{loop.index0}} * _PLACES + _tap) * _OUT_CHANNELS + _channel0 + _v] += _line_sum[{{loop.index0}}][_v];
                {% endfor %}
            }
            {% endfor %}
        }
    }
    {% for product in plain %}
    for (int _n = 0; _n < _PLACES * _OUT_CHANNELS; _n++)
    {
        {{_long}} _total = 0;
        for (int _part = 0; _part < _PARTS; _part++) _total += _parts[(size_t) _part * _ALL + {{loop.index0}} * _PLACES * _OUT_CHANNELS + _n];
        _totals[{{product.place}} * _PLACES * _OUT_CHANNELS + _n] = _total;
    }
    {% endfor %}
    {% endif %}
}
else
{
    {{scalar_code['pre']|autoindent}}
    size_t _n_active = 0;
    for (int _chunk = 0; _chunk < _CHUNKS; _chunk++) _n_active += _found[_chunk].size();
    // each share of the channels picks its own from all that are active, in their order
    constexpr int _SHARES = {{[1, prefs.devices.cpp_standalone.openmp_threads]|max}};
    {{parallel(('_n_active * (_few_left ? _elements / _OUT_CHANNELS + 1 : _TAPS)') if lists_elements else '_n_active * _TAPS')}}
    for (int _share = 0; _share < _SHARES; _share++)
    {
        const int _first_channel = (long) _OUT_CHANNELS * _share / _SHARES, _last_channel = (long) _OUT_CHANNELS * (_share + 1) / _SHARES;
        const size_t _first_sum = {{'_few_left ? _starts[_first_channel] : ' if lists_elements}}(size_t) _first_channel * _TAPS;
        const size_t _last_sum = {{'_few_left ? _starts[_last_channel] : ' if lists_elements}}(size_t) _last_channel * _TAPS;
        {% for product in correlations %}
        std::fill(_sums.begin() + {{product.place}} * _ELEMENTS + _first_sum, _sums.begin() + {{product.place}} * _ELEMENTS + _last_sum, 0);
        {% endfor %}
        {% for product in plain %}
        for (int _tap = 0; _tap < _PLACES; _tap++) std::fill(&_totals[({{product.place}} * _PLACES + _tap) * _OUT_CHANNELS + _first_channel], &_totals[({{product.place}} * _PLACES + _tap) * _OUT_CHANNELS] + _last_channel, 0);
        {% endfor %}
        {% if correlations %}
        const auto _add_one = [&](const _Active* const* const _neurons) {
            {{_visit(correlations, 1)|indent(12)}}
        };
        // some neurons of a channel at a time, whose products are added in registers
        const auto _add_together = [&](const _Active* const* const _neurons) {
            {{_visit(correlations, _TOGETHER)|indent(12)}}
        };
        std::vector<const _Active*> _waiting((size_t) (_last_channel - _first_channel) * {{_TOGETHER}});
        std::vector<int> _n_waiting(_last_channel - _first_channel);
        {% endif %}
        for (int _chunk = 0; _chunk < _CHUNKS; _chunk++)
        for (const _Active& _neuron : _found[_chunk])
        {
            const int _channel = _neuron._channel;
            if (_channel < _first_channel || _channel >= _last_channel) continue;
            {% if padded or (plain and geometry.pads_zeros) %}
            const int _position = _neuron._position, _col = _position % _OUT_COLS, _row = _position / _OUT_COLS % _OUT_ROWS;
            {% endif %}
            {% if plain and geometry.pads_zeros %}
            for (int _krow = 0; _krow < _KROWS; _krow++)
            {
                const int _pre_row = {{source_line(geometry, 'row')}};
                if (_pre_row < 0 || _pre_row >= _IN_ROWS) continue;
                for (int _kcol = 0; _kcol < _KCOLS; _kcol++)
                {
                    const int _pre_col = {{source_line(geometry, 'col')}};
                    if (_pre_col < 0 || _pre_col >= _IN_COLS) continue;
                    {% for product in plain %}
                    _totals[({{product.place}} * _PLACES + _krow * _KCOLS + _kcol) * _OUT_CHANNELS + _channel] += _neuron._q{{product.number}};
                    {% endfor %}
                }
            }
            {% else %}
            {% for product in plain %}
            _totals[{{product.place}} * _OUT_CHANNELS + _channel] += _neuron._q{{product.number}};
            {% endfor %}
            {% endif %}
            {% if correlations %}
            {% if lists_elements %}
            if (_few_left)
            {
                {{_visit_left(correlations)|indent(16)}}
                continue;
            }
            {% endif %}
            {% if padded %}
            const int _row0 = _row * _STRIDE_ROW - _PAD_ROW, _col0 = _col * _STRIDE_COL - _PAD_COL;
            if (_row0 < 0 || _row0 + (_KROWS - 1) * _DILATE_ROW >= _IN_ROWS || _col0 < 0 || _col0 + (_KCOLS - 1) * _DILATE_COL >= _IN_COLS)
            {
                {{_visit_border(correlations)|indent(16)}}
                continue;
            }
            {% endif %}
            const _Active** const _mine = &_waiting[(size_t) (_channel - _first_channel) * {{_TOGETHER}}];
            int& _n_mine = _n_waiting[_channel - _first_channel];
            _mine[_n_mine++] = &_neuron;
            if (_n_mine < {{_TOGETHER}}) continue;
            _add_together(_mine);
            _n_mine = 0;
            {% endif %}
        }
        {% if correlations %}
        for (int _channel = _first_channel; _channel < _last_channel; _channel++)
            for (int _n = 0; _n < _n_waiting[_channel - _first_channel]; _n++)
                _add_one(&_waiting[(size_t) (_channel - _first_channel) * {{_TOGETHER}} + _n]);
        {% endif %}
    }
}
{%- endmacro %}

{% block maincode %}
    {{constants(geometry, batch_size)|indent(4)}}
    {{ranges()|indent(4)}}
    {% set _type, _long = c_data_type(_target_var.dtype), accumulator(_target_var.dtype) %}
    {% set _correlations = products|rejectattr('pre_number', 'none')|list %}
    {% set _plain = products|selectattr('pre_number', 'none')|list %}
    const size_t _vectorisation_idx = -1;
    constexpr int _POSITIONS = _BATCH * _OUT_ROWS * _OUT_COLS, _TAPS = _KROWS * _KCOLS * _GROUP_IN;
    constexpr size_t _ELEMENTS = (size_t) _TAPS * _OUT_CHANNELS;
    // activity alone is summed once for all taps that meet the same positions
    constexpr int _PLACES = {{'_KROWS * _KCOLS' if geometry.pads_zeros else '1'}};
    constexpr int _SIDE = 16, _CHUNKS = 32, _SLACK = 64 + _OUT_CHANNELS;
    // thread_local: Python threads that run networks of one shape share this code
    static thread_local std::vector<{{_long}}> _sums_here({{_correlations|length}} * _ELEMENTS + _SIDE * (size_t) (_TAPS + _OUT_CHANNELS + 1)), _totals_here({{_plain|length}} * (size_t) _PLACES * _OUT_CHANNELS);
    std::vector<{{_long}}> &_sums = _sums_here, &_totals = _totals_here;
    bool _is_crowded[{{parts|length}}];
    {% if lists_elements %}
    {% set _left_there = get_array_name(_mask_var) ~ '[_kernel_idx]' %}
    {{count_elements(none, _left_there)|indent(4)}}
    const bool _few_left = _elements * {{left_from}} <= _ELEMENTS;
    struct _Left { int _tap, _shift, _input; };  // the shift is from the first position of a receptive field
    static thread_local std::vector<_Left> _left_here;
    if (_few_left && _left_here.size() < _elements) _left_here.resize(_elements);
    _Left* const _left = _left_here.data();
    if (_few_left)
    {
        {% call list_elements(none, _left_there) %}
const int _krow = _tap / _GROUP_IN / _KCOLS, _kcol = _tap / _GROUP_IN % _KCOLS;
_left[_place] = {_tap, _krow * _DILATE_ROW * _IN_COLS + _kcol * _DILATE_COL, _tap % _GROUP_IN};
        {% endcall %}

    }
    {% endif %}
    {% for part in parts %}
    {
        {{_sum_part(part)|indent(8)}}
        _is_crowded[{{loop.index0}}] = _crowded;
    }
    {% endfor %}
    {{scalar_code['kernel']|autoindent}}
    {% if lists_elements %}
    if (_few_left)
    {
        {{parallel(geometry.kernel_elements)}}
        for (int _tap = 0; _tap < _TAPS; _tap++)
            std::fill({{get_array_name(_target_var)}} + (size_t) _tap * _OUT_CHANNELS, {{get_array_name(_target_var)}} + (size_t) (_tap + 1) * _OUT_CHANNELS, 0);
        {{parallel('_elements * 16')}}
        for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++)
            for (int _e = _starts[_channel]; _e < _starts[_channel + 1]; _e++)
            {
                const int _tap = _left[_e]._tap, _kernel_idx = _tap * _OUT_CHANNELS + _channel;
                const size_t _vectorisation_idx = _kernel_idx;
                {% for product in _correlations %}
                const {{_type}} _s{{product.number}} = _sums[{{product.place}} * _ELEMENTS + (_is_crowded[{{product.part}}] ? _kernel_idx : _e)];
                {% endfor %}
                {{_totals_of(_plain)|indent(16)}}
                {{vector_code['kernel']|join('\n')|indent(16)}}
                {{get_array_name(_target_var)}}[_kernel_idx] = _synaptic_var;
            }
    }
    else
    {% endif %}
    {
        // sums lie tap by tap in each channel's run, or as the kernel does: turned in small squares
        {{parallel(geometry.kernel_elements)}}
        for (int _tap0 = 0; _tap0 < _TAPS; _tap0 += _SIDE)
            for (int _channel0 = 0; _channel0 < _OUT_CHANNELS; _channel0 += _SIDE)
            {
                const int _n_taps = std::min(_SIDE, _TAPS - _tap0), _n_channels = std::min(_SIDE, _OUT_CHANNELS - _channel0);
                {% for product in _correlations %}
                {{_type}} _square{{loop.index0}}[_SIDE][_SIDE];  // beyond the last tap or channel it is not used
                {
                    const {{_long}}* const _from = &_sums[{{product.place}} * _ELEMENTS + (_is_crowded[{{product.part}}] ? (size_t) _tap0 * _OUT_CHANNELS + _channel0 : (size_t) _channel0 * _TAPS + _tap0)];
                    if (_is_crowded[{{product.part}}])
                        for (int _n = 0; _n < _SIDE; _n++)
                            for (int _v = 0; _v < _SIDE; _v++) _square{{loop.index0}}[_n][_v] = _from[(size_t) _n * _OUT_CHANNELS + _v];
                    else
                        for (int _n = 0; _n < _SIDE; _n++)
                            for (int _v = 0; _v < _SIDE; _v++) _square{{loop.index0}}[_n][_v] = _from[(size_t) _v * _TAPS + _n];
                }
                {% endfor %}
                for (int _n = 0; _n < _n_taps; _n++)
                {
                    const int _tap = _tap0 + _n;
                    #pragma omp simd
                    for (int _v = 0; _v < _n_channels; _v++)
                    {
                        const int _channel = _channel0 + _v, _kernel_idx = _tap * _OUT_CHANNELS + _channel;
                        const size_t _vectorisation_idx = _kernel_idx;
                        {% for product in _correlations %}
                        const {{_type}} _s{{product.number}} = _square{{loop.index0}}[_n][_v];
                        {% endfor %}
                        {{_totals_of(_plain)|indent(20)}}
                        {{vector_code['kernel']|join('\n')|indent(20)}}
                        {{get_array_name(_target_var)}}[_kernel_idx] = {{'%s[_kernel_idx] == 0 ? 0 : ' % get_array_name(_mask_var) if _mask_var is not none}}_synaptic_var;
                    }
                }
            }
    }
{% endblock %}
