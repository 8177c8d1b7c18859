{# ALLOWS_SCALAR_WRITE
   Apply the accumulated change to every kernel element, then normalise filters, then look for
   values that are not finite. Where spikes change the kernel at once and nothing else does,
   they have looked at what they changed #}
{% extends 'common_group.cpp' %}
{% from 'filter_norms.cpp' import normalize_filters with context %}

{% block extra_headers %}
#include <limits>
{% endblock %}

{# Element `_idx` of a row of the kernel, if spikes touched it; needs _finite #}
{% macro _visit(idx) %}
const size_t _idx = {{idx}}, _vectorisation_idx = _idx;
{{vector_code|autoindent}}
_finite &= std::fabs({{get_array_name(_weight_var)}}[_idx]) <= _LARGEST ? 1 : 0;
{%- endmacro %}

{% block maincode %}
    {% if not nothing_left %}
    {% set _w = get_array_name(_weight_var) %}
    constexpr int _ELEMENTS = {{geometry.kernel_elements}}, _FAN_IN = {{geometry.fan_in}}, _OUT_CHANNELS = {{geometry.out_channels}};
    constexpr {{c_data_type(_weight_var.dtype)}} _LARGEST = std::numeric_limits<{{c_data_type(_weight_var.dtype)}}>::max();
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% if touched %}
    // rows and filters that spikes touched, in the order of the memory
    static thread_local std::vector<int> _filters_here(_OUT_CHANNELS);
    int* const _listed = _filters_here.data();
    {{_nonfinite}} = -1;
    for (int _place = 0; _place < _ELEMENTS / (_FAN_IN * _OUT_CHANNELS); _place++)
    {
        int8_t* const _filters = {{_touched_filters}} + _place * _OUT_CHANNELS;
        int8_t* const _rows = {{_touched_rows}} + _place * _FAN_IN;
        int _n_listed = 0;
        for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++)
            if (_filters[_channel]) _listed[_n_listed++] = _channel;
        const bool _most = 4 * _n_listed > _OUT_CHANNELS;
        for (int _row = 0; _row < _FAN_IN; _row++)
        {
            const bool _whole = _most || _rows[_row];
            if (!_whole && !_n_listed) continue;
            const int _first = (_place * _FAN_IN + _row) * _OUT_CHANNELS;
            int _finite = 1;
            if (_whole)
            {
                #pragma omp simd reduction(&:_finite)
                for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++)
                {
                    {{_visit('_first + _channel')|indent(20)}}
                }
            }
            else  // runs of neighbours in place of single elements take half as long again
                for (int _number = 0; _number < _n_listed; _number++)
                {
                    {{_visit('_first + _listed[_number]')|indent(20)}}
                }
            if (!_finite && {{_nonfinite}} < 0)
                {{_nonfinite}} = std::find_if({{_w}} + _first, {{_w}} + _first + _OUT_CHANNELS, [](double _value) { return !std::isfinite(_value); }) - {{_w}};
        }
        std::fill(_filters, _filters + _OUT_CHANNELS, 0);
        std::fill(_rows, _rows + _FAN_IN, 0);
    }
    {% else %}
    {{parallel(geometry.kernel_elements)}}
    for (int _idx = 0; _idx < _ELEMENTS; _idx++)
    {
        const size_t _vectorisation_idx = _idx;
        {{vector_code|autoindent}}
    }
    {% if norm %}
    {{normalize_filters()|indent(4)}}
    {% endif %}
    constexpr int _CHUNKS = 16;
    int _bad[_CHUNKS];  // the first of each chunk
    {{parallel(geometry.kernel_elements)}}
    for (int _chunk = 0; _chunk < _CHUNKS; _chunk++)
    {
        const int _first = (long) _ELEMENTS * _chunk / _CHUNKS, _last = (long) _ELEMENTS * (_chunk + 1) / _CHUNKS;
        int _finite = 1;
        #pragma omp simd reduction(&:_finite)
        for (int _idx = _first; _idx < _last; _idx++)
            _finite &= std::fabs({{_w}}[_idx]) <= _LARGEST ? 1 : 0;
        _bad[_chunk] = _finite ? -1 : std::find_if({{_w}} + _first, {{_w}} + _last, [](double _value) { return !std::isfinite(_value); }) - {{_w}};
    }
    {{_nonfinite}} = -1;
    for (int _chunk = _CHUNKS - 1; _chunk >= 0; _chunk--)
        if (_bad[_chunk] >= 0) {{_nonfinite}} = _bad[_chunk];
    {% endif %}
    {% endif %}
    {% if standalone %}
    if ({{_nonfinite}} >= 0)
    {
        std::cerr << "{{owner.name}}: '{{_weight_var.name}}' is not finite at kernel element " << {{_nonfinite}} << "; lower the learning rate, or bound or normalise the weights" << std::endl;
        std::exit(1);
    }
    {% endif %}
{% endblock %}
