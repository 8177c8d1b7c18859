"""Measure spiking convolutions that learn by STDP against explicit synapses and BindsNET.

One 28x28x1 map of Poisson neurons drives 32 maps through 5x5 kernels, one sample, one thread. The
first channel to spike at a position silences the others for some ms: their potential is set as
far below rest as the threshold is above. Time of a step, without compilation and set-up:

- `ConvSynapses`, pair STDP on a shared kernel;
- `Synapses` with a weight each (Brian2 shares none), pair STDP, traces on the neurons;
- the same with event-driven traces in the synapses, as in Brian2's documentation;
- `to_synapses()`, explicit but with shared weights: its spikes must be those of the first;
- BindsNET, `Conv2dConnection` with `PostPre`, if installed: `pip install '.[benchmark]'`.

The first four are C++ standalone programs with the same compiler flags, neurons, competition,
monitor and Brian2's profiling on. Explicit synapses are stored in the order of their presynaptic
neurons, the faster one here. All flush to zero (`-ffast-math` for the linker too) what decays
below the smallest normal number, which traces of silent neurons do in single precision after
1.7 s. BindsNET computes in single precision, gets its input spikes ready-made, and does without
competition: its own form of it here is a dense matrix between all output neurons, and would take
most of its time.

The time step is 1 ms, as is common in such networks and BindsNET's default. Most of it goes into
the output neurons, which are the same Brian2 code for the first four: that bounds the ratios of
whole steps, and more so with `--dt 0.1`, Brian2's default, where a step has a tenth of the spikes.

    python examples/spiking_speed.py [--dt MS] [--rate HZ] [--precision float32] [--threads 2]
"""

import argparse
import inspect
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Hz, Network, SpikeMonitor, Synapses, defaultclock, device, ms, prefs, seed
from brian2 import set_device as use_device
from rich.console import Console
from rich.table import Table

from hebbsim import ConvSynapses, FeatureMap, LateralInhibition, PoissonEncoder, rules
from hebbsim.geometry import ConvGeometry

OURS, NEURONS, EVENTS, SHARED = (
    "ConvSynapses",
    "Synapses, traces on neurons",
    "Synapses, event-driven traces",
    "to_synapses()",
)
LAYER = "dv/dt = -v/(20*ms) : 1"
PARTS = {
    "encoder": "input",
    "layer": "neurons",
    "inhibition": "competition",
    "monitor": "monitor",
    "synapses": "synapses",
}
CLASSIC = """w : 1
dr1/dt = -r1/tau_plus : 1 (event-driven)
do1/dt = -o1/tau_minus : 1 (event-driven)"""


@dataclass(frozen=True)
class Setting:
    """What is simulated."""

    side: int
    channels: int
    steps: int
    dt: float
    rate: float
    mu: float
    threads: int

    @property
    def rule(self) -> rules.PairSTDP:
        """The learning rule of all: its texts are those of the explicit synapses too."""
        return rules.PairSTDP(1e-5, mu=self.mu)


def feature_maps(setting: Setting, traces: bool) -> tuple[PoissonEncoder, FeatureMap]:
    """Return the input and the map, with the rule's traces if the synapses have none."""
    rule, side = setting.rule, setting.side
    pre, post = (
        ({"model": rule.pre_model, "reset": rule.pre_reset}, (rule.post_model, rule.post_reset))
        if traces
        else ({}, ("", ""))
    )
    # intensities are uniform: their mean is half the largest
    encoder = PoissonEncoder(
        (1, side, side), 2 * setting.rate * Hz, name="encoder", method="exact", **pre
    )
    layer = FeatureMap(
        (setting.channels, side - 4, side - 4),
        f"{LAYER}\n{post[0]}",
        threshold="v > 4",
        reset=f"v = 0\n{post[1]}",
        method="exact",
        name="layer",
    )
    LateralInhibition(layer, "v = -4", name="inhibition")
    return encoder, layer


def synapses(setting: Setting, which: str) -> tuple:
    """Return what is simulated, the neurons apart from the synapses."""
    rule = setting.rule
    encoder, layer = feature_maps(setting, which != EVENTS)
    rng = np.random.default_rng(1)
    encoder.set_maps("x", rng.random((1, setting.side, setting.side)))
    geometry = ConvGeometry((1, setting.side, setting.side), setting.channels, 5)
    kernel = rng.random(geometry.kernel_shape)
    if which in (OURS, SHARED):
        conv = ConvSynapses(
            encoder,
            layer,
            "w : 1",
            on_pre={"transmit": "v_post += w"},
            rule=rule,
            kernel_size=5,
            name="synapses",
        )
        conv.set_kernel("w", kernel)
        return encoder, layer, conv if which == OURS else conv.to_synapses()
    pre, post, element = (np.concatenate(p) for p in zip(*geometry.taps(), strict=True))
    by_neuron = np.lexsort((post, pre))
    if which == NEURONS:
        model, first = "w : 1", ("", "")
        on_pre, on_post, bounds = rule.on_pre, rule.on_post, rule.update
    else:
        model, first = CLASSIC, ("r1 += 1\n", "o1 += 1\n")
        on_pre, on_post = rule.on_pre.replace("_post", ""), rule.on_post.replace("_pre", "")
        bounds = rule.update
    explicit = Synapses(
        encoder,
        layer,
        model,
        on_pre=f"v_post += w\n{first[0]}{on_pre}\n{bounds}",
        on_post=f"{first[1]}{on_post}\n{bounds}",
        namespace={**rule.parameters, "eta": rule.learning_rate},
        name="synapses",
    )
    explicit.connect(i=pre[by_neuron], j=post[by_neuron])
    explicit.w = geometry.to_memory(kernel)[element[by_neuron]]
    return encoder, layer, explicit


class Program:
    """A compiled simulation: each run gives the time of a step in microseconds, and its parts."""

    def __init__(self, which: str, setting: Setting, steps: int, folder: Path) -> None:
        self.which, self.steps, self.folder, self.dt = which, steps, folder, setting.dt
        prefs.devices.cpp_standalone.openmp_threads = setting.threads if setting.threads > 1 else 0
        use_device("cpp_standalone", build_on_run=False)
        defaultclock.dt = setting.dt * ms
        seed(1)
        encoder, layer, joined = synapses(setting, which)
        monitor = SpikeMonitor(layer, name="monitor")
        network = Network(encoder, layer, joined, monitor)
        network.run(steps * defaultclock.dt, profile=True)
        device.build(directory=str(folder), run=False)
        self._files = {
            name: (Path(device.get_array_filename(monitor.variables[name])).name, dtype)
            for name, dtype in (("i", np.int32), ("t", np.float64))
        }
        self.n_neurons = len(layer)
        device.reinit()
        use_device("runtime")
        self.times: list[float] = []
        self.parts: list[dict[str, float]] = []

    def run(self) -> None:
        """Run once, and keep the times."""
        subprocess.run(["./main"], cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
        results = self.folder / "results"
        scale = 1e6 / self.steps
        self.times.append(float((results / "last_run_info.txt").read_text().split()[0]) * scale)
        parts = dict.fromkeys(PARTS.values(), 0.0)
        for line in (results / "profiling_info.txt").read_text().splitlines():
            name, seconds = line.split("\t")
            parts[PARTS[name.split("_")[0]]] += float(seconds) * scale
        parts["calls"] = self.times[-1] - sum(parts.values())
        self.parts.append(parts)

    def spikes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the neurons and the time steps of the last run's spikes."""
        i, t = (
            np.fromfile(self.folder / "results" / name, dtype)
            for name, dtype in self._files.values()
        )
        return i, np.round(t / (self.dt * 1e-3)).astype(int)

    @property
    def rate(self) -> float:
        """Mean rate of the output neurons in Hz."""
        return len(self.spikes()[0]) / self.n_neurons / (self.steps * self.dt * 1e-3)


def bindsnet_worker() -> None:
    """Simulate with BindsNET, in an interpreter of its own, each time that a line comes in."""
    import json
    import sys
    import time
    from importlib.metadata import version

    try:
        import torch
        from bindsnet.learning import PostPre
        from bindsnet.network import Network
        from bindsnet.network.monitors import Monitor
        from bindsnet.network.nodes import Input, LIFNodes
        from bindsnet.network.topology import Conv2dConnection
    except ImportError as error:
        print(json.dumps(str(error)), flush=True)
        return
    print(json.dumps(None), flush=True)
    setting = json.loads(sys.stdin.readline())
    torch.manual_seed(1)
    torch.set_flush_denormal(True)
    side, dt = setting["side"], setting["dt"]
    network = Network(dt=dt)
    source = Input(shape=(1, side, side), traces=True, tc_trace=20.0)
    layer = LIFNodes(
        shape=(setting["channels"], side - 4, side - 4),
        traces=True,
        rest=0.0,
        reset=0.0,
        thresh=4.0,
        refrac=10,
        tc_decay=20.0,
        tc_trace=20.0,
    )
    conv = Conv2dConnection(
        source, layer, 5, update_rule=PostPre, nu=(1e-7, 1e-7), wmin=0.0, wmax=1.0
    )
    network.add_layer(source, "source")
    network.add_layer(layer, "layer")
    network.add_connection(conv, "source", "layer")
    rates = 2 * setting["rate"] * torch.rand(1, 1, side, side)
    spikes = torch.rand(setting["steps"], 1, 1, side, side) < rates * dt * 1e-3
    with torch.no_grad():
        network.run({"source": spikes[:10]}, time=10 * dt)
        counter = Monitor(layer, ["s"], time=len(spikes))
        network.add_monitor(counter, "counter")
        network.run({"source": spikes}, time=len(spikes) * dt)
        rate = counter.get("s").float().mean().item() / (dt * 1e-3)
        del network.monitors["counter"]
        print(json.dumps([version("bindsnet"), torch.__version__, rate]), flush=True)
        for line in sys.stdin:
            torch.set_num_threads(int(line))
            start = time.perf_counter()
            network.run({"source": spikes}, time=len(spikes) * dt)
            elapsed = time.perf_counter() - start
            print(json.dumps(elapsed / len(spikes) * 1e6), flush=True)


class BindsNet:
    """BindsNET in a process of its own, which waits between the runs."""

    def __init__(self, python: str, setting: Setting, steps: int) -> None:
        worker = f"{inspect.getsource(bindsnet_worker)}\nbindsnet_worker()"
        self.process = subprocess.Popen(
            [python, "-W", "ignore", "-c", worker],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        #: Times by number of threads
        self.times: dict[int, list[float]] = {}
        #: Why it can't be measured
        self.missing = self._read()
        if self.missing is None:
            self.version, self.torch, self.rate = self._ask({**vars(setting), "steps": steps})
            #: One time for each number of threads that is worth a try
            self.trial = {
                n: self._ask(n) for n in sorted({1, setting.threads, os.cpu_count() or 1})
            }
            best = min(self.trial, key=lambda n: self.trial[n])
            self.times = {n: [] for n in sorted({setting.threads, best})}

    def _read(self) -> Any:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("BindsNET stopped with the error above")
        return json.loads(line)

    def _ask(self, value: Any) -> Any:
        print(json.dumps(value), file=self.process.stdin, flush=True)
        return self._read()

    def run(self) -> None:
        """Run once with each number of threads, and keep the time of a step."""
        for threads, times in self.times.items():
            times.append(self._ask(threads))

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def check_spikes(ours: Program, shared: Program) -> int:
    """Assert that both emit the same spikes while `shared` runs; return how many."""
    (i, step), (explicit_i, explicit_step) = ours.spikes(), shared.spikes()
    early = step < shared.steps
    np.testing.assert_array_equal(i[early], explicit_i)
    np.testing.assert_array_equal(step[early], explicit_step)
    assert len(explicit_i)
    return len(explicit_i)


def print_speed(console: Console, programs: dict[str, Program], other: BindsNet) -> None:
    """Print the time of a step."""
    table = Table("simulation", title="Time of a step in us, median of interleaved repetitions")
    for column in ("median", "least", "ratio", "synapses alone", "ratio", "output rate"):
        table.add_column(column, justify="right")
    ours = programs[OURS]
    synaptic = {name: [p["synapses"] for p in program.parts] for name, program in programs.items()}

    def times(values: list[float], of_ours: list[float]) -> list[str]:
        ratios = [theirs / own for theirs, own in zip(values, of_ours, strict=True)]
        ratio = "" if values is of_ours else f"{np.median(ratios):.1f}"
        return [f"{np.median(values):.1f}", f"{min(values):.1f}", ratio]

    for name, program in programs.items():
        alone = times(synaptic[name], synaptic[OURS])
        rate = f"{program.rate:.2f} Hz"
        table.add_row(name, *times(program.times, ours.times), alone[0], alone[2], rate)
    for threads, measured in other.times.items():
        name = f"BindsNET {other.version}, threads: {threads}"
        table.add_row(name, *times(measured, ours.times), "", "", f"{other.rate:.2f} Hz")
    console.print(table)


def print_parts(console: Console, programs: dict[str, Program]) -> None:
    """Print where the time of a step goes."""
    table = Table("simulation", title="Where it goes, in us (Brian2's profiling)")
    names = list(programs[OURS].parts[0])
    for name in names:
        table.add_column(name, justify="right")
    for which, program in programs.items():
        medians = [np.median([parts[name] for parts in program.parts]) for name in names]
        table.add_row(which, *(f"{m:.1f} ({m / sum(medians):.0%})" for m in medians))
    console.print(table)


def measure(console: Console, setting: Setting, options: argparse.Namespace) -> None:
    """Build and run everything, repetition by repetition."""
    other = BindsNet(options.bindsnet_python, setting, min(setting.steps, 300))
    chosen = (OURS, NEURONS, SHARED) if options.quick else (OURS, NEURONS, EVENTS, SHARED)
    with tempfile.TemporaryDirectory() as folder:
        programs: dict[str, Program] = {}
        for name in chosen:
            steps = min(setting.steps, round(100 / setting.dt)) if name == SHARED else setting.steps
            programs[name] = Program(name, setting, steps, Path(folder) / str(len(programs)))
        for _ in range(options.repeats):
            for program in programs.values():
                program.run()
            other.run()
        print_speed(console, programs, other)
        print_parts(console, programs)
        n_spikes = check_spikes(programs[OURS], programs[SHARED])
        console.print(
            f"The {n_spikes} spikes of the first {programs[SHARED].steps} steps are the same with "
            f"{OURS} and {SHARED}."
        )
    if other.missing is None:
        trial = ", ".join(f"{n}: {time:,.0f} us" for n, time in other.trial.items())
        console.print(f"BindsNET on torch {other.torch}; a run by number of threads: {trial}.")
    else:
        console.print(
            f"BindsNET was not measured ({other.missing}): pip install '.\\[benchmark]', or "
            "name an interpreter that has it with --bindsnet-python."
        )
    other.close()


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dt", type=float, default=1.0, help="time step in ms")
    parser.add_argument("--rate", type=float, default=10.0, help="mean input rate in Hz, 5 to 20")
    parser.add_argument("--mu", type=float, default=0.0, help="weight dependence of the STDP")
    parser.add_argument("--steps", type=int, default=3000, help="steps of a repetition")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--precision", choices=("float64", "float32"), default="float64")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a small network, for tests")
    parser.add_argument("--bindsnet-python", default=sys.executable, metavar="PATH")
    options = parser.parse_args()
    side, channels = 28, 32
    if options.quick:
        side, channels, options.steps, options.repeats = 12, 8, 200, 2
        prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-O0", "-std=c++11"]
    prefs.core.default_float_dtype = np.dtype(options.precision).type
    prefs.codegen.cpp.extra_link_args += ["-ffast-math"]
    setting = Setting(
        side, channels, options.steps, options.dt, options.rate, options.mu, options.threads
    )
    console = Console(width=120)
    console.print(
        f"{channels} maps of {side - 4}x{side - 4}, {channels * 25 * (side - 4) ** 2:,} synapses, "
        f"input {options.rate:g} Hz, dt = {options.dt:g} ms, {options.precision}, "
        f"threads: {options.threads}"
    )
    measure(console, setting, options)


if __name__ == "__main__":
    main()
