{# A postsynaptic spike changes what its connections reach #}
{% extends 'conv_spikes.cu' %}
{% set _side = 'post' %}
