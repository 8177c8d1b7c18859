{# At the start of each stimulus bring back first values, and zero what is to be 0 #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    const int64_t _timestep = {{get_array_name(_timestep_var)}}[0];
    if (_timestep % {{steps}} == 0)
    {
        {% for variable, first, known in kept_variables %}
        {% if not known %}
        if (_timestep == 0)
            std::copy_n({{get_array_name(variable)}}, {{variable.size}}, {{get_array_name(first)}});
        {% endif %}
        std::copy_n({{get_array_name(first)}}, {{variable.size}}, {{get_array_name(variable)}});
        {% endfor %}
        {% for variable in zeroed_variables %}
        std::fill_n({{get_array_name(variable)}}, {{variable.size}}, 0);
        {% endfor %}
    }
{% endblock %}
