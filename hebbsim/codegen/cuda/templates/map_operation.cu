{# The frame of an operation on a feature map: lanes evaluate `_source` for the channels of a position
   into `_values`, with room for a state of each in `_states`; child templates write the result of the
   position #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import keep, kernel, launch with context %}
{% from 'neuron_indices.cu' import evaluate with context %}

{% block kernels %}
{% set _roomy = fits_shared_memory(memory_shape[3], values_dtype) %}
{% call kernel('operate', 128, '' if _roomy else c_data_type(values_dtype) ~ '* const _all_values, char* const _all_states,') %}
    constexpr int _POSITIONS = {{memory_shape[1] * memory_shape[2]}}, _ALL = {{memory_shape[0]}} * _POSITIONS, _CHANNELS = {{memory_shape[3]}};
    constexpr int _LANES = {{map_lanes(memory_shape[3])}}, _PLACES = 128 / _LANES;
    typedef {{c_data_type(values_dtype)}} _scalar;
    {% if _roomy %}
    __shared__ _scalar _all_values[_PLACES * _CHANNELS];
    __shared__ char _all_states[_PLACES * _CHANNELS];
    {% endif %}
    {% block declare %}{% endblock %}
    const int _lane = threadIdx.x % _LANES, _place = threadIdx.x / _LANES;
    const int _wanted = blockIdx.x * _PLACES + _place;
    const bool _here = _wanted < _ALL;  // the others keep them company, with zeros, since all threads meet
    const int _position = _here ? _wanted : _ALL - 1;
    const size_t _first = (size_t) {{'_place' if _roomy else '_wanted'}} * _CHANNELS;
    _scalar* const _values = _all_values + _first;
    char* const _states = _all_states + _first;
    {
        const int _vectorisation_idx = -1;
        {{scalar_code|autoindent}}
        for (int _channel = _lane; _channel < _CHANNELS; _channel += _LANES)
        {
            if (!_here)
            {
                _values[_channel] = 0;
                _states[_channel] = 0;
                continue;
            }
            {{evaluate()|indent(12)}}
            _values[_channel] = _source;
            {% block keep %}{% endblock %}
        }
    }
    _meet<_LANES>();
    {{c_data_type(_target_var.dtype)}}* const _out = {{get_array_name(_target_var)}} + (size_t) _position * _CHANNELS;
    {% block operation %}{% endblock %}
{% endcall %}
{% endblock %}

{% block scratch %}
{% if not fits_shared_memory(memory_shape[3], values_dtype) %}
{{keep(c_data_type(values_dtype), '_all_values', n_neurons)}}
{{keep('char', '_all_states', n_neurons)}}
{% endif %}
{% endblock %}

{% block launches %}
{{launch('operate', (memory_shape[0] * memory_shape[1] * memory_shape[2] + 128 // map_lanes(memory_shape[3]) - 1) // (128 // map_lanes(memory_shape[3])), 128, '' if fits_shared_memory(memory_shape[3], values_dtype) else '_all_values, _all_states,')}}
{% endblock %}
