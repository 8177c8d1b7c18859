{# WRITES_TO_READ_ONLY_VARIABLES { _decided, _excluded, _channel_won, _n_won } #}
{# Of the neurons that spiked, those that win: the first of a stimulus, one at a position, one of a
   channel, and none near another. A block chooses those of a sample: in rounds, its threads agree on the
   first of the positions that are left. #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import candidates, each, keep, kernel, launch with context %}

{% macro _sizes() %}
constexpr int _BATCH = {{memory_shape[0]}}, _ROWS = {{memory_shape[1]}}, _COLS = {{memory_shape[2]}}, _CHANNELS = {{memory_shape[3]}}, _PLACES = _ROWS * _COLS;
{%- endmacro %}

{% block kernels %}
{% set _scalar = c_data_type(values_dtype) %}
{% set _n_places = memory_shape[0] * memory_shape[1] * memory_shape[2] %}
{% call kernel('clear', 256, 'char* const _spiked, int* const _n_new,') %}
    {{_sizes()}}
    {{each(n_neurons)}}
    _spiked[_idx] = 0;
    {{get_array_name(_wins_var)}}[_idx] = -1;
    if (_idx < _BATCH) _n_new[_idx] = 0;
    if ({{get_array_name(_timestep_var)}}[0] % {{steps}} > 0) return;
    if (_idx < {{_n_places}}) {{_decided}}[_idx] = {{_excluded}}[_idx] = false;
    if (_idx < _BATCH * _CHANNELS) {{_channel_won}}[_idx] = false;
    if (_idx < _BATCH) {{_n_won}}[_idx] = 0;
{% endcall %}
{% call kernel('mark', 256, 'char* const _spiked, ' ~ _scalar ~ '* const _values,') %}
    {{_sizes()}}
    const int _spike = blockIdx.x * blockDim.x + threadIdx.x;
    if (_spike >= {{get_array_name(_spikes_var)}}[{{n_neurons}}]) return;
    const int _idx = {{get_array_name(_spikes_var)}}[_spike], _channel_idx = _idx % _CHANNELS, _position_idx = _idx / _CHANNELS;
    const int _sample_idx = _position_idx / _PLACES;
    if ({{_n_won}}[_sample_idx] == {{k}} || {{_decided}}[_position_idx]) return;
    _spiked[_idx] = 1;
    const int _vectorisation_idx = _idx;
    {{scalar_code['source']|autoindent}}
    {{vector_code['source']|autoindent}}
    _values[_idx] = _source == _source ? _source : -{{_scalar}}(INFINITY);
{% endcall %}
{# of the channels of a position the first with the largest value #}
{% call kernel('decide', 256, 'const char* const _spiked, const ' ~ _scalar ~ '* const _values, int* const _first,') %}
    {{_sizes()}}
    {{each(_n_places)}}
    if ({{get_array_name(_spikes_var)}}[{{n_neurons}}] == 0) return;
    int _best = -1;
    for (int _neuron = _idx * _CHANNELS; _neuron < (_idx + 1) * _CHANNELS; _neuron++)
        if (_spiked[_neuron] && (_best < 0 || _values[_neuron] > _values[_best])) _best = _neuron;
    _first[_idx] = _best;
    if (_best >= 0) {{_decided}}[_idx] = true;
{% endcall %}
{% call kernel('choose', 256, 'const ' ~ _scalar ~ '* const _values, const int* const _first, int* const _n_new, int* const _won,') %}
    {{_sizes()}}
    {{candidates(_scalar)|indent(4)}}
    __shared__ _Candidate _lanes[256];
    if ({{get_array_name(_spikes_var)}}[{{n_neurons}}] == 0) return;
    const int _sample = blockIdx.x, _n_before = {{_n_won}}[_sample];
    int _n_now = _n_before;
    while (_n_now < {{k}})
    {
        _Candidate _best = {0, -1};
        for (int _place = _sample * _PLACES + threadIdx.x; _place < (_sample + 1) * _PLACES; _place += 256)
        {
            const int _neuron = _first[_place];
            if (_neuron < 0 || {{_excluded}}[_place] || {{_channel_won}}[_sample * _CHANNELS + _neuron % _CHANNELS]) continue;
            _best = _better(_best, {_values[_neuron], _neuron});
        }
        _best = _combined<256>(_lanes, threadIdx.x, _best, _better);
        if (_best._neuron < 0) break;
        const int _channel = _best._neuron % _CHANNELS, _row = _best._neuron / _CHANNELS / _COLS % _ROWS, _col = _best._neuron / _CHANNELS % _COLS;
        const int _row0 = max(0, _row - {{radius}}), _col0 = max(0, _col - {{radius}});
        const int _width = min(_COLS, _col + {{radius + 1}}) - _col0, _n_near = (min(_ROWS, _row + {{radius + 1}}) - _row0) * _width;
        for (int _n = threadIdx.x; _n < _n_near; _n += 256)
            {{_excluded}}[(_sample * _ROWS + _row0 + _n / _width) * _COLS + _col0 + _n % _width] = true;
        if (threadIdx.x == 0)
        {
            {{_channel_won}}[_sample * _CHANNELS + _channel] = true;
            _won[_sample * {{n_winners}} + _n_now - _n_before] = _best._neuron;
        }
        _n_now++;
        __syncthreads();
    }
    if (threadIdx.x > 0) return;
    {{_n_won}}[_sample] = _n_now;
    _n_new[_sample] = _n_now - _n_before;
{% endcall %}
{# one sample after the other #}
{% call kernel('list', 256, 'const int* const _n_new, const int* const _won,') %}
    {{_sizes()}}
    {{each('_BATCH')}}
    int _n_before = 0;
    for (int _sample = 0; _sample < _idx; _sample++) _n_before += _n_new[_sample];
    for (int _n = 0; _n < _n_new[_idx]; _n++) {{get_array_name(_wins_var)}}[_n_before + _n] = _won[_idx * {{n_winners}} + _n];
    if (_idx == _BATCH - 1) {{get_array_name(_wins_var)}}[{{n_neurons}}] = _n_before + _n_new[_idx];
{% endcall %}
{% endblock %}

{% block scratch %}
{{keep('char', '_spiked', n_neurons)}}
{{keep(c_data_type(values_dtype), '_values', n_neurons)}}
{{keep('int', '_first', memory_shape[0] * memory_shape[1] * memory_shape[2])}}
{{keep('int', '_n_new', memory_shape[0])}}
{{keep('int', '_won', memory_shape[0] * n_winners)}}
{% endblock %}

{% block launches %}
{% set _n_places = memory_shape[0] * memory_shape[1] * memory_shape[2] %}
{{launch('clear', (n_neurons + 255) // 256, 256, '_spiked, _n_new,')}}
{{launch('mark', (n_neurons + 255) // 256, 256, '_spiked, _values,')}}
{{launch('decide', (_n_places + 255) // 256, 256, '_spiked, _values, _first,')}}
{{launch('choose', memory_shape[0], 256, '_values, _first, _n_new, _won,')}}
{{launch('list', (memory_shape[0] + 255) // 256, 256, '_n_new, _won,')}}
{% endblock %}

{% block after_run_host_maincode %}
{% set _wins = get_array_name(_wins_var, access_data=False) %}
CUDA_SAFE_CALL(cudaMemset(&dev{{_wins}}[current_idx{{_wins}}][{{n_neurons}}], 0, sizeof(int32_t)));
{% endblock %}
