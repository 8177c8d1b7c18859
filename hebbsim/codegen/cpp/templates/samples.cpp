{# The samples that a call is for: all of them. In runtime mode a chain asks for some at a time. #}
{% macro first_sample() %}0{% endmacro %}
{% macro last_sample() %}_BATCH{% endmacro %}
