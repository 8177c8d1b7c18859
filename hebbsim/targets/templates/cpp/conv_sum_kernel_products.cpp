{# Each kernel element sums products that separate: kernel * sum over positions of post * pre.
   Where few neurons are active, only they are visited (so that an infinite input of silent neurons
   goes unnoticed); else all, with the whole expression. #}
{% extends 'common_group.cpp' %}
{% from 'conv_indices.cpp' import constants with context %}
{% from 'kernel_nest.cpp' import kernel_nest with context %}

{# needs _position and _channel #}
{% macro _post_neuron() %}
const int _post_channel_idx = _channel, _post_position_idx = _position, _post_idx = _position * _OUT_CHANNELS + _channel;
const int _post_sample_idx = _position / (_OUT_ROWS * _OUT_COLS);
const size_t _vectorisation_idx = _post_idx;
{{vector_code['post']|join('\n')}}
{%- endmacro %}

{# one input of an active neuron; `_tap` numbers the inputs of its receptive field #}
{% macro _add() %}
{{vector_code['pre']|join('\n')}}
{% for product in products if product.place != 'total' %}
_sums{{loop.index0}}[_tap] += _q{{product.number}} * {{'_p%d' % product.pre_number if product.pre_number is not none else '1'}};
{% endfor %}
{%- endmacro %}

{% block maincode %}
    {{constants(geometry, batch_size)|indent(4)}}
    {% set _type = c_data_type(_target_var.dtype) %}
    {% set _summed = products|selectattr('place', 'equalto', 'tap')|list %}
    {% set _totals = products|selectattr('place', 'equalto', 'total')|list %}
    const size_t _vectorisation_idx = -1;
    constexpr int _POSITIONS = _BATCH * _OUT_ROWS * _OUT_COLS, _TAPS = _KROWS * _KCOLS * _GROUP_IN;
    constexpr int _CHUNKS = 32, _MOST = _POSITIONS * (long) _OUT_CHANNELS / {{dense_from}} / _CHUNKS + 16;
    // thread_local: Python threads that run networks of one shape share this code
    static thread_local std::vector<int> _found_here[_CHUNKS], _order_here, _starts_here(_OUT_CHANNELS + 1);
    static thread_local std::vector<{{_type}}> _sums_here({{_summed|length}} * (size_t) _OUT_CHANNELS * _TAPS), _totals_here({{_totals|length}} * _OUT_CHANNELS + 1);
    std::vector<int> (&_found)[_CHUNKS] = _found_here, &_order = _order_here, &_starts = _starts_here;
    std::vector<{{_type}}> &_sums = _sums_here, &_totals = _totals_here;
    int _crowded = 0;
    {
        {{scalar_code['post']|autoindent}}
        {{openmp_pragma('parallel-static')}}
        for (int _chunk = 0; _chunk < _CHUNKS; _chunk++)
        {
            std::vector<int>& _list = _found[_chunk];
            _list.clear();
            const int _last = (long) _POSITIONS * (_chunk + 1) / _CHUNKS;
            for (int _position = (long) _POSITIONS * _chunk / _CHUNKS; _position < _last; _position++)
            {
                if ((int) _list.size() > _MOST) break;
                {% for block in cut(geometry.out_channels, (32, 16, 8, 4, 2, 1)) %}
                for (int _channel0 = {{block.start}}; _channel0 < {{block.stop}}; _channel0 += {{block.size}})
                {
                    int _any = 0;
                    #pragma omp simd reduction(|:_any)
                    for (int _v = 0; _v < {{block.size}}; _v++)
                    {
                        const int _channel = _channel0 + _v;
                        {{_post_neuron()|indent(24)}}
                        _any |= {% for product in products %}(_q{{product.number}} != 0){{'' if loop.last else ' | '}}{% endfor %};
                    }
                    if (_any) for (int _channel = _channel0; _channel < _channel0 + {{block.size}}; _channel++)
                    {
                        {{_post_neuron()|indent(24)}}
                        if ({% for product in products %}_q{{product.number}} != 0{{'' if loop.last else ' || '}}{% endfor %}) _list.push_back(_post_idx);
                    }
                }
                {% endfor %}
            }
        }
        for (int _chunk = 0; _chunk < _CHUNKS; _chunk++) _crowded |= (int) _found[_chunk].size() > _MOST;
    }
    if (_crowded)
    {
        {{scalar_code['dense']|autoindent}}
{{kernel_nest(vector_code['dense'])}}
    }
    else
    {
        // the active neurons of each channel, in the order of their positions
        std::fill(_starts.begin(), _starts.end(), 0);
        for (int _chunk = 0; _chunk < _CHUNKS; _chunk++) for (int _neuron : _found[_chunk]) _starts[_neuron % _OUT_CHANNELS + 1]++;
        for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++) _starts[_channel + 1] += _starts[_channel];
        _order.resize(_starts[_OUT_CHANNELS]);
        for (int _chunk = 0; _chunk < _CHUNKS; _chunk++) for (int _neuron : _found[_chunk]) _order[_starts[_neuron % _OUT_CHANNELS]++] = _neuron / _OUT_CHANNELS;
        for (int _channel = _OUT_CHANNELS; _channel > 0; _channel--) _starts[_channel] = _starts[_channel - 1];
        _starts[0] = 0;
        {
            {{scalar_code['post']|autoindent}}
            {  {# both may read the same scalars #}
            {{scalar_code['pre']|autoindent}}
            {{openmp_pragma('parallel-static')}}
            for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++)
            {
                const int _group = _channel / _GROUP_OUT;
                {% for product in _summed %}
                {{_type}}* const _sums{{loop.index0}} = &_sums[({{loop.index0}} * (size_t) _OUT_CHANNELS + _channel) * _TAPS];
                std::fill(_sums{{loop.index0}}, _sums{{loop.index0}} + _TAPS, 0);
                {% endfor %}
                {% for product in _totals %}
                {{_type}} _total{{loop.index0}} = 0;
                {% endfor %}
                for (int _n = _starts[_channel]; _n < _starts[_channel + 1]; _n++)
                {
                    const int _position = _order[_n];
                    {{_post_neuron()|indent(20)}}
                    {% for product in _totals %}
                    _total{{loop.index0}} += _q{{product.number}};
                    {% endfor %}
                    {% if _summed %}
                    const int _col = _position % _OUT_COLS, _row = _position / _OUT_COLS % _OUT_ROWS, _pre_sample_idx = _post_sample_idx;
                    for (int _krow = 0; _krow < _KROWS; _krow++)
                    {
                        const int _pre_row = _row * _STRIDE_ROW - _PAD_ROW + _krow * _DILATE_ROW;
                        if (_pre_row < 0 || _pre_row >= _IN_ROWS) continue;
                        {% if contiguous %}
                        const int _first_position = (_pre_sample_idx * _IN_ROWS + _pre_row) * _IN_COLS + _col * _STRIDE_COL;
                        const int _first_idx = _first_position * _IN_CHANNELS;
                        #pragma omp simd
                        for (int _input = 0; _input < _KCOLS * _GROUP_IN; _input++)
                        {
                            const int _tap = _krow * _KCOLS * _GROUP_IN + _input, _pre_idx = _first_idx + _input, _pre_sub_idx = _pre_idx + {{pre_start}};
                            const int _pre_channel_idx = _input % _GROUP_IN, _pre_position_idx = _first_position + _input / _GROUP_IN;
                            {{_add()|indent(28)}}
                        }
                        {% else %}
                        for (int _kcol = 0; _kcol < _KCOLS; _kcol++)
                        {
                            const int _pre_col = _col * _STRIDE_COL - _PAD_COL + _kcol * _DILATE_COL;
                            if (_pre_col < 0 || _pre_col >= _IN_COLS) continue;
                            const int _pre_position_idx = (_pre_sample_idx * _IN_ROWS + _pre_row) * _IN_COLS + _pre_col;
                            #pragma omp simd
                            for (int _in_channel = 0; _in_channel < _GROUP_IN; _in_channel++)
                            {
                                const int _tap = (_krow * _KCOLS + _kcol) * _GROUP_IN + _in_channel, _pre_channel_idx = _group * _GROUP_IN + _in_channel;
                                const int _pre_idx = _pre_position_idx * _IN_CHANNELS + _pre_channel_idx, _pre_sub_idx = _pre_idx + {{pre_start}};
                                {{_add()|indent(32)}}
                            }
                        }
                        {% endif %}
                    }
                    {% endif %}
                }
                {% for product in _totals %}
                _totals[{{loop.index0}} * _OUT_CHANNELS + _channel] = _total{{loop.index0}};
                {% endfor %}
            }
            }
        }
        {{scalar_code['kernel']|autoindent}}
        {{openmp_pragma('parallel-static')}}
        for (int _tap = 0; _tap < _TAPS; _tap++)
            for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++)
            {
                const int _kernel_idx = _tap * _OUT_CHANNELS + _channel;
                const size_t _vectorisation_idx = _kernel_idx;
                {% for product in _summed %}
                const {{_type}} _s{{product.number}} = _sums[({{loop.index0}} * (size_t) _OUT_CHANNELS + _channel) * _TAPS + _tap];
                {% endfor %}
                {% for product in _totals %}
                const {{_type}} _s{{product.number}} = _totals[{{loop.index0}} * _OUT_CHANNELS + _channel];
                {% endfor %}
                {{vector_code['kernel']|join('\n')|indent(16)}}
                {{get_array_name(_target_var)}}[_kernel_idx] = _synaptic_var;
            }
    }
{% endblock %}
