{# The frame of an operation on a feature map: evaluates `_source` for every channel of a position
   into `_values`; child templates write the result of the position #}
{% extends 'common_group.cpp' %}
{% from 'local_array.cpp' import local_array %}
{% from 'neuron_indices.cpp' import evaluate with context %}
{% from 'samples.cpp' import first_sample, last_sample with context %}

{% block maincode %}
    constexpr int _BATCH = {{memory_shape[0]}}, _POSITIONS = {{memory_shape[1] * memory_shape[2]}}, _CHANNELS = {{memory_shape[3]}};
    typedef {{c_data_type(values_dtype)}} _scalar;
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {{parallel(n_neurons)}}
    for (int _position = {{first_sample()}} * _POSITIONS; _position < {{last_sample()}} * _POSITIONS; _position++)
    {
        {{local_array('_scalar', '_values', memory_shape[3])|indent(8)}}
        {% block declare %}{% endblock %}
        const int _position_idx = _position, _sample_idx = _position / _POSITIONS;
        {% if not draws %}
        #pragma omp simd
        {% endif %}
        for (int _channel = 0; _channel < _CHANNELS; _channel++)
        {
            {{evaluate()|indent(12)}}
            _values[_channel] = _source;
            {% block keep %}{% endblock %}
        }
        {{c_data_type(_target_var.dtype)}}* const _out = {{get_array_name(_target_var)}} + _position * _CHANNELS;
        {% block operation %}{% endblock %}
    }
    {% block finish %}{% endblock %}
{% endblock %}
