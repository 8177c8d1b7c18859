{# Each kernel element sums over every position and sample that shares it: plasticity #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import each, keep, kernel, launch with context %}
{% from 'conv_indices.cpp' import constants, connection, source_line with context %}
{% from 'kernel_nest.cu' import kernel_sums with context %}

{% block kernels %}
{% set _cut = kernel_cut(geometry, batch_size, per_sample, cumulative|length > 0) %}
{% set _type = accumulator(_target_var.dtype) %}
{% if cumulative %}
{# sums that run over the output channels: one after the other, so a thread takes all of them #}
{% call kernel('sum', 64, _type ~ '* const _chunk_sums,') %}
    {{constants(geometry, batch_size)|indent(4)}}
    constexpr int _TAPS = {{geometry.kernel_elements // geometry.out_channels}}, _CHUNKS = {{_cut.chunks}}, _SHARED = {{_cut.shared}};
    const int _wanted = blockIdx.x * blockDim.x + threadIdx.x;
    if (_wanted >= _TAPS * _CHUNKS{{' * _BATCH' if per_sample}}) return;
    const int _chunk = _wanted / _TAPS % _CHUNKS, _tap = _wanted % _TAPS;
    const int _in_channel = _tap % _GROUP_IN, _kcol = _tap / _GROUP_IN % _KCOLS, _krow = _tap / (_GROUP_IN * _KCOLS) % _KROWS;
    {{_type}}* const _sums = _chunk_sums + (size_t) _chunk * {{_cut.elements}} + {{'(size_t) (_wanted / (_TAPS * _CHUNKS)) * %d + ' % geometry.kernel_elements if per_sample}}(size_t) _tap * _OUT_CHANNELS;
    for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++) _sums[_channel] = 0;
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    const int _last = (long long) _SHARED * (_chunk + 1) / _CHUNKS;
    for (int _n = (long long) _SHARED * _chunk / _CHUNKS; _n < _last; _n++)
    {
        {% if geometry.weight_sharing %}
        const int _col = _n % _OUT_COLS, _row = _n / _OUT_COLS % _OUT_ROWS, _in_batch = _n / (_OUT_COLS * _OUT_ROWS);
        {% else %}
        const int _own_position = _tap / (_GROUP_IN * _KCOLS * _KROWS), _col = _own_position % _OUT_COLS, _row = _own_position / _OUT_COLS, _in_batch = _n;
        {% endif %}
        const int _sample = {{'_wanted / (_TAPS * _CHUNKS)' if per_sample else '_in_batch'}};
        const int _pre_row = {{source_line(geometry, 'row')}};
        const int _pre_col = {{source_line(geometry, 'col')}};
        {% if not geometry.pads_neurons %}
        if (_pre_row < 0 || _pre_row >= _IN_ROWS || _pre_col < 0 || _pre_col >= _IN_COLS) continue;
        {% endif %}
        for (int _group = 0; _group < _GROUPS; _group++)
        {
            {% for name in cumulative %}
            {{c_data_type(variables[name].dtype)}} _kept_{{name}} = 0;
            {% endfor %}
            for (int _channel = _group * _GROUP_OUT; _channel < (_group + 1) * _GROUP_OUT; _channel++)
            {
                {{connection(geometry)|indent(16)}}
                {% for name in cumulative %}
                const {{c_data_type(variables[name].dtype)}} _before_{{name}} = _kept_{{name}};
                {% endfor %}
                {{vector_code|join('\n')|indent(16)}}
                {% for name in cumulative %}
                _kept_{{name}} = {{name}};
                {% endfor %}
                _sums[_channel] += _synaptic_var;
            }
        }
    }
{% endcall %}
{% else %}
{% call kernel('sum', 256, _type ~ '* const _chunk_sums,') %}
    {{constants(geometry, batch_size)|indent(4)}}
{{kernel_sums(vector_code, scalar_code, _cut)}}
{% endcall %}
{% endif %}
{% call kernel('total', 256, 'const ' ~ _type ~ '* const _chunk_sums,') %}
    {{each(_cut.elements)}}
    {{_type}} _total = 0;
    for (int _chunk = 0; _chunk < {{_cut.chunks}}; _chunk++) _total += _chunk_sums[(size_t) _chunk * {{_cut.elements}} + _idx];
    {{get_array_name(_target_var)}}[_idx] = {{'%s[_idx] == 0 ? 0 : ' % get_array_name(_mask_var) if _mask_var is not none}}_total;
{% endcall %}
{% endblock %}

{% block scratch %}
{{keep(accumulator(_target_var.dtype), '_chunk_sums', kernel_cut(geometry, batch_size, per_sample, cumulative|length > 0).chunks * kernel_cut(geometry, batch_size, per_sample, cumulative|length > 0).elements)}}
{% endblock %}

{% block launches %}
{% set _cut = kernel_cut(geometry, batch_size, per_sample, cumulative|length > 0) %}
{{launch('sum', _cut.blocks, 64 if cumulative else 256, '_chunk_sums,')}}
{{launch('total', (_cut.elements + 255) // 256, 256, '_chunk_sums,')}}
{% endblock %}
