"""Measure a convolution against explicit Brian2 synapses: time of a step, and memory.

One 28x28x1 map to 32 maps through 5x5 kernels, one sample, both in runtime mode: `ConvSynapses` in
C++, `Synapses` in Cython with every synapse stored. The rival is shown in the two orders in which
people store such synapses (by presynaptic neuron, as `connect` with a condition does, and by
postsynaptic neuron) and as `to_synapses()`, which looks its weights up in the shared kernel.
Times are the processor's, on one thread.

    python examples/speed_against_synapses.py [--steps N] [--precision float32]
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from brian2 import Network, Synapses, defaultclock, prefs
from rich.console import Console
from rich.table import Table

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.geometry import ConvGeometry

FORWARD = "w : 1\nu_post = w*x_pre : 1 (summed)"


def build(rule: rules.Rule | None, kernel_size: int = 5, padding: int = 0, channels: int = 32):
    """Return the maps and the convolution.

    All go by the same names whenever they are built: what is compiled once serves again.
    """
    source = FeatureMap((1, 28, 28), "x : 1", name="source")
    side = 28 + 2 * padding - kernel_size + 1
    layer = FeatureMap((channels, side, side), "u : 1\ny : 1", name="layer")
    conv = ConvSynapses(
        source,
        layer,
        None if rule else FORWARD,
        kernel_size=kernel_size,
        padding=padding,
        rule=rule,
        name="conv",
    )
    source.x, layer.y = np.random.rand(len(source)), np.random.rand(len(layer))
    conv.w = 0.1 * np.random.randn(len(conv))
    return source, layer, conv


def explicit(order: str):
    """Return the maps and ordinary synapses with a weight each."""
    source = FeatureMap((1, 28, 28), "x : 1", name="source")
    layer = FeatureMap((32, 24, 24), "u : 1\ny : 1", name="layer")
    geometry = ConvGeometry((1, 28, 28), 32, 5)
    pre, post, _ = (np.concatenate(part) for part in zip(*geometry.taps(), strict=True))
    chosen = np.lexsort((post, pre) if order == "pre" else (pre, post))
    synapses = Synapses(source, layer, FORWARD, name="explicit")
    synapses.connect(i=pre[chosen], j=post[chosen])
    synapses.w, source.x = 0.1 * np.random.randn(len(chosen)), np.random.rand(len(source))
    return source, layer, synapses


def milliseconds(contenders, rounds: int = 5) -> dict[str, float]:
    """Return the processor's time of a step of each, the set-up of a run left out.

    `contenders` holds objects and a number of steps by name. They take turns, and the shortest runs
    count: what else a machine does can only add to them.
    """
    networks = {name: (Network(*objects), steps) for name, (objects, steps) in contenders.items()}
    shortest = {}
    for number in range(-1, rounds):
        for name, (network, steps) in networks.items():
            for n_steps in (1, steps + 1):
                start = time.process_time()
                network.run(n_steps * defaultclock.dt)
                taken = time.process_time() - start
                if number >= 0:  # the first round compiles
                    shortest[name, n_steps] = min(taken, shortest.get((name, n_steps), taken))
    return {
        name: (shortest[name, steps + 1] - shortest[name, 1]) / steps * 1e3
        for name, (_, steps) in networks.items()
    }


def compare_speed(console: Console, steps: int, precisions: list[str]) -> None:
    """Print the table of times, and draw the ratios."""
    import matplotlib.pyplot as plt  # not in the processes whose memory is measured

    table = Table("precision", "step", "ConvSynapses", "rival", "ms", "ratio", title="Speed")
    ratios = {}
    for precision in precisions:
        prefs.core.default_float_dtype = np.dtype(precision).type
        for name, rule in (("forward", None), ("forward and Oja", rules.Oja(1e-6))):
            prefs.codegen.target = "numpy"  # creates synapses, for which nothing need be compiled
            source, layer, conv = build(rule)
            contenders = {
                "ConvSynapses": (build(rule), 20 * steps),
                "to_synapses()": ((source, layer, conv.to_synapses()), steps),
            }
            if rule is None:
                contenders["Synapses by pre"] = explicit("pre"), steps
                contenders["Synapses by post"] = explicit("post"), steps
            prefs.codegen.target = "auto"
            times = milliseconds(contenders)
            ours = times.pop("ConvSynapses")
            for rival, theirs in times.items():
                row = (f"{ours:.4f} ms", rival, f"{theirs:.3f}", f"{theirs / ours:.0f}")
                table.add_row(precision, name, *row)
                ratios[f"{name}, {precision}\n{rival}"] = theirs / ours
    console.print(table)
    figure, axis = plt.subplots(figsize=(6, 0.7 + 0.5 * len(ratios)), layout="constrained")
    axis.barh(list(ratios), list(ratios.values()), color="#0072B2")
    axis.set(xlabel="time of a step with explicit synapses / with ConvSynapses")
    figure.savefig("speed_against_synapses.png", dpi=150)


def measure_memory(kernel_size: int) -> None:
    """Print synapses and peak memory of one learning layer, in a process of its own."""
    source, layer, conv = build(rules.Oja(1e-6), kernel_size, kernel_size // 2, channels=64)
    Network(source, layer, conv).run(2 * defaultclock.dt)
    print(conv.geometry.n_connections, len(conv), peak_memory())


def peak_memory() -> float:
    """Return the peak of this process's resident memory, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage counts what a parent had when it started this process
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 1024 ** (2 if sys.platform == "darwin" else 1)


def compare_memory(console: Console) -> None:
    """Print how memory grows with the number of synapses."""
    table = Table("kernel", "synapses", "weights", "peak memory of the process", title="Memory")
    processes = {
        size: subprocess.Popen(
            [sys.executable, __file__, "--memory", str(size)], stdout=subprocess.PIPE, text=True
        )
        for size in (3, 9, 21)
    }
    for size, process in processes.items():
        out = process.communicate()[0].split()
        table.add_row(f"{size}x{size}", f"{int(out[0]):,}", out[1], f"{float(out[2]):.0f} MiB")
    console.print(table)


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300, help="steps of the explicit synapses")
    parser.add_argument("--precision", nargs="+", default=["float32", "float64"])
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        measure_memory(options.memory)
        return
    console = Console(width=90)
    compare_speed(console, options.steps, options.precision)
    compare_memory(console)


if __name__ == "__main__":
    main()
