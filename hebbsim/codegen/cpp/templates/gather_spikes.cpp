{# Which neurons cross their threshold: all of a run of neurons are asked, without a branch, and
   those that did are gathered. Each block of runs has a place of its own for its spikes, so that
   threads can share the blocks; then they are moved together, in the order of the neurons #}
{% macro gather_spikes(code) %}
{% set _eventspace = get_array_name(eventspace_variable) %}
constexpr size_t _RUN = 64;
constexpr int _BLOCKS = 16;
const size_t _neurons = N, _runs = (_neurons + _RUN - 1) / _RUN;
const auto _first_of = [&](int _block) {
    const size_t _run_start = _runs * _block / _BLOCKS * _RUN;
    return _run_start < _neurons ? _run_start : _neurons;  // the last run may be shorter
};
size_t _counts[_BLOCKS];
{{parallel('N', adds=False)}}
for (int _block = 0; _block < _BLOCKS; _block++)
{
    const size_t _start = _first_of(_block), _stop = _first_of(_block + 1);
    int32_t* const _spikes = {{_eventspace}} + _start;
    size_t _count = 0;
    for (size_t _first = _start; _first < _stop; _first += _RUN)
    {
        uint64_t _crossed = 0;  // a bit for each neuron
        if (_first + _RUN <= _stop)
        {
            for (size_t _half = 0; _half < _RUN; _half += 32)
            {
                uint32_t _bits = 0;
                #pragma omp simd reduction(|:_bits)
                for (int _v = 0; _v < 32; _v++)
                {
                    const size_t _idx = _first + _half + _v, _vectorisation_idx = _idx;
                    {{code|join('\n')|indent(20)}}
                    _bits |= (uint32_t) (_cond ? 1 : 0) << _v;
                }
                _crossed |= (uint64_t) _bits << _half;
            }
        }
        else
            for (size_t _idx = _first; _idx < _stop; _idx++)
            {
                const size_t _vectorisation_idx = _idx;
                {{code|join('\n')|indent(16)}}
                _crossed |= (uint64_t) (_cond ? 1 : 0) << (_idx - _first);
            }
        for (; _crossed; _crossed &= _crossed - 1)
        {
            const size_t _idx = _first + __builtin_ctzll(_crossed);
            _spikes[_count++] = _idx;
            {% if _uses_refractory %}
            {{not_refractory}}[_idx] = false;
            {{lastspike}}[_idx] = {{t}};
            {% endif %}
        }
    }
    _counts[_block] = _count;
}
size_t _total = _counts[0];
for (int _block = 1; _block < _BLOCKS; _block++)
{
    memmove({{_eventspace}} + _total, {{_eventspace}} + _first_of(_block), _counts[_block] * sizeof(int32_t));
    _total += _counts[_block];
}
{{_eventspace}}[N] = _total;
{%- endmacro %}

{# After the run, nobody spikes #}
{% macro forget_spikes() %}
{{get_array_name(eventspace_variable)}}[N] = 0;  // the array has N + 1 elements
{%- endmacro %}
