{# A tile of a matrix product: a block of 256 threads sums `_M` rows by `_C` columns, of which each thread
   holds a part in registers, from tiles of both factors in shared memory; the next tiles are fetched
   while these are summed. Two blocks share a multiprocessor, for which a thread has 128 registers.
   On tensor cores a warp holds 32 rows by 32 columns, in four fragments #}
{% set TILE_BOUNDS = '256, 2' %}

{# What tensor cores need before the kernels #}
{% macro core_headers(cores) %}
{% if cores %}
#include <mma.h>
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#error "prefs.hebbsim.tensor_cores needs a GPU of compute capability 8 or more; set it to 'none'"
#endif
{% endif %}
{%- endmacro %}

{% macro core_helpers(cores) %}
{% if cores %}
__device__ float _in_tf32(float _number)
{
    return __int_as_float(__float_as_int(nvcuda::wmma::__float_to_tf32(_number)) & ~0x1fff);  // the last digits may be any
}

// cuts numbers in two of 11 binary digits each
template <class T>
__device__ void _split(T& _first, T& _second)
{
    #pragma unroll
    for (int _n = 0; _n < _first.num_elements; _n++)
    {
        const float _number = _first.x[_n];
        _first.x[_n] = _in_tf32(_number);
        _second.x[_n] = _in_tf32(_number - _first.x[_n]);
    }
}
{% endif %}
{%- endmacro %}

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
#pragma unroll
for (int _p = 0; _p < _P; _p++)
    #pragma unroll
    for (int _v = 0; _v < _V; _v++)
    {
        _whole[_p][_v] += _sum[_p][_v];
        _sum[_p][_v] = 0;
    }
{%- endmacro %}

{% macro tile(cut, cores) %}
// of a block: rows, columns, terms at once
constexpr int _M = 128, _C = 64, _K = 8;
_scalar _next_left[4], _next_right[2];
{% if cores %}
// with rows of which the numbers that a warp reads at once are in banks of their own
__shared__ __align__(32) _scalar _left[2][_K][_M + 8], _right[2][_K][_C + 8];
typedef nvcuda::wmma::fragment<nvcuda::wmma::matrix_a, 16, 16, _K, nvcuda::wmma::precision::tf32, nvcuda::wmma::col_major> _Left;
typedef nvcuda::wmma::fragment<nvcuda::wmma::matrix_b, 16, 16, _K, nvcuda::wmma::precision::tf32, nvcuda::wmma::row_major> _Right;
const int _warp_row = threadIdx.x / 64 * 32, _warp_column = threadIdx.x / 32 % 2 * 32;
nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, _K, _scalar> _sum[2][2]{{', _whole[2][2]' if cut}};
#pragma unroll
for (int _n = 0; _n < 4; _n++)
{
    nvcuda::wmma::fill_fragment(_sum[_n / 2][_n % 2], 0);
    {% if cut %}
    nvcuda::wmma::fill_fragment(_whole[_n / 2][_n % 2], 0);
    {% endif %}
}
{% if not cut %}
auto& _whole = _sum;
{% endif %}
{% else %}
// of a thread: rows, columns
constexpr int _P = 8, _V = 4;
// aligned, so that a thread reads four numbers at once
__shared__ __align__(16) _scalar _left[2][_K][_M + 4], _right[2][_K][_C];
const int _tx = threadIdx.x % (_C / _V), _ty = threadIdx.x / (_C / _V);
{{sums(cut)}}
{% endif %}
{%- endmacro %}

{% macro add_core_chain() %}
#pragma unroll
for (int _n = 0; _n < 4; _n++)
{
    auto& _added = _sum[_n / 2][_n % 2];
    #pragma unroll
    for (int _e = 0; _e < _added.num_elements; _e++) _whole[_n / 2][_n % 2].x[_e] += _added.x[_e];
    nvcuda::wmma::fill_fragment(_added, 0);
}
{%- endmacro %}

{# Adds the products of the terms in a buffer #}
{% macro multiply_buffer() %}
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
{%- endmacro %}

{% macro multiply_buffer_on_cores(cores) %}
{
    using nvcuda::wmma::mma_sync;
    {% set rest = cores == '3xTF32' %}
    _Left _x[2]{{', _x_rest[2]' if rest}};
    _Right _w[2]{{', _w_rest[2]' if rest}};
    #pragma unroll
    for (int _n = 0; _n < 2; _n++)
    {
        nvcuda::wmma::load_matrix_sync(_x[_n], &_left[_buffer][0][_warp_row + 16 * _n], _M + 8);
        nvcuda::wmma::load_matrix_sync(_w[_n], &_right[_buffer][0][_warp_column + 16 * _n], _C + 8);
        {% if rest %}
        _split(_x[_n], _x_rest[_n]);
        _split(_w[_n], _w_rest[_n]);
        {% endif %}
    }
    #pragma unroll
    for (int _n = 0; _n < 4; _n++)
    {
        auto& _added = _sum[_n / 2][_n % 2];
        {% if rest %}
        // the small ones first
        mma_sync(_added, _x_rest[_n / 2], _w[_n % 2], _added);
        mma_sync(_added, _x[_n / 2], _w_rest[_n % 2], _added);
        {% endif %}
        mma_sync(_added, _x[_n / 2], _w[_n % 2], _added);
    }
}
{%- endmacro %}

{# Puts what was fetched into a buffer #}
{% macro store(buffer, cores) %}
{
    {% if cores == 'TF32' %}
    for (auto& _number : _next_left) _number = _in_tf32(_number);
    for (auto& _number : _next_right) _number = _in_tf32(_number);
    {% endif %}
    _store({{buffer}});
}
{%- endmacro %}

{# Sums the terms from `first` to before `last`, with the functions `_fetch` (to registers, the terms from a
   number on) and `_store` (to the shared memory of a buffer), which give 0 beyond the last term #}
{% macro multiply(first, last, cut, cores) %}
_fetch({{first}});
{{store('0', cores)}}
__syncthreads();
for (int _term = {{first}}, _buffer = 0; _term < {{last}}; _term += _K, _buffer ^= 1)
{
    if (_term + _K < {{last}}) _fetch(_term + _K);
    {{(multiply_buffer_on_cores(cores) if cores else multiply_buffer())|indent(4)}}
    {% if cut %}
    if ((_term + _K - {{first}}) % {{CHAIN}} == 0)
    {
        {{(add_core_chain() if cores else add_chain())|indent(8)}}
    }
    {% endif %}
    if (_term + _K < {{last}})
    {{store('_buffer ^ 1', cores)|indent(4)}}
    __syncthreads();
}
{% if cut %}
{{add_core_chain() if cores else add_chain()}}
{% endif %}
{%- endmacro %}

{# Runs its body for each sum that a thread has: `_result`, of row `_tile_row` and column `_tile_column` #}
{% macro each_sum(cores) %}
{% if cores %}
float* const _staged = &_left[0][0][0] + threadIdx.x / 32 * 256;  // of this warp
static_assert(sizeof _left >= 8 * 256 * sizeof(float), "a fragment of each warp fits");
#pragma unroll
for (int _n = 0; _n < 4; _n++)
{
    nvcuda::wmma::store_matrix_sync(_staged, _whole[_n / 2][_n % 2], 16, nvcuda::wmma::mem_row_major);
    __syncthreads();
    for (int _e = threadIdx.x % 32; _e < 256; _e += 32)
    {
        const int _tile_row = _warp_row + _n / 2 * 16 + _e / 16, _tile_column = _warp_column + _n % 2 * 16 + _e % 16;
        const float _result = _staged[_e];
        {{caller()}}
    }
    __syncthreads();
}
{% else %}
#pragma unroll
for (int _p = 0; _p < _P; _p++)
    #pragma unroll
    for (int _v = 0; _v < _V; _v++)
    {
        const int _tile_row = _ty * _P + _p, _tile_column = _tx * _V + _v;
        const auto _result = _whole[_p][_v];
        {{caller()}}
    }
{% endif %}
{%- endmacro %}
