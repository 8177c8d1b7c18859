{# A presynaptic spike visits its projective field. What many spikes add to a kernel is added up in
   chains first, chunk by chunk: how spikes are cut into chunks depends on their number alone, and so
   do the results; threads share the chunks #}
{% extends 'conv_spikes.cpp' %}
{% from 'conv_indices.cpp' import after_connection, connection, kernel_line, projective_lines with context %}
{% set _in_chunks = only_kernel and not draws and ages|length == 1 %}

{% macro _visit(in_sums=False) %}
const int _in = _neuron % _IN_CHANNELS, _group = _in / _GROUP_IN, _in_channel = _in % _GROUP_IN;
const int _pre_col = _neuron / _IN_CHANNELS % _IN_COLS, _pre_row = _neuron / (_IN_CHANNELS * _IN_COLS) % _IN_ROWS;
const int _sample = _neuron / (_IN_CHANNELS * _IN_COLS * _IN_ROWS);
{% call projective_lines(geometry, 'row', backwards=true) %}
{% call projective_lines(geometry, 'col', backwards=true) %}
{% if marks %}
{% if in_sums or by_sample %}
#pragma omp atomic write
{% endif %}
{{_touched_rows}}[{{'' if geometry.weight_sharing else '(_row * _OUT_COLS + _col) * %d + ' % geometry.fan_in}}(_krow * _KCOLS + _kcol) * _GROUP_IN + _in_channel] = 1;
{% endif %}
{% if vectorise and not draws and ages|length == 1 %}
#pragma omp simd
{% endif %}
{% if ages|length > 1 %}
// channels sorted by delay: those that this age arrives at follow each other
const int _line = {{kernel_line(geometry)}} + _group * _GROUP_OUT;
const auto* const _by_delay = {{_order}} + _line;
{% if has_starts %}
const auto* const _starts_here = {{_starts}} + (size_t) (_line / _GROUP_OUT) * {{ages|length + 1}} + {{ages|length - 1}} - _arriving;
for (int _next = _starts_here[0]; _next < _starts_here[1]; _next++)
{% else %}
const auto* const _delays = {{_steps}} + _line;
int _next = std::partition_point(_by_delay, _by_delay + _GROUP_OUT, [&](int _n) { return _delays[_n] < _age; }) - _by_delay;
for (; _next < _GROUP_OUT && _delays[_by_delay[_next]] == _age; _next++)
{% endif %}
{
    const int _channel = _group * _GROUP_OUT + _by_delay[_next];
{% else %}
for (int _channel = _group * _GROUP_OUT; _channel < (_group + 1) * _GROUP_OUT; _channel++)
{
{% endif %}
    {{connection(geometry)|indent(4)}}
    {{vector_code|join('\n')|indent(4)}}
    {{after_connection(in_sums)|indent(4)}}
}
{% endcall %}
{% endcall %}
{%- endmacro %}

{% block spikes %}
{% if _in_chunks %}
    constexpr int _ELEMENTS = {{geometry.kernel_elements}}, _MOST_CHUNKS = 16;
    const size_t _additions = (size_t) _n_spikes * {{operations}};
    if (_additions < (size_t) 4 * _ELEMENTS)
{% endif %}
    {{super()}}
{% if _in_chunks %}
    else
    {
        // what a chunk keeps for itself pays from so many additions to each element on
        const int _chunks = std::min(_MOST_CHUNKS, 1 + (int) (_additions / ((size_t) 32 * _ELEMENTS)));
        {% for _, target, _ in additions %}
        static thread_local std::vector<{{c_data_type(dtypes[loop.index0])}}> _sums_here{{loop.index0}};
        static thread_local std::vector<{{c_data_type(target.dtype)}}> _totals_here{{loop.index0}};
        if (_sums_here{{loop.index0}}.size() < (size_t) _chunks * _ELEMENTS)
        {
            _sums_here{{loop.index0}}.resize((size_t) _chunks * _ELEMENTS);
            _totals_here{{loop.index0}}.resize((size_t) _chunks * _ELEMENTS);
        }
        auto* const _chunk_sums{{loop.index0}} = _sums_here{{loop.index0}}.data();
        auto* const _chunk_totals{{loop.index0}} = _totals_here{{loop.index0}}.data();
        {% endfor %}
        bool _has_totals[_MOST_CHUNKS] = {};  // whether a chain is complete
        {{parallel('_additions')}}
        for (int _chunk = 0; _chunk < _chunks; _chunk++)
        {
            {% for _ in additions %}
            auto* const _sums{{loop.index0}} = _chunk_sums{{loop.index0}} + (size_t) _chunk * _ELEMENTS;
            auto* const _totals{{loop.index0}} = _chunk_totals{{loop.index0}} + (size_t) _chunk * _ELEMENTS;
            std::fill(_sums{{loop.index0}}, _sums{{loop.index0}} + _ELEMENTS, 0);
            {% endfor %}
            // ends the chains of the elements that a source channel reaches
            const auto _end_chains = [&](int _in) {
                if (!_has_totals[_chunk])
                {
                    {% for _ in additions %}
                    std::fill(_totals{{loop.index0}}, _totals{{loop.index0}} + _ELEMENTS, 0);
                    {% endfor %}
                    _has_totals[_chunk] = true;
                }
                for (int _tap = 0; _tap < _KROWS * _KCOLS; _tap++)
                {
                    const int _first = (_tap * _GROUP_IN + _in % _GROUP_IN) * _OUT_CHANNELS + _in / _GROUP_IN * _GROUP_OUT;
                    for (int _n = _first; _n < _first + _GROUP_OUT; _n++)
                    {
                        {% for _ in additions %}
                        _totals{{loop.index0}}[_n] += _sums{{loop.index0}}[_n];
                        _sums{{loop.index0}}[_n] = 0;
                        {% endfor %}
                    }
                }
            };
            int _terms[_IN_CHANNELS] = {};
            const int _stop = (long) _n_spikes * (_chunk + 1) / _chunks;
            for (int _spike = (long) _n_spikes * _chunk / _chunks; _spike < _stop; _spike++)
            {
                {{neuron()|indent(16)}}
                {{_visit(in_sums=True)|indent(16)}}
                _terms[_in] += {{'_ROW_COPIES * _COL_COPIES' if geometry.pads_neurons else 1}};
                if (_terms[_in] < {{CHAIN}}) continue;
                _end_chains(_in);
                _terms[_in] = 0;
            }
        }
        constexpr int _TILE = 1024;
        {{parallel('(size_t) _chunks * _ELEMENTS')}}
        for (int _first = 0; _first < _ELEMENTS; _first += _TILE)
        for (int _chunk = 0; _chunk < _chunks; _chunk++)
        {
            {% for _, target, _ in additions %}
            const auto* const _sums{{loop.index0}} = _chunk_sums{{loop.index0}} + (size_t) _chunk * _ELEMENTS;
            const auto* const _totals{{loop.index0}} = _chunk_totals{{loop.index0}} + (size_t) _chunk * _ELEMENTS;
            #pragma omp simd
            for (int _n = _first; _n < std::min(_first + _TILE, _ELEMENTS); _n++) {{get_array_name(target)}}[_n] += _sums{{loop.index0}}[_n];
            if (_has_totals[_chunk])
            #pragma omp simd
            for (int _n = _first; _n < std::min(_first + _TILE, _ELEMENTS); _n++) {{get_array_name(target)}}[_n] += _totals{{loop.index0}}[_n];
            {% endfor %}
        }
    }
{% endif %}
{% endblock %}

{% block field %}
        {{_visit()|indent(8)}}
{% endblock %}
