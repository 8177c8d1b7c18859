{# WRITES_TO_READ_ONLY_VARIABLES { _decided, _excluded, _channel_won, _n_won } #}
{# Of the neurons that spiked, those that win: the first of a stimulus, one at a position, one of a
   channel, and none near another #}
{% extends 'common_group.cpp' %}
{% block extra_headers %}
#include <algorithm>
#include <limits>
#include <vector>
{% endblock %}

{% block maincode %}
    constexpr int _BATCH = {{memory_shape[0]}}, _ROWS = {{memory_shape[1]}}, _COLS = {{memory_shape[2]}}, _CHANNELS = {{memory_shape[3]}};
    typedef {{c_data_type(values_dtype)}} _scalar;
    const int32_t* const _spikes = {{get_array_name(_spikes_var)}};
    int32_t* const _wins = {{get_array_name(_wins_var)}};
    if ({{get_array_name(_timestep_var)}}[0] % {{steps}} == 0)
    {
        std::fill_n({{_decided}}, _BATCH * _ROWS * _COLS, 0);
        std::fill_n({{_excluded}}, _BATCH * _ROWS * _COLS, 0);
        std::fill_n({{_channel_won}}, _BATCH * _CHANNELS, 0);
        std::fill_n({{_n_won}}, _BATCH, 0);
    }
    struct _Candidate { _scalar value; int neuron; };
    static thread_local std::vector<_Candidate> _candidates;
    _candidates.clear();
    const int _n_spikes = _spikes[{{n_neurons}}];
    if (_n_spikes > 0)
    {
        const size_t _vectorisation_idx = -1;
        {{scalar_code['source']|autoindent}}
        for (int _n = 0; _n < _n_spikes; _n++)
        {
            const int _idx = _spikes[_n], _channel_idx = _idx % _CHANNELS, _position_idx = _idx / _CHANNELS;
            const int _sample_idx = _position_idx / (_ROWS * _COLS);
            if ({{_n_won}}[_sample_idx] == {{k}} || {{_decided}}[_position_idx]) continue;
            const size_t _vectorisation_idx = _idx;
            {{vector_code['source']|autoindent}}
            const _scalar _value = _source == _source ? _source : -std::numeric_limits<_scalar>::infinity();
            // one for each position: its channels follow each other
            if (_candidates.empty() || _candidates.back().neuron / _CHANNELS != _position_idx) _candidates.push_back({_value, _idx});
            else if (_value > _candidates.back().value) _candidates.back() = {_value, _idx};
        }
    }
    std::sort(_candidates.begin(), _candidates.end(), [](const _Candidate& _a, const _Candidate& _b) {
        return _a.value > _b.value || (_a.value == _b.value && _a.neuron < _b.neuron);
    });
    int _n_wins = 0;
    for (const _Candidate& _candidate : _candidates)
    {
        const int _channel = _candidate.neuron % _CHANNELS, _place = _candidate.neuron / _CHANNELS;
        const int _sample = _place / (_ROWS * _COLS), _row = _place / _COLS % _ROWS, _col = _place % _COLS;
        if ({{_decided}}[_place]) continue;
        {{_decided}}[_place] = true;
        if ({{_n_won}}[_sample] == {{k}} || {{_excluded}}[_place] || {{_channel_won}}[_sample * _CHANNELS + _channel]) continue;
        {{_n_won}}[_sample]++;
        {{_channel_won}}[_sample * _CHANNELS + _channel] = true;
        for (int _near = std::max(0, _row - {{radius}}); _near < std::min(_ROWS, _row + {{radius + 1}}); _near++)
            for (int _beside = std::max(0, _col - {{radius}}); _beside < std::min(_COLS, _col + {{radius + 1}}); _beside++)
                {{_excluded}}[(_sample * _ROWS + _near) * _COLS + _beside] = true;
        _wins[_n_wins++] = _candidate.neuron;
    }
    _wins[{{n_neurons}}] = _n_wins;
{% endblock %}

{% block after_code %}
{{get_array_name(_wins_var)}}[{{n_neurons}}] = 0;
{% endblock %}
