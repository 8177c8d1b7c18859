{# Lists of the kernel elements that there are: those of a channel lie from _starts[_channel] on, in the
   order of their taps. #}

{# needs _tap and _channel; a block of none computes nothing #}
{% macro _element(block) %}
const int _kernel_idx = _tap * _OUT_CHANNELS + _channel, _post_channel_idx = _channel;
const int _pre_channel_idx = _channel / _GROUP_OUT * _GROUP_IN + _tap % _GROUP_IN;
const size_t _vectorisation_idx = _kernel_idx;
{{vector_code[block]|join('\n') if block}}
{%- endmacro %}

{# How many there are: _elements, where `value`, which the block computes, isn't 0 #}
{% macro count_elements(block, value) %}
constexpr int _LISTS = 16;  // made side by side, of some taps each
// thread_local: see other loops
static thread_local std::vector<int> _starts_here(_OUT_CHANNELS + 1);
int* const _starts = _starts_here.data();
long _counts[_LISTS] = {0}, _elements = 0;
{
    {{scalar_code[block]|autoindent if block}}
    {{parallel(geometry.kernel_elements)}}
    for (int _list = 0; _list < _LISTS; _list++)
        for (int _tap = (long) _TAPS * _list / _LISTS; _tap < (long) _TAPS * (_list + 1) / _LISTS; _tap++)
        {
            int _count = 0;
            #pragma omp simd reduction(+:_count)
            for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++)
            {
                {{_element(block)|indent(16)}}
                _count += {{value}} != 0 ? 1 : 0;
            }
            _counts[_list] += _count;
        }
    for (int _list = 0; _list < _LISTS; _list++) _elements += _counts[_list];
}
{%- endmacro %}

{# Lists them, few: the caller stores an element of _tap and _channel at _place, and may read the value #}
{% macro list_elements(block, value) %}
{
    std::vector<int> _lists[_LISTS];
    {{scalar_code[block]|autoindent if block}}
    {{parallel(geometry.kernel_elements)}}
    for (int _list = 0; _list < _LISTS; _list++)
        for (int _tap = (long) _TAPS * _list / _LISTS; _tap < (long) _TAPS * (_list + 1) / _LISTS; _tap++)
        {
            {% for block_of in cut(geometry.out_channels, (32, 16, 8, 4, 2, 1)) %}
            for (int _channel0 = {{block_of.start}}; _channel0 < {{block_of.stop}}; _channel0 += {{block_of.size}})
            {
                unsigned _there = 0;  // a bit for each channel
                #pragma omp simd reduction(|:_there)
                for (int _v = 0; _v < {{block_of.size}}; _v++)
                {
                    const int _channel = _channel0 + _v;
                    {{_element(block)|indent(20)}}
                    _there |= {{value}} != 0 ? 1u << _v : 0u;
                }
                for (; _there; _there &= _there - 1)
                    _lists[_list].push_back(_tap * _OUT_CHANNELS + _channel0 + __builtin_ctz(_there));
            }
            {% endfor %}
        }
    std::fill(_starts, _starts + _OUT_CHANNELS + 1, 0);
    for (const std::vector<int>& _list : _lists)
        for (const int _kernel_idx : _list) _starts[_kernel_idx % _OUT_CHANNELS + 1]++;
    for (int _channel = 0; _channel < _OUT_CHANNELS; _channel++) _starts[_channel + 1] += _starts[_channel];
    std::vector<int> _next(_starts, _starts + _OUT_CHANNELS);
    for (const std::vector<int>& _list : _lists)
        for (const int _idx : _list)
        {
            const int _tap = _idx / _OUT_CHANNELS, _channel = _idx % _OUT_CHANNELS, _place = _next[_channel]++;
            {{_element(block)|indent(12)}}
            {{caller()|indent(12)}}
        }
}
{%- endmacro %}

{# Lists the channels of those weights that aren't 0, if no more than one in so many is: those of a line of
   the kernel and a group of channels lie from _starts[line * _GROUPS + group] on, in their order #}
{% macro list_lines(weights, from) %}
constexpr int _LINES = {{geometry.kernel_elements // geometry.out_channels}};
// thread_local: see other loops
static thread_local std::vector<int> _starts_here((size_t) _LINES * _GROUPS + 1), _channels_here;
_channels_here.clear();
int* const _starts = _starts_here.data();
_starts[0] = 0;
for (int _line = 0; _line < _LINES && _channels_here.size() * {{from}} <= (size_t) _LINES * _OUT_CHANNELS; _line++)
    for (int _group = 0; _group < _GROUPS; _group++)
    {
        {% for block in cut(geometry.out_channels_per_group, (32, 16, 8, 4, 2, 1)) %}
        for (int _first = {{block.start}}; _first < {{block.stop}}; _first += {{block.size}})
        {
            const auto* const _weights = {{weights}} + (size_t) _line * _OUT_CHANNELS + _group * _GROUP_OUT + _first;
            unsigned _there = 0;  // a bit for each channel
            #pragma omp simd reduction(|:_there)
            for (int _v = 0; _v < {{block.size}}; _v++)
                _there |= _weights[_v] != 0 ? 1u << _v : 0u;
            for (; _there; _there &= _there - 1)
                _channels_here.push_back(_group * _GROUP_OUT + _first + __builtin_ctz(_there));
        }
        {% endfor %}
        _starts[_line * _GROUPS + _group + 1] = _channels_here.size();
    }
const int* const _channels = _channels_here.data();
const bool _few_left = _channels_here.size() * {{from}} <= (size_t) _LINES * _OUT_CHANNELS;
{%- endmacro %}
