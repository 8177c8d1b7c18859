"""Measure a convolution against explicit Brian2 synapses: time of a step, and memory.

One 28x28x1 map to 32 maps through 5x5 kernels, one sample, both in runtime mode: `ConvSynapses` in
C++, `Synapses` in Cython with every synapse stored. The rival is shown in the two orders in which
people store such synapses (by presynaptic neuron, as `connect` with a condition does, and by
postsynaptic neuron) and as `to_synapses()`, which looks its weights up in the shared kernel.
Times are the processor's, on one thread.

    python examples/speed_against_synapses.py [--steps N] [--rounds N] [--precision float32]
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


class Race:
    """Let objects with synapses of one rule take turns, and time a step of each."""

    def __init__(self, rule: rules.Rule | None, precision: str, steps: int) -> None:
        self.precision = precision
        self._choose_precision()
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
        self.networks = {
            name: (Network(*of), n_steps) for name, (of, n_steps) in contenders.items()
        }

    def compile(self) -> None:
        """Run a step of each."""
        self._choose_precision()
        for network, _ in self.networks.values():
            network.run(defaultclock.dt)

    def milliseconds(self, rounds: int) -> dict[str, float]:
        """Return the processor's time of a step of each, the set-up of a run left out.

        The shortest runs count: what else a machine does can only add to them.
        """
        self._choose_precision()
        shortest: dict[tuple[str, int], float] = {}
        for _ in range(rounds):
            for name, (network, steps) in self.networks.items():
                for n_steps in (1, steps + 1):
                    start = time.process_time()
                    network.run(n_steps * defaultclock.dt)
                    taken = time.process_time() - start
                    shortest[name, n_steps] = min(taken, shortest.get((name, n_steps), taken))
        return {
            name: (shortest[name, steps + 1] - shortest[name, 1]) / steps * 1e3
            for name, (_, steps) in self.networks.items()
        }

    def _choose_precision(self) -> None:
        prefs.core.default_float_dtype = np.dtype(self.precision).type


def compare_speed(console: Console, races: dict[tuple[str, str], Race], rounds: int) -> None:
    """Print the table of times, and draw the ratios."""
    import matplotlib.pyplot as plt  # not in the processes whose memory is measured

    table = Table("precision", "step", "ConvSynapses", "rival", "ms", "ratio", title="Speed")
    ratios = {}
    for (precision, name), race in races.items():
        times = race.milliseconds(rounds)
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


def memory_processes() -> dict[int, subprocess.Popen[str]]:
    """Start to measure memory with kernels of several sizes."""
    return {
        size: subprocess.Popen(
            [sys.executable, __file__, "--memory", str(size)], stdout=subprocess.PIPE, text=True
        )
        for size in (3, 9, 21)
    }


def compare_memory(console: Console, found: dict[int, str]) -> None:
    """Print how memory grows with the number of synapses."""
    table = Table("kernel", "synapses", "weights", "peak memory of the process", title="Memory")
    for size, text in found.items():
        n_synapses, n_weights, peak = text.split()
        table.add_row(f"{size}x{size}", f"{int(n_synapses):,}", n_weights, f"{float(peak):.0f} MiB")
    console.print(table)


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300, help="steps of the explicit synapses")
    parser.add_argument("--rounds", type=int, default=5, help="turns, of which the shortest counts")
    parser.add_argument("--precision", nargs="+", default=["float32", "float64"])
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        measure_memory(options.memory)
        return
    processes = memory_processes()
    races = {
        (precision, name): Race(rule, precision, options.steps)
        for precision in options.precision
        for name, rule in (("forward", None), ("forward and Oja", rules.Oja(1e-6)))
    }
    for race in races.values():
        race.compile()
    found = {size: process.communicate()[0] for size, process in processes.items()}
    console = Console(width=90)  # from here on nothing else runs
    compare_speed(console, races, options.rounds)
    compare_memory(console, found)


if __name__ == "__main__":
    main()
