{# Each postsynaptic neuron sums over its receptive field: convolution. A thread sums a few positions by
   a few channels in registers; neighbouring threads take neighbouring channels. #}
{% extends 'loop_nest.cu' %}
{% from 'kernels.cu' import kernel, launch, results, write_results with context %}
{% from 'conv_indices.cpp' import constants, connection, source_line with context %}
{% from 'product_tile.cu' import add_chain, sums with context %}

{% block kernels %}
{% call kernel('sum', 256, '%s* const _results,' % c_data_type(_target_var.dtype)) %}
    {{constants(geometry, batch_size)|indent(4)}}
    constexpr int _LANES = {{post_tile(geometry).lanes}}, _V = {{post_tile(geometry).channels}}, _P = 4, _POSITIONS = _BATCH * _OUT_ROWS * _OUT_COLS;
    constexpr int _ALL_LANES = _LANES * _V, _TILES = (_GROUP_OUT + _ALL_LANES - 1) / _ALL_LANES;
    const int _group = blockIdx.x / _TILES % _GROUPS;
    const int _first = blockIdx.x % _TILES * _ALL_LANES + threadIdx.x % _LANES;
    const int _position0 = (blockIdx.x / (_TILES * _GROUPS) * (256 / _LANES) + threadIdx.x / _LANES) * _P;
    typedef {{c_data_type(_target_var.dtype)}} _scalar;
    {% set _cut = in_chains(_target_var.dtype, geometry.fan_in) %}
    {{sums(_cut)|indent(4)}}
    {% if _cut %}
    int _terms = 0;
    {% endif %}
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    for (int _krow = 0; _krow < _KROWS; _krow++)
    for (int _kcol = 0; _kcol < _KCOLS; _kcol++)
    for (int _in_channel = 0; _in_channel < _GROUP_IN; _in_channel++)
    {
        #pragma unroll
        for (int _p = 0; _p < _P; _p++)
        {
            const int _position = min(_position0 + _p, _POSITIONS - 1);  // the last stands in for those beyond
            const int _col = _position % _OUT_COLS, _row = _position / _OUT_COLS % _OUT_ROWS, _sample = _position / (_OUT_COLS * _OUT_ROWS);
            const int _pre_row = {{source_line(geometry, 'row')}};
            const int _pre_col = {{source_line(geometry, 'col')}};
            {% if geometry.pads_zeros %}
            if (_pre_row < 0 || _pre_row >= _IN_ROWS || _pre_col < 0 || _pre_col >= _IN_COLS) continue;
            {% endif %}
            #pragma unroll
            for (int _v = 0; _v < _V; _v++)
            {
                const int _channel = _group * _GROUP_OUT + min(_first + _v * _LANES, _GROUP_OUT - 1);
                {{connection(geometry)|indent(16)}}
                {{vector_code|join('\n')|indent(16)}}
                _sum[_p][_v] += _synaptic_var;
            }
        }
        {% if _cut %}
        if (++_terms % {{CHAIN}} == 0)
        {{add_chain()|indent(8)}}
        {% endif %}
    }
    {% if _cut %}
    {{add_chain()|indent(4)}}
    {% endif %}
    #pragma unroll
    for (int _p = 0; _p < _P; _p++)
        #pragma unroll
        for (int _v = 0; _v < _V; _v++)
            if (_position0 + _p < _POSITIONS && _first + _v * _LANES < _GROUP_OUT)
                _results[(size_t) (_position0 + _p) * _OUT_CHANNELS + _group * _GROUP_OUT + _first + _v * _LANES] = _whole[_p][_v];
{% endcall %}
{% endblock %}

{% block scratch %}
{{results()}}
{% endblock %}

{% block launches %}
{{launch('sum', post_tile(geometry).blocks(geometry, batch_size), 256, '_results,')}}
{{write_results()}}
{% endblock %}
