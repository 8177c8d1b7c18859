{# The frame of a spike pathway: child templates loop over the connections of neuron `_neuron` #}
{% extends 'common_group.cpp' %}
{% from 'conv_indices.cpp' import constants with context %}

{# Number `_spike`, as it is counted on its side of the connections #}
{% macro neuron() %}
{% if slots or n_stored == n_neurons %}
const int _neuron = _spikes[_spike];
{% else %}
const int _neuron = _spikes[_spike] - {{first_neuron}};
if (_neuron < 0 || _neuron >= {{n_neurons}}) continue;
{% endif %}
{%- endmacro %}

{% block extra_headers %}
#include <algorithm>
#include <limits>
#include <vector>
{% endblock %}

{% block maincode %}
    {{constants(geometry, batch_size)|indent(4)}}
    const size_t _vectorisation_idx = -1;
    {% block scalars %}
    {{scalar_code|autoindent}}
    {% endblock %}
    const int32_t* _spikes = {{get_array_name(_spikes_var)}};
    int _n_spikes = _spikes[{{n_stored}}];
    {% if slots %}
    // a ring of the spikes of the last steps, as long as the longest delay
    const int _now = {{_queue_slot}};
    int32_t* const _slot = {{_queue}} + _now * {{n_neurons + 1}};
    int _n_sent = 0;
    for (int _n = 0; _n < _n_spikes; _n++)
    {
        const int _neuron = _spikes[_n] - {{first_neuron}};
        if (_neuron >= 0 && _neuron < {{n_neurons}}) _slot[_n_sent++] = _neuron;
    }
    _slot[{{n_neurons}}] = _n_sent;
    {{_queue_slot}} = (_now + 1) % {{slots}};
    constexpr int _ages[] = { {{ages|join(', ')}} };
    for (int _arriving = 0; _arriving < {{ages|length}}; _arriving++)
    {
    const int _age = _ages[_arriving];
    _spikes = {{_queue}} + (_now + {{slots}} - _age) % {{slots}} * {{n_neurons + 1}};
    _n_spikes = _spikes[{{n_neurons}}];
    {% endif %}
    {% block spikes %}
    {% if by_sample and not draws %}
    // the spikes of each sample, in their order, for a thread
    constexpr int _OF_SAMPLE = {{n_neurons // batch_size}};
    int _begin[_BATCH + 1] = {};
    static thread_local std::vector<int> _sorted_here;
    if (_sorted_here.size() < (size_t) _n_spikes) _sorted_here.resize(_n_spikes);
    int* const _sorted = _sorted_here.data();
    for (int _spike = 0; _spike < _n_spikes; _spike++)
    {
        {{neuron()|indent(8)}}
        _begin[_neuron / _OF_SAMPLE + 1]++;
    }
    for (int _n = 0; _n < _BATCH; _n++) _begin[_n + 1] += _begin[_n];
    int _next[_BATCH];
    std::copy(_begin, _begin + _BATCH, _next);
    for (int _spike = 0; _spike < _n_spikes; _spike++)
    {
        {{neuron()|indent(8)}}
        _sorted[_next[_neuron / _OF_SAMPLE]++] = _neuron;
    }
    {{parallel('(size_t) _n_spikes * %d' % operations)}}
    for (int _of_batch = 0; _of_batch < _BATCH; _of_batch++)
    for (int _spike = _begin[_of_batch]; _spike < _begin[_of_batch + 1]; _spike++)
    {
        const int _neuron = _sorted[_spike];
        {{self.field()}}
    }
    {% else %}
    for (int _spike = 0; _spike < _n_spikes; _spike++)
    {
        {{neuron()|indent(8)}}
        {% block field %}
        {% endblock %}
    }
    {% endif %}
    {% endblock %}
    {% if slots %}
    }
    {% endif %}
{% endblock %}
