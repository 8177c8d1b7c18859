{# Each kernel element sums over every position and sample that shares it. Warps of neighbouring output
   channels take a part of the positions each, for a few input channels at once; blocks take chunks of
   the positions, whose sums lie in `_chunk_sums` for `total`. #}
{% from 'conv_indices.cpp' import connection, source_line with context %}

{% macro kernel_sums(code, scalars, cut, term='_synaptic_var') %}
    constexpr int _I = {{cut.inputs}}, _INPUT_TILES = (_GROUP_IN + _I - 1) / _I, _CHANNEL_TILES = (_GROUP_OUT + 31) / 32;
    constexpr int _CHUNKS = {{cut.chunks}}, _SHARED = {{cut.shared}};
    typedef {{accumulator(_target_var.dtype)}} _long;
    __shared__ _long _lanes[8][_I][32];
    int _block = blockIdx.x;
    const int _wanted = _block % _CHANNEL_TILES * 32 + threadIdx.x % 32;
    _block /= _CHANNEL_TILES;
    const int _group = _block % _GROUPS;
    _block /= _GROUPS;
    const int _in_channel0 = _block % _INPUT_TILES * _I;
    _block /= _INPUT_TILES;
    const int _kcol = _block % _KCOLS;
    _block /= _KCOLS;
    const int _krow = _block % _KROWS;
    _block /= _KROWS;
    {% if not geometry.weight_sharing %}
    const int _own_position = _block % (_OUT_ROWS * _OUT_COLS);
    _block /= _OUT_ROWS * _OUT_COLS;
    {% endif %}
    {% if per_sample %}
    const int _own_sample = _block % _BATCH;
    _block /= _BATCH;
    {% endif %}
    const int _chunk = _block, _part = threadIdx.x / 32;
    const int _channel = _group * _GROUP_OUT + min(_wanted, _GROUP_OUT - 1);
    _long _sum[_I];
    #pragma unroll
    for (int _i = 0; _i < _I; _i++) _sum[_i] = 0;
    {
        const int _vectorisation_idx = -1;
        {{scalars|autoindent}}
        const int _last = (long long) _SHARED * (_chunk + 1) / _CHUNKS;
        for (int _n = (long long) _SHARED * _chunk / _CHUNKS + _part; _n < _last; _n += 8)
        {
            {% if geometry.weight_sharing %}
            const int _col = _n % _OUT_COLS, _row = _n / _OUT_COLS % _OUT_ROWS;
            const int _sample = {{'_own_sample' if per_sample else '_n / (_OUT_COLS * _OUT_ROWS)'}};
            {% else %}
            const int _col = _own_position % _OUT_COLS, _row = _own_position / _OUT_COLS;
            const int _sample = {{'_own_sample' if per_sample else '_n'}};
            {% endif %}
            const int _pre_row = {{source_line(geometry, 'row')}};
            const int _pre_col = {{source_line(geometry, 'col')}};
            {% if not geometry.pads_neurons %}
            if (_pre_row < 0 || _pre_row >= _IN_ROWS || _pre_col < 0 || _pre_col >= _IN_COLS) continue;
            {% endif %}
            #pragma unroll
            for (int _i = 0; _i < _I; _i++)
            {
                const int _in_channel = min(_in_channel0 + _i, _GROUP_IN - 1);
                {{connection(geometry)|indent(16)}}
                {{code|join('\n')|indent(16)}}
                _sum[_i] += {{term}};
            }
        }
    }
    #pragma unroll
    for (int _i = 0; _i < _I; _i++) _lanes[_part][_i][threadIdx.x % 32] = _sum[_i];
    __syncthreads();
    if (_part == 0 && _wanted < _GROUP_OUT)
        #pragma unroll
        for (int _i = 0; _i < _I; _i++)
        {
            const int _in_channel = _in_channel0 + _i;
            if (_in_channel >= _GROUP_IN) break;
            for (int _n = 1; _n < 8; _n++) _sum[_i] += _lanes[_n][_i][threadIdx.x];
            int _of_kernel = {{'0' if geometry.weight_sharing else '_own_position'}};
            _of_kernel = (((_of_kernel * _KROWS + _krow) * _KCOLS + _kcol) * _GROUP_IN + _in_channel) * _OUT_CHANNELS + _channel;
            {% if per_sample %}
            _of_kernel += _own_sample * {{geometry.kernel_elements}};
            {% endif %}
            _chunk_sums[(size_t) _chunk * {{cut.elements}} + _of_kernel] = _sum[_i];
        }
{% endmacro %}
