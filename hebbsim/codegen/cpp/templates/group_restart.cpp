{# Keep values at the start of the first stimulus, and bring them back at that of each later one #}
{% extends 'common_group.cpp' %}

{% block maincode %}
    const int64_t _timestep = {{get_array_name(_timestep_var)}}[0];
    if (_timestep % {{steps}} == 0)
    {
        {% for variable, kept in kept_variables %}
        if (_timestep == 0)
            std::copy_n({{get_array_name(variable)}}, {{variable.size}}, {{get_array_name(kept)}});
        else
            std::copy_n({{get_array_name(kept)}}, {{variable.size}}, {{get_array_name(variable)}});
        {% endfor %}
    }
{% endblock %}
