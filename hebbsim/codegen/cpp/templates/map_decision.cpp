{# The class of the first winner of each sample, and whether it is what is shown #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    constexpr int _BATCH = {{memory_shape[0]}}, _CHANNELS = {{memory_shape[3]}};
    constexpr int _EACH = {{memory_shape[1]}} * {{memory_shape[2]}} * _CHANNELS;
    const int32_t* const _winners = {{get_array_name(_wins_var)}};
    const int64_t _step = {{get_array_name(_timestep_var)}}[0];
    if (_step % {{steps}} == 0)
        for (int _sample = 0; _sample < _BATCH; _sample++)
        {
            {{decision}}[_sample] = -1;
            {{reward}}[_sample] = 0;
            {{label}}[_sample] = {% if n_labels %}{{_labels}}[({{get_array_name(_answered_var) ~ '[_sample]' if _answered_var else '_step / %d' % steps}} * (int64_t) _BATCH + _sample) % {{n_labels}}]{% else %}-1{% endif %};
        }
    const int _n_wins = _winners[{{n_neurons}}];
    for (int _n = 0; _n < _n_wins; _n++)
    {
        const int _sample = _winners[_n] / _EACH;
        if ({{decision}}[_sample] >= 0) continue;
        {{decision}}[_sample] = {{_class_of_channel}}[_winners[_n] % _CHANNELS];
        {% if n_labels %}
        {{reward}}[_sample] = {{decision}}[_sample] == {{label}}[_sample] ? 1 : -1;
        {% endif %}
    }
{% endblock %}
