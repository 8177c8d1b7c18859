"""The distal reward problem: the synapse that earned a reward is found seconds after it acted.

A random network of spiking neurons gets a pulse of dopamine 1 to 3 s after one neuron has, by
chance, fired within 20 ms before another one. In between the whole network goes on firing. The
synapse of that pair starts at zero, and yet it is the one that grows: each synapse has a trace of
what spike timing would have changed, and dopamine turns what is left of the trace into weight
(Izhikevich 2007, Cereb Cortex 17:2443). The control is the same network without the pulses.

The rule is ``RewardGated(PairSTDP(...))`` and dopamine a variable of an ordinary Brian2 group. The
reward protocol is made of Brian2 groups too, so that all of it runs as one C++ program.

By default 200 neurons with 50 synapses each get pulses twice as large as the original ones;
a `ConvSynapses` with a kernel of 1x1 joins them, masked where there is no synapse. With
``--sparse``, Brian2's own `Synapses` do so under the same rule, ten times as fast: they store the
synapses that exist alone, and update them every 10 ms. ``--full`` is the original experiment, an
hour of 1000 neurons with 100 synapses each, and always sparse.

    python examples/distal_reward.py [--sparse] [--full] [--seconds 1500] [--seeds 0 1 2]
"""

import argparse
import gc
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from brian2 import (
    Network,
    NeuronGroup,
    SpikeMonitor,
    StateMonitor,
    Synapses,
    defaultclock,
    device,
    linked_var,
    ms,
    second,
    seed,
    set_device,
)
from brian2.devices.device import reset_device
from rich.console import Console
from rich.table import Table

from hebbsim import ConvSynapses, FeatureMap
from hebbsim.rules import PairSTDP, RewardGated

# The original adds (0.002 + dopamine)*trace to a weight every 10 ms, 100 times a second. Its traces
# are 0.1 and 0.15 in the step of a spike, when these here are read one step later.
RULE = RewardGated(
    PairSTDP(
        learning_rate=100,
        A_plus=0.1 * np.exp(1 / 20),
        A_minus=0.15 * np.exp(1 / 20),
        w_max=4,
        pairing="nearest",
    ),
    tau_e=1 * second,
)
TONIC = 0.002

# Izhikevich's neuron, with his two half steps of v in each millisecond
STEP = """
I += 13*(rand() - 0.5)
v += 0.5*((0.04*v + 5)*v + 140 - u + I)
v += 0.5*((0.04*v + 5)*v + 140 - u + I)
u += a*(0.2*v - u)
I = 0
"""
# Each pair of spikes is given to the messenger whose turn it is, who brings the reward when due.
WAIT = """
paired = int(second_spike == t and t > first_spike and t - first_spike < 20*ms)
chosen = paired*int(turn == 0)
due = chosen*(t + 1*second + 2*second*rand()) + (1 - chosen)*due
turn = (turn + paired) % N
"""
N_MESSENGERS = 100
NEVER = 1e6 * second
N_WATCHED = 20  # other synapses, whose traces are compared


@dataclass
class Outcome:
    """What a simulation found; times in s."""

    weights: np.ndarray  # of all excitatory synapses in the end, the rewarded one first
    t: np.ndarray
    history: np.ndarray  # of these weights, (synapses, times)
    trace_t: np.ndarray
    eligibility: np.ndarray  # of the rewarded synapse, and some others
    dopamine: np.ndarray
    rewards: np.ndarray  # when
    rate: float  # of all neurons, Hz
    wall: float  # s

    @property
    def late(self) -> np.ndarray:
        """The mean of each weight over the last third of the time."""
        return self.history[:, self.t >= self.t[-1] * 2 / 3].mean(axis=1)

    @property
    def rank(self) -> int:
        """Rank of the rewarded synapse by its late mean; 1 if no other one is stronger."""
        return 1 + int((self.late[1:] > self.late[0]).sum())


def wire(n: int, m: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the excitatory and the inhibitory synapses, ``(pre, post)`` rows; four in five excite.

    Inhibitory neurons inhibit excitatory ones alone.
    """
    n_exc = 4 * n // 5
    excites = [
        (i, j)
        for i in range(n_exc)
        for j in sorted(rng.choice(np.delete(np.arange(n), i), m, replace=False))
    ]
    inhibits = [(i, j) for i in range(n - n_exc) for j in rng.choice(n_exc, m, replace=False)]
    return np.array(excites), np.array(inhibits)


def excite(neurons: FeatureMap, pairs: np.ndarray, weights: np.ndarray, dense: bool) -> Any:
    """Return the plastic synapses, and where the weight of each pair is in their variables.

    A spike is integrated in the next step, 1 ms later, without a delay. For the rule, the arrival
    counts: if both neurons of a pair fire at once, the presynaptic spike is the later one.
    """
    n, n_exc = len(neurons), pairs[:, 0].max() + 1
    common: dict[str, Any] = {
        "delay": {"rule_pre": 1 * ms},
        "method": "exact",
        "name": "excitation",
    }
    if not dense:
        synapses = Synapses(
            neurons[:n_exc],
            neurons,
            RULE.synapse_model.replace("\nreward : 1 (shared)", "\nreward : 1 (shared, linked)"),
            on_pre={"transmit": "I_post += w", "rule_pre": RULE.on_pre},
            on_post={"rule_post": RULE.on_post},
            namespace=RULE.parameters,
            dt=10 * ms,  # of trace and weight, as in the original; spikes act in each step
            **common,
        )
        synapses.run_regularly(RULE.update, when="end")
        synapses.connect(i=pairs[:, 0], j=pairs[:, 1])
        synapses.eta = RULE.learning_rate
        synapses.w = weights
        return synapses, np.arange(len(pairs))

    def kernel(values: np.ndarray) -> np.ndarray:
        found = np.zeros((n, n_exc, 1, 1), dtype=values.dtype)
        found[pairs[:, 1], pairs[:, 0], 0, 0] = values
        return found

    conv = ConvSynapses(
        neurons[:n_exc],
        neurons,
        "w : 1",
        on_pre={"transmit": "I_post += w"},
        rule=RULE,
        source_shape=(n_exc, 1, 1),
        kernel_size=1,
        mask=kernel(np.ones(len(pairs))),
        **common,
    )
    conv.set_kernel("w", kernel(weights))
    number = conv.geometry.to_memory(kernel(np.arange(1, len(pairs) + 1)))
    return conv, np.argsort(number)[-len(pairs) :]


def simulate(
    n: int,
    m: int,
    duration: float,
    pulses: tuple[float, ...],
    number: int = 0,
    dense: bool = True,
    folder: str | None = None,
    report: str | None = None,
) -> list[Outcome]:
    """Run `n` neurons with `m` synapses each for `duration` seconds, as a C++ program.

    Once for each of `pulses`, the dopamine of a reward, with the same wiring and the same noise,
    which `number` seeds. With `dense`, a `ConvSynapses` joins the neurons, else a `Synapses` does.
    """
    with tempfile.TemporaryDirectory() as temporary:
        gc.collect()  # frees the names of an earlier simulation's objects
        set_device("cpp_standalone", directory=folder or temporary, build_on_run=False)
        try:
            return _simulate(n, m, duration, pulses, number, dense, report)
        finally:
            device.reinit()
            reset_device()


def _simulate(
    n: int,
    m: int,
    duration: float,
    pulses: tuple[float, ...],
    number: int,
    dense: bool,
    report: str | None,
) -> list[Outcome]:
    defaultclock.dt = 1 * ms
    seed(number)
    pairs, inhibits = wire(n, m, np.random.default_rng(number))
    n_exc = pairs[:, 0].max() + 1

    neurons = FeatureMap(
        (n, 1, 1),
        f"v : 1\nu : 1\nI : 1\na : 1\njump : 1\n{RULE.pre_model}\n{RULE.post_model}",
        threshold="v >= 30",
        reset=f"v = -65\nu += jump\n{RULE.pre_reset}\n{RULE.post_reset}",
        method="exact",
        name="neurons",
    )
    neurons.run_regularly(STEP, name="neuron_step")
    neurons.v, neurons.u = -65, -13
    neurons.a = np.where(np.arange(n) < n_exc, 0.02, 0.1)
    neurons.jump = np.where(np.arange(n) < n_exc, 8, 2)

    target = pairs[0]  # its firing is rewarded
    weights = np.ones(len(pairs))
    weights[0] = 0
    excitation, elements = excite(neurons, pairs, weights, dense)
    inhibition = Synapses(neurons[n_exc:], neurons[:n_exc], on_pre="I_post -= 1", name="inhibition")
    inhibition.connect(i=inhibits[:, 0], j=inhibits[:, 1])

    dopamine = NeuronGroup(
        1,
        "dd/dt = (tonic - d)/(200*ms) : 1\npulse : 1",
        method="exact",
        namespace={"tonic": TONIC},
        name="dopamine",
    )
    dopamine.d = TONIC
    excitation.reward = linked_var(dopamine, "d")
    messengers = NeuronGroup(
        N_MESSENGERS,
        "first_spike : second\nsecond_spike : second\nturn : integer\ndue : second",
        threshold="t >= due",
        reset="due = never",
        namespace={"never": NEVER},
        name="messengers",
    )
    messengers.first_spike, messengers.second_spike, messengers.due = -NEVER, -NEVER, NEVER
    messengers.turn = "i"
    messengers.run_regularly(WAIT, when="after_synapses", name="wait")
    first = Synapses(neurons, messengers, on_pre="first_spike_post = t", name="first")
    first.connect(i=target[0], j=np.arange(N_MESSENGERS))
    then = Synapses(neurons, messengers, on_pre="second_spike_post = t", name="then")
    then.connect(i=target[1], j=np.arange(N_MESSENGERS))
    release = Synapses(messengers, dopamine, on_pre="d_post += pulse_post", name="release")
    release.connect()

    watched = [0, *range(m, len(pairs), len(pairs) // N_WATCHED)]
    slow = StateMonitor(excitation, "w", record=elements, dt=10 * second, name="slow")
    trace = StateMonitor(
        excitation, "eligibility", record=elements[watched], dt=10 * ms, name="trace"
    )
    level = StateMonitor(dopamine, "d", record=0, dt=10 * ms, name="level")
    rewards = SpikeMonitor(messengers, name="rewards")
    spikes = SpikeMonitor(neurons, record=False, name="spikes")
    network = Network(
        *(neurons, excitation, inhibition, dopamine, messengers, first, then, release),
        *(slow, trace, level, rewards, spikes),
        name="distal_reward",
    )
    network.run(duration * second, report=report, report_period=30 * second)
    device.build(directory=device.project_dir, run=False)

    found = []
    for pulse in pulses:
        began = time.perf_counter()
        device.run(run_args={dopamine.pulse: pulse})
        found.append(
            Outcome(
                weights=excitation.w[:][elements],
                t=np.array(slow.t / second),
                history=np.array(slow.w),
                trace_t=np.array(trace.t / second),
                eligibility=np.array(trace.eligibility),
                dopamine=np.array(level.d[0]),
                rewards=np.array(rewards.t / second),
                rate=float(spikes.num_spikes) / n / duration,
                wall=time.perf_counter() - began,
            )
        )
    return found


def around_rewards(outcome: Outcome, before: float, after: float) -> tuple[np.ndarray, ...]:
    """Return lags, and the mean traces (rewarded, others) and dopamine that far from a reward."""
    step = outcome.trace_t[1] - outcome.trace_t[0]
    lags = np.arange(-round(before / step), round(after / step) + 1)
    at = np.round(outcome.rewards / step).astype(int)[:, None] + lags
    at = at[(at[:, 0] >= 0) & (at[:, -1] < len(outcome.trace_t))]
    traces = outcome.eligibility[:, at].mean(axis=1)
    return lags * step, traces[0], traces[1:].mean(axis=0), outcome.dopamine[at].mean(axis=0)


def draw(runs: list[tuple[int, Outcome, Outcome]], path: Path) -> None:
    """Draw the weight over time, all weights in the end, and what a reward finds."""
    blue, orange, grey = "#0072B2", "#D55E00", "#767676"
    _, rewarded, control = runs[0]
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.3), layout="constrained")
    for _, other, _ in runs[1:]:
        axes[0].plot(other.t, other.history[0], color=blue, linewidth=0.6, alpha=0.3)
    axes[0].plot(rewarded.t, rewarded.history[0], color=blue, label="rewarded synapse")
    axes[0].plot(rewarded.t, rewarded.history.mean(axis=0), color=grey, label="mean of all")
    axes[0].plot(control.t, control.history[0], color=orange, ls="--", label="the same, no reward")
    axes[0].set(xlabel="time (s)", ylabel="weight", ylim=(-0.1, 5.6))  # room for the legend
    axes[0].legend(frameon=False, loc="upper left")

    bins = np.linspace(0, RULE.parameters["w_max"], 41)
    axes[1].hist(rewarded.late[1:], bins, color=grey, label="others")
    axes[1].axvline(rewarded.late[0], color=blue, label="rewarded synapse")
    axes[1].set(xlabel="weight, mean of the last third", ylabel="synapses", yscale="log")
    axes[1].legend(frameon=False)

    inside = (rewarded.rewards > 5) & (rewarded.rewards < rewarded.trace_t[-1] - 2)
    if inside.any():
        lags, own, others, dopamine = around_rewards(rewarded, 4, 1)
        axes[2].plot(lags, own, color=blue, label="trace, rewarded synapse")
        axes[2].plot(lags, others, color=grey, label="trace, others")
        axes[2].set(xlabel="time from the reward (s)", ylabel="eligibility")
        axes[2].set_ylim(top=1.4 * own.max())
        axes[2].legend(frameon=False, loc="upper left")
        right = axes[2].twinx()
        right.fill_between(lags, dopamine, color=orange, alpha=0.3, linewidth=0)
        right.set(ylabel="dopamine")
    for axis, title in zip(
        axes, ("Rewarded 1 to 3 s late", "Among the others", "What a reward finds"), strict=True
    ):
        axis.set_title(title, loc="left")
    figure.savefig(path, dpi=150)
    print("figure:", path)


def show(runs: list[tuple[int, Outcome, Outcome]]) -> None:
    """Print what became of the rewarded synapse."""
    table = Table(
        *("seed", "rewards", "weight", "late mean", "its rank", "others"),
        *("weight, no reward", "others, no reward", "Hz", "wall s"),
    )
    for number, rewarded, control in runs:
        table.add_row(
            str(number),
            str(len(rewarded.rewards)),
            f"{rewarded.weights[0]:.2f}",
            f"{rewarded.late[0]:.2f}",
            f"{rewarded.rank} of {len(rewarded.weights)}",
            f"{rewarded.weights[1:].mean():.2f}",
            f"{control.weights[0]:.3f}",
            f"{control.weights[1:].mean():.2f}",
            f"{rewarded.rate:.1f}",
            f"{rewarded.wall:.0f} + {control.wall:.0f}",
        )
    Console(width=130).print(table)


def main() -> None:
    """Simulate with and without rewards, print and draw."""
    parser = argparse.ArgumentParser(description="The distal reward problem.")
    parser.add_argument("--full", action="store_true", help="1000 neurons, 100 synapses each")
    parser.add_argument("--sparse", action="store_true", help="Synapses, also if not --full")
    parser.add_argument("--seconds", type=float, help="1500, or 3600")
    parser.add_argument("--pulse", type=float, help="dopamine of a reward")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--output", type=Path, default=Path("distal_reward.png"))
    options = parser.parse_args()
    n, m, seconds, pulse = (1000, 100, 3600, 0.5) if options.full else (200, 50, 1500, 1.0)
    seconds = seconds if options.seconds is None else options.seconds
    pulse = pulse if options.pulse is None else options.pulse
    dense = not (options.full or options.sparse)
    runs = []
    for number in options.seeds:
        print(f"seed {number}: {n} neurons, compiled, with and without rewards", flush=True)
        outcomes = simulate(n, m, seconds, (pulse, 0.0), number, dense, report="text")
        runs.append((number, *outcomes))
    show(runs)
    draw(runs, options.output)


if __name__ == "__main__":
    main()
