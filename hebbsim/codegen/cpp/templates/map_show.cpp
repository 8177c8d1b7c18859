{# Show stored images for some time steps, one for each sample of a feature map #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    constexpr int _BATCH = {{memory_shape[0]}}, _CHANNELS = {{memory_shape[3]}}, _SIZE = {{memory_shape[1] * memory_shape[2] * memory_shape[3]}};
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% if not _answered_var %}
    const int64_t _batches = (int64_t) {{get_array_name(_timestep_var)}}[0] / {{shown_for}};
    {% endif %}
    {{parallel(n_neurons)}}
    for (int _sample_idx = 0; _sample_idx < _BATCH; _sample_idx++)
    {
        {% if _answered_var %}
        const int64_t _batches = {{get_array_name(_answered_var)}}[_sample_idx];
        {% endif %}
        const int64_t _image = {{get_array_name(_order_var)}}[(_batches * _BATCH + _sample_idx) % {{n_shown}}];
        for (int _n = 0; _n < _SIZE; _n++)
        {
            const int _idx = _sample_idx * _SIZE + _n, _channel_idx = _n % _CHANNELS, _position_idx = _idx / _CHANNELS;
            const int64_t _pixel_idx = _image * _SIZE + _n;
            const size_t _vectorisation_idx = _idx;
            {{vector_code|autoindent}}
            {{get_array_name(_target_var)}}[_idx] = _source;
        }
    }
{% endblock %}
