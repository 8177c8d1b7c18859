{# The samples that a call is for; what draws random numbers draws them for all, in their order #}
{% macro first_sample() %}{{'0' if draws else '_samples[0]'}}{% endmacro %}
{% macro last_sample() %}{{'_BATCH' if draws else 'std::min(_samples[1], _BATCH)'}}{% endmacro %}
