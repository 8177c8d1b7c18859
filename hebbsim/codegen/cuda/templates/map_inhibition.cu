{# A race between the neurons that crossed their threshold: each that spikes silences its neighbours,
   which lose their spikes of this step. A block runs the race of a sample: in rounds, its threads agree
   on the first of those that are left. #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import candidates, each, keep, kernel, launch with context %}

{% macro _sizes() %}
constexpr int _ROWS = {{memory_shape[1]}}, _COLS = {{memory_shape[2]}}, _CHANNELS = {{memory_shape[3]}}, _SIZE = _ROWS * _COLS * _CHANNELS;
{%- endmacro %}

{# Runs its body for the neurons `_near` around neuron `_centre` that it silences, or that silence it #}
{% macro _neighbours(shared_by=1) %}
const int _own_channel = _centre % _CHANNELS, _own_place = _centre / _CHANNELS;
const int _row0 = max(0, _own_place / _COLS % _ROWS - {{radius[0]}}), _row1 = min(_ROWS, _own_place / _COLS % _ROWS + {{radius[0] + 1}});
const int _col0 = max(0, _own_place % _COLS - {{radius[1]}}), _col1 = min(_COLS, _own_place % _COLS + {{radius[1] + 1}});
constexpr int _DEPTH = {{'1' if channels == 'own' else '_CHANNELS'}};
const int _n_near = (_row1 - _row0) * (_col1 - _col0) * _DEPTH;
for (int _n = {{'threadIdx.x' if shared_by > 1 else '0'}}; _n < _n_near; _n += {{shared_by}})
{
    const int _near_col = _col0 + _n / _DEPTH % (_col1 - _col0), _near_row = _row0 + _n / (_DEPTH * (_col1 - _col0));
    const int _near_channel = {{'_own_channel' if channels == 'own' else '_n % _CHANNELS'}};
    const int _near = ((_own_place / (_ROWS * _COLS) * _ROWS + _near_row) * _COLS + _near_col) * _CHANNELS + _near_channel;
    if ({{'_near_channel == _own_channel' if channels == 'others' else '_near == _centre'}}) continue;
    {{caller()}}
}
{%- endmacro %}

{% block kernels %}
{% set _scalar = c_data_type(values_dtype) %}
{% call kernel('clear', 256, 'char* const _states,') %}
    {{each(n_neurons)}}
    _states[_idx] = 0;
{% endcall %}
{% call kernel('mark', 256, 'char* const _states, ' ~ _scalar ~ '* const _race,') %}
    {{_sizes()}}
    const int _spike = blockIdx.x * blockDim.x + threadIdx.x;
    if (_spike >= {{get_array_name(_spikes_var)}}[{{n_neurons}}]) return;
    const int _idx = {{get_array_name(_spikes_var)}}[_spike], _channel_idx = _idx % _CHANNELS, _position_idx = _idx / _CHANNELS;
    const int _sample_idx = _position_idx / (_ROWS * _COLS);
    _states[_idx] = 1;  // 1: crossed, 2: spikes, 3: silenced
    const int _vectorisation_idx = _idx;
    {{scalar_code['source']|autoindent}}
    {{vector_code['source']|autoindent}}
    _race[_idx] = _source;
{% endcall %}
{% call kernel('race', 256, 'char* const _states, const ' ~ _scalar ~ '* const _race,') %}
    {{_sizes()}}
    {{candidates(_scalar)|indent(4)}}
    __shared__ _Candidate _lanes[256];
    if ({{get_array_name(_spikes_var)}}[{{n_neurons}}] == 0) return;
    while (true)
    {
        _Candidate _best = {0, -1};
        for (int _n = threadIdx.x; _n < _SIZE; _n += 256)
        {
            const int _neuron = blockIdx.x * _SIZE + _n;
            const {{_scalar}} _value = _race[_neuron];
            if (_states[_neuron] == 1) _best = _better(_best, {_value == _value ? _value : -{{_scalar}}(INFINITY), _neuron});
        }
        _best = _combined<256>(_lanes, threadIdx.x, _best, _better);
        const int _centre = _best._neuron;
        if (_centre < 0) break;
        if (threadIdx.x == 0) _states[_centre] = 2;
{% call _neighbours(256) %}
        if (_states[_near] == 1) _states[_near] = 3;
{% endcall %}
        __syncthreads();
    }
{% endcall %}
{# one block lists who still spikes, in order #}
{% call kernel('list', 1024, 'const char* const _states,') %}
    __shared__ int _lanes[1024];
    int32_t* const _spikes = {{get_array_name(_spikes_var)}};
    const int _n_crossed = _spikes[{{n_neurons}}];
    if (_n_crossed == 0) return;
    constexpr int _RUN = ({{n_neurons}} + 1023) / 1024;
    const int _first = min((int) threadIdx.x * _RUN, {{n_neurons}}), _last = min(_first + _RUN, {{n_neurons}});
    int _count = 0;
    for (int _idx = _first; _idx < _last; _idx++) _count += _states[_idx] == 2;
    _lanes[threadIdx.x] = _count;
    __syncthreads();
    for (int _step = 1; _step < 1024; _step *= 2)
    {
        const int _before = threadIdx.x >= _step ? _lanes[threadIdx.x - _step] : 0;
        __syncthreads();
        _lanes[threadIdx.x] += _before;
        __syncthreads();
    }
    const int _n_left = _lanes[1023];
    int _place = _lanes[threadIdx.x] - _count;
    for (int _idx = _first; _idx < _last; _idx++)
        if (_states[_idx] == 2) _spikes[_place++] = _idx;
        {% if uses_refractory %}
        else if (_states[_idx] == 3)
        {
            {{not_refractory}}[_idx] = true;
            {{lastspike}}[_idx] = {{_kept_lastspike}}[_idx];
        }
        {% endif %}
    for (int _n = _n_left + threadIdx.x; _n < _n_crossed; _n += 1024) _spikes[_n] = -1;
    if (threadIdx.x == 0) _spikes[{{n_neurons}}] = _n_left;
{% endcall %}
{# each neuron gathers from the spikes around it #}
{% call kernel('effect', 256, 'const char* const _states,') %}
    {{_sizes()}}
    {{each(n_neurons)}}
    if ({{get_array_name(_spikes_var)}}[{{n_neurons}}] == 0) return;
    const int _centre = _idx, _channel_idx = _idx % _CHANNELS, _position_idx = _idx / _CHANNELS, _sample_idx = _position_idx / (_ROWS * _COLS);
    const int _vectorisation_idx = _idx;
    {{scalar_code['effect']|autoindent}}
{% call _neighbours() %}
    if (_states[_near] != 2) continue;
    {{vector_code['effect']|join('\n')|indent(4)}}
    {% for addition, target in additions %}
    {{get_array_name(target)}}[_idx] += {{addition}};
    {% endfor %}
{% endcall %}
{% endcall %}
{% endblock %}

{% block scratch %}
{{keep('char', '_states', n_neurons)}}
{{keep(c_data_type(values_dtype), '_race', n_neurons)}}
{% endblock %}

{% block launches %}
{{launch('clear', (n_neurons + 255) // 256, 256, '_states,')}}
{{launch('mark', (n_neurons + 255) // 256, 256, '_states, _race,')}}
{{launch('race', memory_shape[0], 256, '_states, _race,')}}
{{launch('list', 1, 1024, '_states,')}}
{{launch('effect', (n_neurons + 255) // 256, 256, '_states,')}}
{% endblock %}
