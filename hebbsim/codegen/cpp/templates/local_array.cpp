{# An array of a block: on the stack, unless it is large; its threads then keep it from call to call #}
{% macro local_array(type, name, size) %}
{% if size > 4096 %}
static thread_local std::vector<{{type}}> {{name}}_here({{size}});
{{type}}* const {{name}} = {{name}}_here.data();
{%- else %}
{{type}} {{name}}[{{size}}];
{%- endif %}
{%- endmacro %}
