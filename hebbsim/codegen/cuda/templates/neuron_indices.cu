{# Evaluate the code for one neuron of a feature map; needs _position and _channel #}
{% macro evaluate() %}
const int _channel_idx = _channel, _idx = _position * _CHANNELS + _channel;
const int _position_idx = _position, _sample_idx = _position / _POSITIONS;
const int _vectorisation_idx = _idx;
{{vector_code|join('\n')}}
{%- endmacro %}
