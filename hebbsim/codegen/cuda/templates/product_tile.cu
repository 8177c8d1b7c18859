{# A tile of a matrix product: a block of 256 threads sums `_M` rows by `_C` columns, of which each thread
   holds a part in registers, from tiles of both factors in shared memory; the next tiles are fetched
   while these are summed. Two blocks share a multiprocessor, for which a thread has 128 registers #}
{% set TILE_BOUNDS = '256, 2' %}

{# The sums of a thread; with a `cut`, short chains of terms are added up in double precision #}
{% macro sums(cut) %}
_scalar _sum[_P][_V];
#pragma unroll
for (int _n = 0; _n < _P * _V; _n++) _sum[_n / _V][_n % _V] = 0;
{% if cut %}
double _whole[_P][_V];
#pragma unroll
for (int _n = 0; _n < _P * _V; _n++) _whole[_n / _V][_n % _V] = 0;
{% else %}
auto& _whole = _sum;
{% endif %}
{%- endmacro %}

{% macro add_chain() %}
{
    #pragma unroll
    for (int _p = 0; _p < _P; _p++)
        #pragma unroll
        for (int _v = 0; _v < _V; _v++)
        {
            _whole[_p][_v] += _sum[_p][_v];
            _sum[_p][_v] = 0;
        }
}
{%- endmacro %}

{% macro tile(cut) %}
// of a block: rows, columns, terms at once; of a thread: rows, columns
constexpr int _M = 128, _C = 64, _K = 8, _P = 8, _V = 4;
// aligned, so that a thread reads four numbers at once
__shared__ __align__(16) _scalar _left[2][_K][_M + 4], _right[2][_K][_C];
const int _tx = threadIdx.x % (_C / _V), _ty = threadIdx.x / (_C / _V);
_scalar _next_left[4], _next_right[2];
{{sums(cut)}}
{%- endmacro %}

{# Sums the terms from `first` to before `last`, with the functions `_fetch` (to registers, the terms from a
   number on) and `_store` (to the shared memory of a buffer), which give 0 beyond the last term #}
{% macro multiply(first, last, cut) %}
_fetch({{first}});
_store(0);
__syncthreads();
for (int _term = {{first}}, _buffer = 0; _term < {{last}}; _term += _K, _buffer ^= 1)
{
    if (_term + _K < {{last}}) _fetch(_term + _K);
    #pragma unroll
    for (int _n = 0; _n < _K; _n++)
    {
        _scalar _x[_P], _w[_V];
        #pragma unroll
        for (int _p = 0; _p < _P; _p++) _x[_p] = _left[_buffer][_n][_ty * _P + _p];
        #pragma unroll
        for (int _v = 0; _v < _V; _v++) _w[_v] = _right[_buffer][_n][_tx * _V + _v];
        #pragma unroll
        for (int _p = 0; _p < _P; _p++)
            #pragma unroll
            for (int _v = 0; _v < _V; _v++) _sum[_p][_v] += _x[_p] * _w[_v];
    }
    {% if cut %}
    if ((_term + _K - {{first}}) % {{CHAIN}} == 0)
    {{add_chain()|indent(4)}}
    {% endif %}
    if (_term + _K < {{last}}) _store(_buffer ^ 1);
    __syncthreads();
}
{% if cut %}
{{add_chain()}}
{% endif %}
{%- endmacro %}

{# Runs its body for each sum, in `_whole[_p][_v]`, of row `_ty * _P + _p` and column `_tx * _V + _v` #}
{% macro each_sum() %}
#pragma unroll
for (int _p = 0; _p < _P; _p++)
    #pragma unroll
    for (int _v = 0; _v < _V; _v++)
    {
        {{caller()}}
    }
{%- endmacro %}
