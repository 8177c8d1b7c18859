{# What the first winner of sample _sample decides, and whether that is right; needs _BATCH, _CHANNELS and
   _EACH, the neurons of a sample #}
{% macro decide() %}
const int32_t* const _winners = {{get_array_name(_wins_var)}};
const int64_t _step = {{get_array_name(_timestep_var)}}[0];
if (_step % {{steps}} == 0)
{
    {{decision}}[_sample] = -1;
    {{reward}}[_sample] = 0;
    {{label}}[_sample] = {% if n_labels %}{{_labels}}[({{get_array_name(_answered_var) ~ '[_sample]' if _answered_var else '_step / %d' % steps}} * (int64_t) _BATCH + _sample) % {{n_labels}}]{% else %}-1{% endif %};
}
for (int _n = 0; _n < _winners[{{n_neurons}}] && {{decision}}[_sample] < 0; _n++)
    if (_winners[_n] / _EACH == _sample)
    {
        {{decision}}[_sample] = {{_class_of_channel}}[_winners[_n] % _CHANNELS];
        {% if n_labels %}
        {{reward}}[_sample] = {{decision}}[_sample] == {{label}}[_sample] ? 1 : -1;
        {% endif %}
    }
{%- endmacro %}
