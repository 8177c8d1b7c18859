{# What the templates of a target with kernels share #}

{# A kernel `_name_codeobject`; its body is the caller's. `parameters` come before those of the arrays #}
{% macro kernel(name, threads=256, parameters='') %}
__global__ void __launch_bounds__({{threads}}) _{{name}}_{{codeobj_name}}(
    int _N,
    {{parameters}}
    %KERNEL_PARAMETERS%
    )
{
    using namespace brian;
    %KERNEL_CONSTANTS%
    {{kernel_lines|autoindent}}
    {{caller()}}
}
{% endmacro %}

{# Run it; `arguments` are those of its `parameters` #}
{% macro launch(name, blocks, threads=256, arguments='') %}
_{{name}}_{{codeobj_name}}<<<{{blocks}}, {{threads}}, 0, step_stream>>>(
    _N,
    {{arguments}}
    %HOST_PARAMETERS%
    );
{% endmacro %}

{# Memory on the device that is kept from step to step, all zeros at first #}
{% macro keep(type, name, size) %}
static {{type}}* {{name}} = nullptr;
if ({{name}} == nullptr)
{
    const size_t _bytes = sizeof({{type}}) * (size_t) ({{size}});
    CUDA_SAFE_CALL(cudaMalloc((void**) &{{name}}, _bytes));
    CUDA_SAFE_CALL(cudaMemset({{name}}, 0, _bytes));
}
{% endmacro %}

{# The digits of a number in a mixed radix: of the (name, size) pairs the last changes fastest #}
{% macro digits(value, places) %}
{% if places %}
long long _rest_{{value}} = {{value}};
{% for name, size in places|reverse %}
const int {{name}} = _rest_{{value}}{{'' if loop.last else ' % (' ~ size ~ ')'}};
{% if not loop.last %}
_rest_{{value}} /= {{size}};
{% endif %}
{% endfor %}
{% endif %}
{% endmacro %}

{# Threads that work on elements of one kind each, as `_idx` #}
{% macro each(size) %}
const int _idx = blockIdx.x * blockDim.x + threadIdx.x;
if (_idx >= {{size}}) return;
{% endmacro %}

{# Threads of which each adds up a column of a table, as `_sum` of column `_idx`: a block takes 32 of them,
   and its eight warps share the rows #}
{% macro column_sum(type, table, rows, columns) %}
__shared__ {{type}} _lanes[8][32];
const int _idx = blockIdx.x * 32 + threadIdx.x % 32, _part = threadIdx.x / 32;
{{type}} _sum = 0;
#pragma unroll 8
for (int _row = _part; _row < {{rows}}; _row += 8) _sum += {{table}}[(size_t) _row * {{columns}} + min(_idx, {{columns}} - 1)];
_lanes[_part][threadIdx.x % 32] = _sum;
__syncthreads();
if (_part > 0 || _idx >= {{columns}}) return;
for (int _n = 1; _n < 8; _n++) _sum += _lanes[_n][threadIdx.x];
{% endmacro %}

{% macro host_name(variable) %}dev{{get_array_name(variable, access_data=False)}}{% endmacro %}

{# What a code object writes to shared variables is written by one thread, after all have read them;
   these run `private(scalar_code)` #}
{% macro shared_kernel() %}
{% if private(scalar_code) != scalar_code %}
{% call kernel('shared', 32) %}
    if (threadIdx.x > 0) return;
    const int _idx = 0, _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
{% endcall %}
{% endif %}
{% endmacro %}

{% macro launch_shared() %}
{% if private(scalar_code) != scalar_code %}
{{launch('shared', 1, 32)}}
{% endif %}
{% endmacro %}

{# Where sums are written: where they belong, or aside while connections read what they sum to #}
{% macro results() %}
{% if buffered %}
{{keep(c_data_type(_target_var.dtype), '_results', n_results)}}
{% else %}
{{c_data_type(_target_var.dtype)}}* const _results = {{host_name(_target_var)}};
{% endif %}
{% endmacro %}

{% macro write_results() %}
{% if buffered %}
CUDA_SAFE_CALL(cudaMemcpy({{host_name(_target_var)}}, _results, sizeof(*_results) * {{n_results}}, cudaMemcpyDeviceToDevice));
{% endif %}
{% endmacro %}

{# What threads agree on: of the largest values the first neuron, -1 for none; a value that is not a number
   was made infinitely low before #}
{% macro candidates(type) %}
struct _Candidate { {{type}} _value; int _neuron; };
const auto _better = [](_Candidate _a, _Candidate _b) {
    if (_a._neuron < 0 || _b._neuron < 0) return _a._neuron < 0 ? _b : _a;
    return (_a._value > _b._value || (_a._value == _b._value && _a._neuron < _b._neuron)) ? _a : _b;
};
{%- endmacro %}
