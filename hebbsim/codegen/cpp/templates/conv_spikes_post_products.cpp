{# Postsynaptic spikes add products to the kernel: kernel * sum over spikes of post * pre. The
   factors of a receptive field are computed once for all channels that spike at its position, and
   added to a filter side by side. How the spikes are cut into chunks depends on their number
   alone, and so do the results; threads share the chunks, and then the channels #}
{% extends 'conv_spikes.cpp' %}
{% from 'conv_indices.cpp' import mark_filter, post_place, receptive_field with context %}
{% from 'local_array.cpp' import local_array %}

{% block scalars %}
{% endblock %}

{# needs _first_idx, the first of a run of source neurons, _place, its position, and _tap0, its tap #}
{% macro _factors(n_inputs) %}
#pragma omp simd
for (int _input = 0; _input < {{n_inputs}}; _input++)
{
    const int _pre_idx = _first_idx + _input, _pre_sub_idx = _pre_idx + {{pre_start}};
    const int _pre_channel_idx = _group * _GROUP_IN + _input % _GROUP_IN, _pre_position_idx = _place + _input / _GROUP_IN, _pre_sample_idx = _sample;
    {{vector_code['pre']|join('\n')|indent(4)}}
    {% for name, _ in pres %}
    _field{{name}}[_tap0 + _input] = {{name}};
    {% endfor %}
}
{%- endmacro %}

{% block spikes %}
    constexpr int _FAN_IN = {{geometry.fan_in}}, _ELEMENTS = _FAN_IN * _OUT_CHANNELS, _MOST_CHUNKS = 16;
    const size_t _additions = (size_t) _n_spikes * _FAN_IN;
    // what a chunk keeps for itself pays from so many additions to each element on
    const int _chunks = std::min(_MOST_CHUNKS, 1 + (int) (_additions / ((size_t) 32 * _ELEMENTS)));
    {% for product in products %}
    static thread_local std::vector<{{c_data_type(product.dtype)}}> _sums_here{{loop.index0}};
    if (_sums_here{{loop.index0}}.size() < (size_t) _chunks * _ELEMENTS) _sums_here{{loop.index0}}.resize((size_t) _chunks * _ELEMENTS);
    {{c_data_type(product.dtype)}}* const _sums{{loop.index0}} = _sums_here{{loop.index0}}.data();
    // of the chains of {{CHAIN}} terms that are complete
    static thread_local std::vector<{{accumulator(product.dtype)}}> _totals_here{{loop.index0}};
    if (_totals_here{{loop.index0}}.size() < (size_t) _chunks * _ELEMENTS) _totals_here{{loop.index0}}.resize((size_t) _chunks * _ELEMENTS);
    {{accumulator(product.dtype)}}* const _totals{{loop.index0}} = _totals_here{{loop.index0}}.data();
    {% endfor %}
    static thread_local std::vector<int> _terms_here(_MOST_CHUNKS * _OUT_CHANNELS);
    int* const _terms = _terms_here.data();
    const int32_t* const _list = _spikes;
    const int _n_listed = _n_spikes;
    {{parallel('_additions')}}
    for (int _chunk = 0; _chunk < _chunks; _chunk++)
    {
        std::fill(_terms + _chunk * _OUT_CHANNELS, _terms + (_chunk + 1) * _OUT_CHANNELS, 0);
        {% for name, dtype in pres %}
        {{local_array(c_data_type(dtype), '_field' + name, geometry.fan_in)|indent(8)}}
        {% endfor %}
        {{scalar_code['pre']|autoindent}}
        int _last = -1;  // the position and group whose factors there are
        const int32_t* const _spikes = _list;
        const int _stop = (long) _n_listed * (_chunk + 1) / _chunks;
        for (int _spike = (long) _n_listed * _chunk / _chunks; _spike < _stop; _spike++)
        {
            {{neuron()|indent(12)}}
            {{post_place()|indent(12)}}
            if (_neuron / _GROUP_OUT != _last)
            {
                _last = _neuron / _GROUP_OUT;
                {% if geometry.rows_are_runs and geometry.padding == (0, 0) %}
                for (int _krow = 0; _krow < _KROWS; _krow++)
                {
                    const int _place = (_sample * _IN_ROWS + _row * _STRIDE_ROW + _krow * _DILATE_ROW) * _IN_COLS + _col * _STRIDE_COL;
                    const int _first_idx = _place * _IN_CHANNELS, _tap0 = _krow * _KCOLS * _GROUP_IN;
                    {{_factors('_KCOLS * _GROUP_IN')|indent(20)}}
                }
                {% else %}
                {% if geometry.pads_zeros %}
                {% for name, _ in pres %}
                std::fill(_field{{name}}, _field{{name}} + _FAN_IN, 0);
                {% endfor %}
                {% endif %}
                {% call receptive_field(geometry) %}
                const int _place = (_sample * _IN_ROWS + _pre_row) * _IN_COLS + _pre_col;
                const int _first_idx = _place * _IN_CHANNELS + _group * _GROUP_IN, _tap0 = (_krow * _KCOLS + _kcol) * _GROUP_IN;
                {{_factors('_GROUP_IN')|indent(16)}}
                {% endcall %}
                {% endif %}
            }
            const size_t _filter = (size_t) _chunk * _ELEMENTS + _channel * _FAN_IN;
            int& _n_terms = _terms[_chunk * _OUT_CHANNELS + _channel];
            if (_n_terms == 0)
            {
                {% for product in products %}
                std::fill(_sums{{loop.index0}} + _filter, _sums{{loop.index0}} + _filter + _FAN_IN, 0);
                {% endfor %}
            }
            {% for product in products %}
            {
                {% if product.post %}
                const int _post_idx = _neuron, _post_channel_idx = _channel, _post_sample_idx = _sample;
                const int _post_position_idx = (_sample * _OUT_ROWS + _row) * _OUT_COLS + _col;
                const size_t _vectorisation_idx = _post_idx;
                {{scalar_code['post%d' % loop.index0]|autoindent}}
                {{vector_code['post%d' % loop.index0]|autoindent}}
                {% endif %}
                #pragma omp simd
                for (int _n = 0; _n < _FAN_IN; _n++)
                    _sums{{loop.index0}}[_filter + _n] += {{product.post + ' * ' if product.post else ''}}_field{{product.pre}}[_n];
            }
            {% endfor %}
            if (++_n_terms % {{CHAIN}} == 0)
            {
                const bool _first_chain = _n_terms == {{CHAIN}};
                for (int _n = 0; _n < _FAN_IN; _n++)
                {
                    {% for product in products %}
                    _totals{{loop.index0}}[_filter + _n] = (_first_chain ? 0 : _totals{{loop.index0}}[_filter + _n]) + _sums{{loop.index0}}[_filter + _n];
                    _sums{{loop.index0}}[_filter + _n] = 0;
                    {% endfor %}
                }
            }
        }
    }
    {{scalar_code['kernel']|autoindent}}
    {{parallel('_additions')}}
    for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++)
    {
        int _all_terms = 0;
        for (int _chunk = 0; _chunk < _chunks; _chunk++) _all_terms += _terms[_chunk * _OUT_CHANNELS + _channel];
        if (!_all_terms) continue;
        {{mark_filter()|indent(8)}}
        for (int _n = 0; _n < _FAN_IN; _n++)
        {
            const int _kernel_idx = _n * _OUT_CHANNELS + _channel;
            const size_t _vectorisation_idx = _kernel_idx;
            {% for product in products %}
            {{accumulator(product.dtype)}} _total{{loop.index0}} = 0;
            {% endfor %}
            for (int _chunk = 0; _chunk < _chunks; _chunk++)
            {
                const int _n_terms = _terms[_chunk * _OUT_CHANNELS + _channel];
                if (!_n_terms) continue;
                const size_t _added = (size_t) _chunk * _ELEMENTS + _channel * _FAN_IN + _n;
                {% for product in products %}
                _total{{loop.index0}} += _sums{{loop.index0}}[_added];
                if (_n_terms >= {{CHAIN}}) _total{{loop.index0}} += _totals{{loop.index0}}[_added];
                {% endfor %}
            }
            {{vector_code['kernel']|join('\n')|indent(12)}}
            {% for product in products %}
            {{get_array_name(product.target)}}[_kernel_idx] += {{product.kernel}} * _total{{loop.index0}};
            {% endfor %}
        }
    }
{% endblock %}
