"""Part a: a forward step and Oja's rule, against explicit Brian2 synapses."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from brian2 import Synapses, defaultclock
from brian2.devices.device import auto_target

from hebbsim.benchmark.ours import Layer
from hebbsim.benchmark.rows import Row, Target, largest_difference
from hebbsim.benchmark.setting import Found, Setting
from hebbsim.benchmark.standalone import Built, CppProgram
from hebbsim.benchmark.timing import interleave

__all__ = ["SHARED", "UNSHARED", "measure", "same_kernel", "unshared"]

SHARED = "Synapses, weights looked up in the kernel"
UNSHARED = "Synapses, a weight each (not shared)"
OURS = "ConvSynapses"
#: Which results are compared: where weights aren't shared, they part in the first step
_COMPARED = {SHARED: "forward and Oja", UNSHARED: "forward and Oja, first drive compared"}
#: Sums of float32 in another order, over some steps
TOLERANCE = 1e-4
STEPS_TO_COMPARE = 20


def measure(setting: Setting) -> Found:
    """Measure both modes, with one sample and with several."""
    found = []
    for batch in setting.sizes.digit_batches:
        rows, order = _runtime(setting, batch)
        found += [*rows, *_standalone(setting, batch, order)]
    return Found(found, [])


def layer(setting: Setting, batch: int = 1) -> Layer:
    """Build the layer: linear neurons, Oja's rule."""
    sizes = setting.sizes
    return Layer.build(sizes.digit, sizes.maps, sizes.kernel, batch=batch, learning="linear")


def unshared(built: Layer, order: str) -> Synapses:
    """
    Return the synapses of a layer with a weight each, and Oja's rule for each.

    Parameters
    ----------
    built : Layer
        Gives the maps, the initial weights and the rule.
    order : {'pre', 'post'}
        The neuron by which they are stored.
    """
    conv = built.conv
    pre, post, element = (np.concatenate(part) for part in zip(*conv.geometry.taps(), strict=True))
    chosen = np.lexsort((post, pre) if order == "pre" else (pre, post))
    synapses = Synapses(
        built.source,
        built.target,
        "w : 1\nu_post = w*x_pre : 1 (summed)",
        namespace={"eta": built.rate},
        name="unshared",
    )
    synapses.connect(i=pre[chosen], j=post[chosen])
    synapses.w = conv.geometry.to_memory(built.initial)[element[chosen]]
    synapses.run_regularly("w += eta*y_post*(x_pre - y_post*w)", when="end")
    return synapses


def same_kernel(setting: Setting, batch: int = 1, steps: int = STEPS_TO_COMPARE) -> float:
    """Learn for some steps with ours and `to_synapses`; return the difference of the kernels."""
    ours, theirs = layer(setting, batch), layer(setting, batch)
    ours.stamped(setting.threads).run(steps)
    theirs.stamped(0, theirs.conv.to_synapses()).run(steps)
    return largest_difference(ours.kernel, theirs.kernel)


def _same_drive(setting: Setting) -> float:
    """Return the difference of the first step's drive to that of synapses with a weight each."""
    ours, theirs = layer(setting), layer(setting)
    ours.stamped(setting.threads).run(1)
    theirs.stamped(0, unshared(theirs, "post")).run(1)
    return largest_difference(ours.drive, theirs.drive)


def _rivals(batch: int) -> tuple[str, ...]:
    """Return the rivals; a weight for each synapse of each sample would be no batch."""
    return (SHARED, UNSHARED) if batch == 1 else (SHARED,)


def _runtime(setting: Setting, batch: int) -> tuple[list[Row], str]:
    """Measure in runtime mode; return the better order of synapses with a weight each too."""
    setting.announce(f"runtime mode, batch {batch}: the same result")
    differences = {SHARED: same_kernel(setting, batch)}
    if batch == 1:
        differences[UNSHARED] = _same_drive(setting)
    setting.announce(f"runtime mode, batch {batch}: time of a step")
    contenders = {str(n): layer(setting, batch).stamped(n) for n in _thread_counts(setting)}
    rival = layer(setting, batch)
    contenders[SHARED] = rival.stamped(0, rival.conv.to_synapses())
    orders = ("pre", "post") if batch == 1 else ()
    for order in orders:
        built = layer(setting)
        contenders[order] = built.stamped(0, unshared(built, order))
    times = interleave(contenders, setting.repeats, setting.sizes.seconds)
    threads = min(_thread_counts(setting), key=lambda n: times[str(n)])
    order = min(orders, key=times.__getitem__, default="")
    target = auto_target().class_name
    names = {
        SHARED: f"{SHARED}, {target}, 1 thread",
        UNSHARED: f"{UNSHARED}, {target}, by {order}, 1 thread",
    }
    if order:
        times[UNSHARED] = times[order]
    rows = [
        Row(
            "a",
            f"runtime mode, batch {batch}: {_COMPARED[name]}",
            threads,
            "ms",
            1e3 * times[str(threads)],
            1e3 * times[name],
            names[name],
            Target(60) if name == SHARED else None,
            differences[name],
            TOLERANCE,
        )
        for name in _rivals(batch)
    ]
    return rows, order


def _thread_counts(setting: Setting) -> list[int]:
    """Return how many threads are tried on both sides: for little work one may be better."""
    return sorted({1, setting.threads})


def _standalone(setting: Setting, batch: int, order: str) -> list[Row]:
    """Measure C++ standalone programs, each with one thread and with all."""
    steps = max(1, setting.sizes.standalone_steps // batch)
    programs: dict[str, list[CppProgram]] = {}

    def objects(name: str) -> Built:
        built, synapses = layer(setting, batch), None
        if name != OURS:
            synapses = built.conv.to_synapses() if name == SHARED else unshared(built, order)
        network = built.network(synapses)
        return Built(network, defaultclock, [built.conv.variables["w"]], other=built)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name in (OURS, *_rivals(batch)):
            for threads in _thread_counts(setting):
                setting.announce(f"C++ standalone: compiling {name}, threads: {threads}")
                path = Path(folder, f"{len(programs)}-{threads}")
                program = CppProgram(path, steps, partial(objects, name), threads)
                programs.setdefault(name, []).append(program)
        setting.announce("C++ standalone: time of a step")
        for _ in range(setting.repeats):
            for both in programs.values():
                for program in both:
                    program.measure()
        best = {name: min(both, key=lambda p: p.median) for name, both in programs.items()}
        return [_standalone_row(best[OURS], best[name], name, batch) for name in _rivals(batch)]


def _standalone_row(ours: CppProgram, rival: CppProgram, name: str, batch: int) -> Row:
    same = name == SHARED
    return Row(
        "a",
        f"C++ standalone, batch {batch}: "
        f"{_COMPARED[name] if same else 'forward and Oja, not compared'}",
        ours.threads,
        "ms",
        1e3 * ours.median,
        1e3 * rival.median,
        f"{name}, threads: {rival.threads}",
        Target(100) if same else None,
        largest_difference(ours.kept()[0], rival.kept()[0]) if same else float("nan"),
        TOLERANCE if same else float("nan"),
    )
