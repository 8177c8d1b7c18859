"""One graph for what a step launches: a GPU starts its kernels without the host.

Code objects that launch the same kernels with the same arguments in each step say so when they
first run. Those that follow each other are captured in the step after it, and from then on are one
launch. Where no graph can be made of them they run as they did.
"""

import re
from pathlib import Path

from brian2.codegen.templates import Templater

from hebbsim.brian2_private import replace_in_template

__all__ = ["mark_fixed_launches", "prepare_step_graphs"]

_DECLARED = "extern size_t used_device_memory;\n"
_DECLARATIONS = """
// Where kernels are launched: a stream that records them, or the default one
extern cudaStream_t step_stream;
// Said by a code object: it launches the same in each step, and what it does besides
extern bool launches_are_fixed;
extern void (*host_part)();
"""
_BEFORE = "#define Clock_epsilon 1e-14\n"
_RUN_TOGETHER = """
#include <map>
#include <vector>

namespace brian {
cudaStream_t step_stream = 0;
bool launches_are_fixed = false;
void (*host_part)() = NULL;
}

namespace {
struct Known { bool is_fixed; void (*host_part)(); };
struct StepGraph { int calls = 0; cudaGraphExec_t launched = NULL; };

std::map<codeobj_func, Known> known_functions;
std::map<std::vector<codeobj_func>, StepGraph> step_graphs;

// Whether a function launches the same in each step; what has not run yet may not
bool launches_the_same(codeobj_func func)
{
    const auto found = known_functions.find(func);
    return found != known_functions.end() && found->second.is_fixed;
}

void run_alone(codeobj_func func)
{
    brian::launches_are_fixed = false;
    brian::host_part = NULL;
    func();
    known_functions[func] = {brian::launches_are_fixed, brian::host_part};
}

cudaGraphExec_t captured(const std::vector<codeobj_func>& functions)
{
#ifdef BRIAN2CUDA_ERROR_CHECK_BLOCKING
    return NULL;  // whoever looks for an error wants to know the kernel
#endif
    static cudaStream_t stream = NULL;
    cudaGraph_t graph = NULL;
    cudaGraphExec_t launched = NULL;
    if (stream == NULL && cudaStreamCreate(&stream) != cudaSuccess) return NULL;
    if (cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed) != cudaSuccess)
    {
        cudaGetLastError();
        return NULL;
    }
    brian::step_stream = stream;
    for (codeobj_func func : functions) func();
    brian::step_stream = 0;
    if (cudaStreamEndCapture(stream, &graph) != cudaSuccess || graph == NULL
        || cudaGraphInstantiateWithFlags(&launched, graph, 0) != cudaSuccess)
    {
        cudaGetLastError();  // they run one by one, as before
        launched = NULL;
    }
    if (graph != NULL) cudaGraphDestroy(graph);
    return launched;
}

void run_together(const std::vector<codeobj_func>& functions)
{
    StepGraph& graph = step_graphs[functions];
    if (functions.size() > 1 && graph.calls++ == 0) graph.launched = captured(functions);
    if (graph.launched == NULL)
    {
        for (codeobj_func func : functions) func();
        return;
    }
    CUDA_SAFE_CALL(cudaGraphLaunch(graph.launched, 0));
    for (codeobj_func func : functions)
        if (known_functions[func].host_part) known_functions[func].host_part();
}
}

"""
_CALL = """                    func();
"""
_CALLS = """                    if (!launches_the_same(func))
                    {
                        run_alone(func);
                        continue;
                    }
                    std::vector<codeobj_func> functions;
                    for (; i < objects.size(); i++)
                    {
                        codeobj_func next = objects[i].second;
                        if (!next || curclocks.find(objects[i].first) == curclocks.end())
                            continue;
                        if (!launches_the_same(next))
                            break;
                        functions.push_back(next);
                    }
                    i--;
                    run_together(functions);
"""

_FUNCTION = re.compile(r"^void _run_\w+\(\)\n\{\n(.*)^\}$", re.MULTILINE | re.DOTALL)
_MARK = "    launches_are_fixed = true;\n"
#: What may stand in a code object beside launches: constants, and memory that is kept
_REST = re.compile(
    r"using namespace brian;"
    r"|^\s*//[^\n]*$"
    r"|const \w+ \w+ = (?:[-+.]*\d[-+.\w]*|true|false);"
    r"|static [\w ]+\* (\w+) = nullptr;\s*if \(\1 == nullptr\)\s*\{[^{}]*\}"
    r"|[\w ]+\* const \w+ = dev_array_\w+;"
    r'|CUDA_CHECK_ERROR\("\w+"\);'
    r"|host_part = \w+;\s*if \(step_stream == 0\) host_part\(\);",
    re.MULTILINE,
)
_LAUNCH = re.compile(r"\b\w+<<<([^<>]*), 0, step_stream>>>\(([^()]*(?:\(size_t\)[^()]*)*)\);")
_SIZE = re.compile(r"[\d\s+/*(),]|\b_N\b")
#: Random numbers of an object named ``array...`` move in each step
_ARGUMENT = re.compile(
    r"_N|\d+|dev_array_(?!\w*_(?:rand|randn|poisson_\d+)$)\w+|_[a-z]\w*( \+ \(size_t\) \d+)?"
)


def prepare_step_graphs(templater: Templater) -> None:
    """Let Brian2CUDA's networks run what launches the same in each step as one graph."""
    replace_in_template(templater, "objects", _DECLARED, _DECLARED + _DECLARATIONS)
    replace_in_template(templater, "network", _BEFORE, _RUN_TOGETHER + _BEFORE)
    replace_in_template(templater, "network", _CALL, _CALLS)


def mark_fixed_launches(folder: Path) -> None:
    """Let the code objects of a project say so that launch the same in each step.

    Parameters
    ----------
    folder : Path
        The project's, as Brian2CUDA wrote it.
    """
    for file in (folder / "code_objects").glob("*.cu"):
        text = file.read_text()
        found = _FUNCTION.search(text)
        if found and _is_fixed(found[1]):  # one that says so already isn't
            file.write_text(text[: found.end(1)] + _MARK + text[found.end(1) :])


def _is_fixed(body: str) -> bool:
    """Whether a function does nothing but launch kernels with arguments that don't change."""
    left = _REST.sub("", body)
    launches = _LAUNCH.findall(left)
    fixed = all(not _SIZE.sub("", sizes) and _are_fixed(given) for sizes, given in launches)
    return bool(launches) and fixed and not _LAUNCH.sub("", left).strip()


def _are_fixed(arguments: str) -> bool:
    given = (one.strip() for one in arguments.split(","))
    return all(_ARGUMENT.fullmatch(one) for one in given if one)
