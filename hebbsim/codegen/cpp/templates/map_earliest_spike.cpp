{# Tell all windows that hold a spike of the source map #}
{% extends 'common_group.cpp' %}
{% from 'windows_around.cpp' import tell_windows with context %}

{% block maincode %}
    const int32_t* const _spikes = {{get_array_name(_spikes_var)}};
    const int _n_spikes = _spikes[{{n_neurons}}];
    for (int _n = 0; _n < _n_spikes; _n++)
    {
        const int _neuron = _spikes[_n];
        {{tell_windows()|indent(8)}}
    }
{% endblock %}
