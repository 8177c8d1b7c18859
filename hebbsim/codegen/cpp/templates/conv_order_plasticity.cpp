{# WRITES_TO_READ_ONLY_VARIABLES { _input_spiked, _channel_changed } #}
{# STDP by order: each winner changes its kernel by which of its inputs spiked in earlier steps; the
   changes are applied in the last step of a stimulus #}
{# ALLOWS_SCALAR_WRITE #}
{% extends 'common_group.cpp' %}
{% from 'order_changes.cpp' import count, sizes, spiked with context %}

{% block maincode %}
    {% set _change = get_array_name(_change_var) %}
    {{sizes()|indent(4)}}
    const int32_t* const _spikes = {{get_array_name(_source_spikes_var)}};
    const int32_t* const _winners = {{get_array_name(_wins_var)}};
    const int _n_wins = _winners[{{_wins_var.size - 1}}];
    if (_n_wins > 0)
    {
        const size_t _vectorisation_idx = -1;
        {{scalar_code['change']|autoindent}}
        for (int _n = 0; _n < _n_wins; _n++)
        {
            const int _channel = _winners[_n] % _OUT, _place = _winners[_n] / _OUT;
            {{_channel_changed}}[_channel] = true;
            for (int _element = 0; _element < _FAN_IN; _element++)
            {
                {{spiked()|indent(16)}}
                const int _idx = _element * _OUT + _channel;
                const size_t _vectorisation_idx = _idx;
                {{vector_code['change']|autoindent}}
                {{_change}}[_idx] += _spiked ? _plus : _minus;
            }
        }
    }
    const int _n_spikes = _spikes[{{_source_spikes_var.size - 1}}];
    for (int _n = 0; _n < _n_spikes; _n++)
        {{_input_spiked}}[_spikes[_n]] = true;
    if (({{get_array_name(_timestep_var)}}[0] + 1) % {{steps}} == 0)
    {
        const size_t _vectorisation_idx = -1;
        {{scalar_code['apply']|autoindent}}
        for (int _channel = 0; _channel < _OUT; _channel++)
        {
            if (!{{_channel_changed}}[_channel]) continue;
            {{_channel_changed}}[_channel] = false;
            for (int _element = 0; _element < _FAN_IN; _element++)
            {
                const int _idx = _element * _OUT + _channel;
                const size_t _vectorisation_idx = _idx;
                {{vector_code['apply']|autoindent}}
                {{_change}}[_idx] = 0;
            }
        }
        std::fill_n({{_input_spiked}}, {{_source_spikes_var.size - 1}}, 0);
        {
            {{count()|indent(12)}}
        }
    }
{% endblock %}
