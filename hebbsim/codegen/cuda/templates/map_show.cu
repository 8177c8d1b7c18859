{# Show stored images for some time steps, one for each sample of a feature map #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import each, kernel, launch with context %}

{% block kernels %}
{% call kernel('show') %}
    constexpr int _BATCH = {{memory_shape[0]}}, _CHANNELS = {{memory_shape[3]}}, _SIZE = {{memory_shape[1] * memory_shape[2] * memory_shape[3]}};
    {{each(n_neurons)}}
    {{scalar_code|autoindent}}
    {
        const int _sample_idx = _idx / _SIZE, _channel_idx = _idx % _CHANNELS, _position_idx = _idx / _CHANNELS;
        {% if _answered_var %}
        const int64_t _batches = {{get_array_name(_answered_var)}}[_sample_idx];
        {% else %}
        const int64_t _batches = (int64_t) {{get_array_name(_timestep_var)}}[0] / {{shown_for}};
        {% endif %}
        const int64_t _image = {{get_array_name(_order_var)}}[(_batches * _BATCH + _sample_idx) % {{n_shown}}];
        const int64_t _pixel_idx = _image * _SIZE + _idx % _SIZE;
        const int _vectorisation_idx = _idx;
        {{vector_code|autoindent}}
        {{get_array_name(_target_var)}}[_idx] = _source;
    }
{% endcall %}
{% endblock %}

{% block launches %}
{{launch('show', (n_neurons + 255) // 256)}}
{% endblock %}
