{# WRITES_TO_READ_ONLY_VARIABLES { _input_spiked, _channel_changed } #}
{# ALLOWS_SCALAR_WRITE
   STDP by order: each element of the kernel looks through the winners, in their order, for those of its
   channel, and changes by whether its input spiked in an earlier step; the changes are applied in the last
   step of a stimulus #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import each, host_name, kernel, launch with context %}
{% from 'order_changes.cpp' import count, sizes, spiked with context %}

{% block kernels %}
{% set _change = get_array_name(_change_var) %}
{% call kernel('change') %}
    {{sizes()|indent(4)}}
    {{each('_FAN_IN * _OUT')}}
    const int32_t* const _winners = {{get_array_name(_wins_var)}};
    const int _n_wins = _winners[{{_wins_var.size - 1}}];
    if (_n_wins == 0) return;
    const int _channel = _idx % _OUT, _element = _idx / _OUT, _vectorisation_idx = _idx;
    {{scalar_code['change']|autoindent}}
    {{vector_code['change']|autoindent}}
    for (int _n = 0; _n < _n_wins; _n++)
    {
        if (_winners[_n] % _OUT != _channel) continue;
        const int _place = _winners[_n] / _OUT;
        {{spiked()|indent(8)}}
        {{_change}}[_idx] += _spiked ? _plus : _minus;
        if (_element == 0) {{_channel_changed}}[_channel] = true;
    }
{% endcall %}
{% call kernel('remember') %}
    const int32_t* const _spikes = {{get_array_name(_source_spikes_var)}};
    const int _spike = blockIdx.x * blockDim.x + threadIdx.x;
    if (_spike < _spikes[{{_source_spikes_var.size - 1}}]) {{_input_spiked}}[_spikes[_spike]] = true;
{% endcall %}
{% call kernel('apply') %}
    {{sizes()|indent(4)}}
    {{each('_FAN_IN * _OUT')}}
    if (!{{_channel_changed}}[_idx % _OUT]) return;
    const int _vectorisation_idx = _idx;
    {{scalar_code['apply']|autoindent}}
    {{vector_code['apply']|autoindent}}
    {{_change}}[_idx] = 0;
{% endcall %}
{% call kernel('count', 32) %}
    if (threadIdx.x > 0) return;
    const int _idx = 0, _vectorisation_idx = -1;
    {{count()|indent(4)}}
{% endcall %}
{% endblock %}

{% block launches %}
{{launch('change', (geometry.kernel_elements + 255) // 256)}}
{{launch('remember', (_source_spikes_var.size + 254) // 256)}}
if (({{get_array_name(_timestep_var, access_data=False)}}[0] + 1) % {{steps}} == 0)
{
    {{launch('apply', (geometry.kernel_elements + 255) // 256)|indent(4)}}
    {{launch('count', 1, 32)|indent(4)}}
    CUDA_SAFE_CALL(cudaMemset({{host_name(variables['_channel_changed'])}}, 0, {{geometry.out_channels}}));
    CUDA_SAFE_CALL(cudaMemset({{host_name(variables['_input_spiked'])}}, 0, {{_source_spikes_var.size - 1}}));
}
{% endblock %}
