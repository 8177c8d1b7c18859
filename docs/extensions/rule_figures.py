"""What each rule does, simulated when the documentation is built; docstrings are the captions."""

from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from brian2 import (
    BrianLogger,
    BrianObject,
    Hz,
    Network,
    SpikeGeneratorGroup,
    StateMonitor,
    defaultclock,
    ms,
    mV,
    prefs,
    second,
    seed,
    start_scope,
)
from matplotlib.figure import Figure

from hebbsim import (
    Assign,
    ConvSynapses,
    FeatureMap,
    FirstWinners,
    OrderPlasticity,
    PerChannel,
    SoftWinnerTakeAll,
    StoredImages,
    rules,
)

__all__ = ["FIGURES", "draw", "own_rule"]

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#767676"
BATCH = 20


def own_rule() -> rules.Rule:
    """Return the rule of one's own that the page shows."""
    return rules.Rule(
        learning_rate="0.1*exp(-t/(200*ms))",
        equations="dw = y_post*x_pre - decay*y_post**2*w : 1 (summed)",
        constants={"decay": 2.0},
        reference="Oja 1982 with a stronger decay",
    )


def draw(name: str, path: Path) -> None:
    """Simulate and save the figure of a rule."""
    plt.switch_backend("agg")
    start_scope()
    BrianLogger.suppress_hierarchy("brian2.codegen")
    step, target = defaultclock.dt, prefs.codegen.target
    prefs.codegen.target = "numpy"  # small networks, nothing to compile
    seed(1)
    try:
        figure = FIGURES[name]()
    finally:
        defaultclock.dt, prefs.codegen.target = step, target
    with plt.rc_context({"svg.hashsalt": name}):
        figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


# --- rates: two inputs, and where the weights go -----------------------------------------------


def cloud(mean: tuple[float, float] = (0.0, 0.0), n: int = 20_000) -> np.ndarray:
    """Return correlated pairs of inputs, ``(n, 2, 1, 1)``; the first component is (2, 1)."""
    rng = np.random.default_rng(3)
    along, across = np.array([2.0, 1.0]) / 5**0.5, np.array([-1.0, 2.0]) / 5**0.5
    points = np.outer(rng.normal(size=n), along) + 0.35 * np.outer(rng.normal(size=n), across)
    return (points + mean)[:, :, None, None]


def learned(
    rule: rules.Rule,
    points: np.ndarray,
    start: list[list[float]],
    normalize: str | None = None,
    competition: Callable[[FeatureMap], BrianObject] = lambda layer: Assign(layer, "u", "y"),
) -> np.ndarray:
    """Return the weights of each output over time, ``(outputs, 2, steps)``."""
    n = len(start)
    source = FeatureMap((2, 1, 1), "x : 1", batch_size=BATCH)
    layer = FeatureMap((n, 1, 1), "u : 1\ny : 1", batch_size=BATCH)
    objects = [source, layer, competition(layer), StoredImages(source, points)]
    for group, text in ((source, rule.pre_channels), (layer, rule.post_channels)):
        if text:
            channels = PerChannel(group, text, namespace=rule.parameters)
            if "theta_m" in text:
                channels.theta_m = 1
            objects.append(channels)
    conv = ConvSynapses(source, layer, rule=rule, kernel_size=1, normalize=normalize)
    conv.set_kernel("w", np.array(start)[:, :, None, None])
    monitor = StateMonitor(conv, "w", record=True)
    Network(*objects, conv, monitor).run(len(points) // BATCH * defaultclock.dt)
    order = np.argsort(conv.geometry.to_memory(np.arange(2 * n).reshape(n, 2, 1, 1)))
    return np.array(monitor.w)[order].reshape(n, 2, -1)


def plane(
    runs: list[tuple[str, np.ndarray]], points: np.ndarray, limit: float = 2.2, title: str = ""
) -> Figure:
    """Draw the inputs, and the way of each weight vector among them."""
    figure, axis = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
    shown = points[:400, :, 0, 0]
    axis.plot(*shown.T, ".", color="0.8", markersize=3, label="inputs")
    for (label, weights), colour in zip(runs, (BLUE, ORANGE, GREEN), strict=False):
        axis.plot(*weights, color=colour, linewidth=1)
        axis.annotate(
            "", weights[:, -1], (0, 0), arrowprops={"color": colour, "width": 1.5, "headwidth": 7}
        )
        axis.plot([], [], color=colour, label=label)
    axis.axhline(0, color=GREY, linewidth=0.5)
    axis.axvline(0, color=GREY, linewidth=0.5)
    axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    axis.set(xlabel="first input, first weight", ylabel="second input, second weight")
    axis.legend(frameon=False, loc="lower right", fontsize="small")
    return figure


def hebb() -> Figure:
    """Two inputs vary together (grey). The weights (blue, from their start at the top left) turn
    to the direction in which the inputs vary most, and grow for ever."""
    points = cloud()[:6000]
    return plane([("weights", learned(rules.Hebb(4e-4), points, [[-0.2, 0.6]])[0])], points)


def instar() -> Figure:
    """The inputs have a mean of (1, 0.5). The weights (blue), from their start at the top left,
    move to the mean input of the active neuron, and stay there."""
    points = cloud((1.0, 0.5))
    rule = rules.Instar(3e-4, equations="dw = clip(y_post, 0, inf)*(x_pre - w) : 1 (summed)")
    return plane([("weights", learned(rule, points, [[-0.4, 1.6]])[0])], points)


def oja() -> Figure:
    """Two neurons start apart, and both end at the first principal component, up to its sign, with
    a norm of 1."""
    points = cloud()
    found = learned(rules.Oja(5e-4), points, [[-0.4, 1.8], [0.5, -1.0]])
    return plane([("one start", found[0]), ("another", found[1])], points)


def sanger() -> Figure:
    """The first output channel finds the first principal component, the second one the second,
    both with a norm of 1."""
    points = cloud(n=60_000)
    found = learned(rules.Sanger(1e-3), points, [[-0.4, 1.2], [1.0, 0.6]])
    return plane([("first channel", found[0]), ("second channel", found[1])], points)


def soft_hebb() -> Figure:
    """Two filters compete for the inputs; both start with a larger norm, and slow down as it comes
    near 1."""
    points = cloud()
    found = learned(
        rules.SoftHebb(0.01),
        points,
        [[1.8, 0.6], [-1.6, 0.9]],
        competition=lambda layer: SoftWinnerTakeAll(layer, signed=True),
    )
    return plane([("one filter", found[0]), ("another", found[1])], points)


def own() -> Figure:
    """With the decay doubled, the weights still find the first principal component, but with a
    norm of 1/sqrt(2); the learning rate falls as time goes by."""
    points = cloud()
    rule = rules.Rule("0.002*exp(-t/(40*ms))", own_rule().equations, constants={"decay": 2.0})
    return plane([("weights", learned(rule, points, [[-0.4, 1.2]])[0])], points)


def covariance() -> Figure:
    """The inputs have a mean of (-1, 1) and vary along (2, 1). Hebb's rule (orange) turns to the
    mean; the covariance rule (blue) to the direction in which the inputs vary."""
    points = cloud((-1.0, 1.0))[:6000]
    ours = learned(rules.Covariance(4.2e-4, tau=2 * ms), points, [[0.1, 0.3]])[0]
    hebb = learned(rules.Hebb(1.7e-4), points, [[0.1, 0.3]])[0]
    return plane([("covariance", ours), ("Hebb", hebb)], points, limit=2.6)


def bcm() -> Figure:
    """The inputs are two patterns, (1, 0.2) and (0.2, 1), in random order. The response to one of
    them wins, that to the other vanishes: the neuron becomes selective."""
    rng = np.random.default_rng(0)
    patterns = np.array([[1.0, 0.2], [0.2, 1.0]])
    points = patterns[rng.integers(0, 2, 60_000)][:, :, None, None]
    rule = rules.BCM(2e-3, tau=1 * ms)
    weights = learned(rule, points, [[0.6, 0.5]])[0]
    figure, axis = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
    for pattern, colour in zip(patterns, (BLUE, ORANGE), strict=True):
        label = "response to ({:g}, {:g})".format(*pattern)
        axis.plot(pattern @ weights, color=colour, label=label)
    axis.set(xlabel="time step", ylabel="response")
    axis.legend(frameon=False)
    return figure


def nonlinear_hebb() -> Figure:
    """One direction of the inputs, (1, 1), is sparse; all have the same variance. With the norm of
    the weights held at 1, the neuron finds it; no rule that sees correlations alone could."""
    rng = np.random.default_rng(2)
    n = 40_000
    sparse = rng.laplace(size=n) ** 3
    along, across = np.array([1.0, 1.0]) / 2**0.5, np.array([-1.0, 1.0]) / 2**0.5
    points = np.outer(sparse / sparse.std(), along) + np.outer(rng.normal(size=n), across)
    points = points[:, :, None, None]
    rule = rules.NonlinearHebb(2e-4, nonlinearity="clip(y, -3, 3)**3")
    weights = learned(rule, points, [[-0.3, 0.95]], normalize="L2")[0]
    return plane([("weights", weights)], points, limit=2.6)


# --- spikes: a change for each timing ---------------------------------------------------------


def paired(
    rule: rules.Rule, lags: np.ndarray, rate: float, n: int, voltage: str = ""
) -> np.ndarray:
    """Return the change of a weight by `n` pairs at `rate` Hz, for lags (post - pre) in ms."""
    defaultclock.dt = 0.5 * ms
    count = len(lags)
    maps = []
    for text, reset, late in (
        (rule.pre_model, rule.pre_reset, np.maximum(-lags, 0)),
        (rule.post_model, rule.post_reset, np.maximum(lags, 0)),
    ):
        group = FeatureMap(
            (count, 1, 1),
            f"{text}\nfirst : second\n{voltage}",
            threshold="t > first - dt/2 and (t - first + dt/2) % period < dt and t < last",
            reset=reset,
            method="euler",
            namespace={"period": 1 / (rate * Hz), "last": (n / rate) * second},
        )
        group.first = (10 + late) * ms
        maps.append(group)
    conv = ConvSynapses(*maps, rule=rule, kernel_size=1, groups=count)
    conv.w = 0.5
    Network(*maps, conv).run((n / rate) * second + 200 * ms)
    return conv.get_kernel("w")[:, 0, 0, 0] - 0.5


def pair_stdp() -> Figure:
    """The change of a weight of 0.5 by one pair of spikes, for the additive rule and for changes
    that fade towards the bounds."""
    lags = np.concatenate([np.arange(-80.0, 0, 4), [-2, -1, 1, 2], np.arange(4.0, 81, 4)])
    figure, axis = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
    for mu, colour in ((0, BLUE), (1, ORANGE)):
        change = paired(rules.PairSTDP(mu=mu), lags, 1, 1)
        for side in (lags < 0, lags > 0):
            label = f"mu={mu}" if side[0] else None
            axis.plot(lags[side], 1e3 * change[side], ".-", color=colour, label=label)
    axis.axhline(0, color=GREY, linewidth=0.5)
    axis.axvline(0, color=GREY, linewidth=0.5)
    axis.set(
        xlabel="postsynaptic minus presynaptic spike (ms)", ylabel="change of the weight / 1000"
    )
    axis.legend(frameon=False)
    return figure


def triplet_stdp() -> Figure:
    """The change by 60 pairs of spikes, 10 ms apart, against how often they come: at high rates
    both orders potentiate, as in the visual cortex. Pair STDP knows no such change of sign."""
    rates = (5, 10, 20, 30, 40, 50)
    rule = rules.TripletSTDP.visual_cortex()
    change = np.array([paired(rule, np.array([10.0, -10.0]), rate, 60) for rate in rates])
    figure, axis = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
    axis.plot(rates, change[:, 0], "o-", color=BLUE, label="pre before post")
    axis.plot(rates, change[:, 1], "s-", color=ORANGE, label="post before pre")
    axis.axhline(0, color=GREY, linewidth=0.5)
    axis.set(xlabel="pairs per second (Hz)", ylabel="change of the weight")
    axis.legend(frameon=False)
    return figure


def clopath() -> Figure:
    """The change while the postsynaptic voltage is held and 40 presynaptic spikes come in a second:
    none at rest, depression above theta_minus, potentiation above theta_plus."""
    rule = rules.Clopath()
    volts = np.linspace(-80, 5, 35)
    count = len(volts)
    source = FeatureMap(
        (1, 1, 1),
        rule.pre_model,
        threshold="(t + dt/2) % (25*ms) < dt",
        reset=rule.pre_reset,
        method="exact",
    )
    target = FeatureMap((count, 1, 1), f"v : volt\n{rule.post_model}", method="exact")
    target.v = target.u_minus = target.u_plus = volts * mV
    conv = ConvSynapses(source, target, rule=rule, kernel_size=1)
    Network(source, target, conv).run(1 * second)
    figure, axis = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
    axis.plot(volts, conv.get_kernel("w")[:, 0, 0, 0], "o-", color=BLUE, markersize=4)
    for threshold, label in ((rule.theta_minus, "theta_minus"), (rule.theta_plus, "theta_plus")):
        axis.axvline(threshold / mV, color=GREY, linewidth=0.8, linestyle=":")
        axis.text(threshold / mV + 1, 0.9, label, transform=axis.get_xaxis_transform(), fontsize=8)
    axis.axhline(0, color=GREY, linewidth=0.5)
    axis.set(xlabel="postsynaptic voltage (mV)", ylabel="change of the weight")
    axis.set(ylim=(-0.2, 1.2))
    return figure


def reward_gated() -> Figure:
    """A pair of spikes at 0.1 s leaves a trace, and no change. The reward comes at 1 s, and turns
    what is left of the trace into weight."""
    defaultclock.dt = 1 * ms
    rule = rules.RewardGated(
        rules.PairSTDP(A_plus=0.1, w_max=1), reward="int(t >= 1*second)*int(t < 1.2*second)*10"
    )
    source = SpikeGeneratorGroup(1, [0], [100] * ms)
    late = SpikeGeneratorGroup(1, [0], [110] * ms)
    target = FeatureMap((1, 1, 1), "v : 1", threshold="v > 1", reset="v = 0")
    fire = ConvSynapses(
        late, target, "w : 1", on_pre="v_post += w", kernel_size=1, source_shape=(1, 1, 1)
    )
    fire.w = 2
    conv = ConvSynapses(source, target, rule=rule, kernel_size=1, source_shape=(1, 1, 1))
    conv.w = 0.5
    monitor = StateMonitor(conv, ("w", "eligibility"), record=True)
    Network(source, late, target, fire, conv, monitor).run(2 * second)
    figure, axes = plt.subplots(2, 1, figsize=(5.2, 3.8), sharex=True, layout="constrained")
    axes[0].plot(monitor.t / second, monitor.eligibility[0], color=BLUE)
    axes[0].set(ylabel="eligibility")
    axes[1].plot(monitor.t / second, monitor.w[0], color=BLUE)
    axes[1].set(ylabel="weight", xlabel="time (s)")
    for axis in axes:
        axis.axvspan(1, 1.2, color=ORANGE, alpha=0.25, linewidth=0, label="reward")
        axis.axvline(0.1, color=GREY, linestyle=":", label="pair of spikes")
    axes[0].legend(frameon=False)
    return figure


def order_stdp() -> Figure:
    """Four inputs spike in turn, and the neuron after the second one. Whatever the delays, inputs
    that came before it are potentiated and all others depressed, stimulus after stimulus."""
    rule = rules.OrderSTDP(0.2, 0.15)
    steps = 8
    duration = steps * defaultclock.dt
    source = FeatureMap((4, 1, 1), "bin : integer", "bin == t_in_timesteps % 8", "")
    source.bin = [1, 2, 5, 6]
    layer = FeatureMap(
        (1, 1, 1), "v : 1", threshold="v > 0.5 and t_in_timesteps % 8 == 3", reset="v = 0"
    )
    conv = ConvSynapses(source, layer, rule.model, on_pre="v_post += w", kernel_size=1)
    conv.w = [0.5, 0.6, 0.5, 0.6]
    winners = FirstWinners(layer, 1, radius=0, duration=duration)
    learning = OrderPlasticity(conv, rule, duration=duration)
    monitor = StateMonitor(conv, "w", record=True, dt=duration)
    Network(source, layer, conv, winners, learning, monitor).run(60 * duration)
    figure, axis = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
    for number, weights in enumerate(monitor.w):
        before = number < 2
        label = {0: "spiked before", 2: "spiked after"}.get(number)
        axis.plot(weights, color=BLUE if before else ORANGE, label=label)
    axis.set(xlabel="stimuli", ylabel="weight", ylim=(0, 1))
    axis.legend(frameon=False)
    return figure


FIGURES: dict[str, Callable[[], Figure]] = {
    "BCM": bcm,
    "Clopath": clopath,
    "Covariance": covariance,
    "Hebb": hebb,
    "Instar": instar,
    "NonlinearHebb": nonlinear_hebb,
    "Oja": oja,
    "OrderSTDP": order_stdp,
    "PairSTDP": pair_stdp,
    "RewardGated": reward_gated,
    "Rule": own,
    "Sanger": sanger,
    "SoftHebb": soft_hebb,
    "TripletSTDP": triplet_stdp,
}
