{# Which neurons cross their threshold: a run of neurons is looked at together, and one by one only
   if any of them does #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% set _eventspace = get_array_name(eventspace_variable) %}
    constexpr size_t _RUN = 64;
    long _count = 0;
    for (size_t _first = 0; _first < N; _first += _RUN)
    {
        const size_t _last = std::min(_first + _RUN, (size_t) N);
        if (_last - _first == _RUN)
        {
            int _any = 0;
            #pragma omp simd reduction(|:_any)
            for (size_t _v = 0; _v < _RUN; _v++)
            {
                const size_t _idx = _first + _v, _vectorisation_idx = _idx;
                {{vector_code|join('\n')|indent(16)}}
                _any |= (int) _cond;
            }
            if (!_any) continue;
        }
        for (size_t _idx = _first; _idx < _last; _idx++)
        {
            const size_t _vectorisation_idx = _idx;
            {{vector_code|join('\n')|indent(12)}}
            if (!_cond) continue;
            {{_eventspace}}[_count++] = _idx;
            {% if _uses_refractory %}
            {{not_refractory}}[_idx] = false;
            {{lastspike}}[_idx] = {{t}};
            {% endif %}
        }
    }
    {{_eventspace}}[N] = _count;
{% endblock %}

{% block after_code %}
{% set _eventspace = get_array_name(eventspace_variable) %}
{{_eventspace}}[N] = 0;  // the array has N + 1 elements
{% endblock %}
