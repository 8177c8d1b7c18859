{# How values become one: `how` is 'summed', 'mean', 'maximum', 'minimum', or 'constant': the sum of one #}

{# What is there before the first value #}
{% macro first() %}
{{ {'maximum': '-INFINITY', 'minimum': 'INFINITY'}.get(how, '0.0') }}
{%- endmacro %}

{# Take in another value; a largest or smallest one of values with a NaN is NaN, as in numpy #}
{% macro combine(result, value) %}
{% if how in ('maximum', 'minimum') %}
if ({{value}} {{'>' if how == 'maximum' else '<'}} {{result}} || {{value}} != {{value}}) {{result}} = {{value}};
{%- else %}
{{result}} += {{value}};
{%- endif %}
{%- endmacro %}
