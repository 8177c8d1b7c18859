{# The frame of a code object with kernels of its own: child templates define `kernels`, the `scratch`
   memory that they share, and their `launches` #}
{% extends 'common_group.cu' %}

{% block extra_device_helper %}
// lanes meet; those of one warp don't wait for the others
template <int LANES>
__device__ void _meet()
{
    if (LANES <= 32)
        __syncwarp();
    else
        __syncthreads();
}

// adds up (or otherwise combines) a value of each lane in a fixed order; all threads of the block call it
template <int LANES, class T, class F>
__device__ T _combined(T* _lanes, int _lane, T _value, F _combine)
{
    _lanes[_lane] = _value;
    _meet<LANES>();
    for (int _half = LANES / 2; _half > 0; _half /= 2)
    {
        if (_lane < _half) _lanes[_lane] = _combine(_lanes[_lane], _lanes[_lane + _half]);
        _meet<LANES>();
    }
    const T _result = _lanes[0];
    _meet<LANES>();
    return _result;
}
{% endblock %}

{% block kernel %}
{% block kernels %}{% endblock %}
{% endblock %}

{% block define_N %}
const int _N = {{owner._N}};
{% endblock %}

{% block prepare_kernel %}
{% block scratch %}{% endblock %}
{% endblock %}

{% block kernel_call %}
{% block launches %}{% endblock %}
CUDA_CHECK_ERROR("{{codeobj_name}}");
{% endblock %}
