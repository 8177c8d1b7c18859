{# What main() does once all is initialised: it obeys what it reads, until there is nothing more.
   Arrays lie where Brian2's code has them; on a GPU, a copy at the host is what is sent #}
{
    const int _from = std::atoi(argv[1]), _to = std::atoi(argv[2]);
    const auto _take = [_from](void* _place, size_t _bytes)
    {
        for (char* _next = (char*) _place; _bytes > 0;)
        {
            const ssize_t _n = read(_from, _next, std::min(_bytes, (size_t) 1 << 30));
            if (_n <= 0) std::_Exit(0);  // nobody asks any more
            _next += _n;
            _bytes -= _n;
        }
    };
    const auto _give = [_to](const void* _place, size_t _bytes)
    {
        for (const char* _next = (const char*) _place; _bytes > 0;)
        {
            const ssize_t _n = write(_to, _next, std::min(_bytes, (size_t) 1 << 30));
            if (_n <= 0) std::_Exit(1);
            _next += _n;
            _bytes -= _n;
        }
    };
    struct _Array { void* host; void* on_gpu; size_t bytes; };
    const std::vector<_Array> _arrays = {
        {% for name, size, on_gpu in arrays %}
        {{'{'}}{{name}}, {{'dev' + name if on_gpu else 'NULL'}}, sizeof({{name}}[0]) * (size_t) {{size}}},
        {% endfor %}
    };
    const std::vector<std::pair<BaseClock*, codeobj_func>> _steps = {
        {% for clock, name in steps %}
        {{'{'}}&{{clock}}, {{name}}},
        {% endfor %}
    };
    std::vector<char> _runs(_steps.size(), 1);
    std::signal(SIGINT, SIG_IGN);  // the one who asks decides when it ends
    for (;;)
    {
        char _what;
        _take(&_what, 1);
        if (_what == 'w' || _what == 'r')
        {
            int32_t _number;
            _take(&_number, sizeof(_number));
            const _Array& _array = _arrays[_number];
            if (_what == 'w')
            {
                _take(_array.host, _array.bytes);
                {% if cuda %}
                if (_array.on_gpu) CUDA_SAFE_CALL(cudaMemcpy(_array.on_gpu, _array.host, _array.bytes, cudaMemcpyHostToDevice));
                {% endif %}
            }
            else
            {
                {% if cuda %}
                if (_array.on_gpu) CUDA_SAFE_CALL(cudaMemcpy(_array.host, _array.on_gpu, _array.bytes, cudaMemcpyDeviceToHost));
                {% endif %}
                _give(_array.host, _array.bytes);
            }
        }
        else if (_what == 's')
        {
            uint64_t _seed;
            _take(&_seed, sizeof(_seed));
            {% if cuda %}
            random_number_buffer.set_seed(_seed);
            {% else %}
            for (size_t _n = 0; _n < _random_generators.size(); _n++) _random_generators[_n].seed(_seed + _n);
            {% endif %}
        }
        else if (_what == 'a')
            _take(_runs.data(), _runs.size());
        else if (_what == 'n')
        {
            double _duration;
            _take(&_duration, sizeof(_duration));
            {{network}}.clear();
            {% for clock in clocks %}
            {{network}}.add(&{{clock}}, {{'_run_random_number_buffer' if cuda else 'NULL'}});
            {% endfor %}
            for (size_t _n = 0; _n < _steps.size(); _n++)
                if (_runs[_n]) {{network}}.add(_steps[_n].first, _steps[_n].second);
            {{network}}.t = {{finest}}.t[0];  // a coarser clock may lie ahead of what has run
            {{network}}.run(_duration, NULL, 10.0);
            const char _done = 'd';
            _give(&_done, 1);
        }
        else
            std::_Exit(2);
    }
}
