{# Add to the channel, sample, position or map of each neuron of a feature map that spiked #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    constexpr int _POSITIONS = {{memory_shape[1] * memory_shape[2]}}, _CHANNELS = {{memory_shape[3]}};
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    const int32_t* const _spikes = {{get_array_name(_spikes_var)}};
    const int _n_spikes = _spikes[{{n_neurons}}];
    for (int _spike = 0; _spike < _n_spikes; _spike++)
    {
        const int _map_idx = _spikes[_spike];
        const int _map_channel_idx = _map_idx % _CHANNELS, _map_position_idx = _map_idx / _CHANNELS;
        const int _map_sample_idx = _map_position_idx / _POSITIONS;
        const int _idx = {{'0' if per == 'map' else '_map_%s_idx' % per}};
        const size_t _vectorisation_idx = _map_idx;
        {{vector_code|autoindent}}
        {% for addition, target in additions %}
        {{get_array_name(target)}}[_idx] += {{addition}};
        {% endfor %}
    }
{% endblock %}
