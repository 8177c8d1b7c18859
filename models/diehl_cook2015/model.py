"""Spiking neurons, what joins them, and images shown until they answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import (
    Network,
    SpikeMonitor,
    StateMonitor,
    defaultclock,
    linked_var,
    ms,
    mV,
    second,
    volt,
)

from hebbsim import ConvSynapses, FeatureMap, PerMap, StoredImages
from hebbsim.geometry import MapShape
from models.diehl_cook2015.settings import DT, LONGEST_DELAY, NETWORK, REST, SHOWN

__all__ = [
    "RATES",
    "DigitNetwork",
    "Variation",
    "first_weights",
    "scaling",
]

#: Steps in which an image is shown, and steps until the next one
N_SHOWN, N_STEPS = round(float(SHOWN / DT)), round(float((SHOWN + REST) / DT))
IN_SIGHT = f"t_in_timesteps % {N_STEPS} < {N_SHOWN}"
STARTS = f"t_in_timesteps % {N_STEPS} == 0"

#: Times between spikes are drawn, as a spike comes: most inputs have none for long
INPUT = """
rate : Hz
next_spike : second
n_spikes : 1 (linked)
"""
INPUT_THRESHOLD = f"t >= next_spike and {IN_SIGHT}"
INTERVAL = "-log(rand())/rate"
#: Bytes are read as 0 to 1
RATE = f"pixel*255/8*({NETWORK.first_intensity} + n_repeats)*Hz"
#: Of all neurons together: fewer, and the image is shown again, brighter
REPEAT_WHILE = (
    f"n_spikes < {NETWORK.least_spikes} and "
    f"n_repeats < {NETWORK.last_intensity - NETWORK.first_intensity}"
)

NEURON = """
dv/dt = (v_rest - v + ge*(0*mV - v) + gi*(v_inh - v))/tau_mem : volt (unless refractory)
dge/dt = -ge/(1*ms) : 1
dgi/dt = -gi/(2*ms) : 1
"""
EXCITATORY = f"""
{NEURON}
dtheta/dt = -theta/(1e7*ms)*int(adapts) : volt
dtimer/dt = 0.1 : second
dpost1/dt = -post1/(20*ms) : 1
dpost2/dt = -post2/(40*ms) : 1
count : 1
adapts : boolean (shared)
"""
EXC_THRESHOLD = "v > theta - 72*mV and timer > 5*ms"
#: As in the authors' code, where the timer has no effect
WITHOUT_TIMER = "v > theta - 72*mV"
EXC_RESET = f"""
v = -65*mV
timer = 0*ms
theta += 0.05*mV*int(adapts)
post1 = 1
post2 = 1
count += int({IN_SIGHT})
"""
#: Euler's method diverges where v falls by more than twice its distance to v_inh in a step, which
#: takes 24 inhibitory spikes at once: then all neurons fire for ever
METHOD = "exponential_euler"
EXC = {"tau_mem": 100 * ms, "v_rest": -65 * mV, "v_inh": -100 * mV}
INH = {"tau_mem": 10 * ms, "v_rest": -60 * mV, "v_inh": -85 * mV}

EACH_IMAGE: dict[str, Any] = {"dt": N_STEPS * DT, "when": "start"}

#: The last spike's arrival tells its trace, and is less to write than a trace and its last update
SYNAPSE = """
w : 1
arrival : second
"""
LONG_AGO = -1000 * second
ON_PRE = "ge += w; arrival = t; w = clip(w - a_minus*post1_post, 0, 1)"
ON_POST = "w = clip(w + a_plus*exp((arrival - t)/(20*ms))*post2_post, 0, 1)"
RATES = {"a_minus": NETWORK.a_minus, "a_plus": NETWORK.a_plus}


def scaling(norm: float) -> dict[str, Any]:
    """Scale the weights onto each neuron before an image, and not before its repeats."""
    return {
        "normalize": "L1",
        "norm": norm,
        "normalize_when": f"{STARTS} and n_repeats_pre == 0",
    }


def first_weights(random: np.random.Generator, shape: tuple[int, ...], norm: float) -> np.ndarray:
    """Draw weights, those onto each neuron with the sum `norm`."""
    w = random.random(shape) + 0.01
    return norm * w / w.sum(axis=(-3, -2, -1), keepdims=True)


@dataclass(frozen=True)
class Variation:
    """
    Say what is left out.

    Parameters
    ----------
    stdp : bool
        Whether weights change.
    theta : bool
        Whether thresholds do.
    timer : bool
        Whether 50 ms pass between two spikes of a neuron, as in the script, or the 5 ms for which
        it is refractory; so it is in testing too.
    """

    stdp: bool = True
    theta: bool = True
    timer: bool = True


class DigitNetwork:
    """
    Build the network; the state of one that stopped makes it go on.

    Parameters
    ----------
    n : int
        Excitatory neurons, and as many inhibitory ones.
    images : array of uint8
        ``(n, 784)``, which it will see one after the other, and again from the first one on.
    random : Generator
        Draws first weights and delays.
    learning : bool
        Whether weights and thresholds change.
    variation : Variation, optional
        What is left out.
    """

    #: What the inputs are, and what their spikes do to them
    input_model, input_reset = INPUT, f"next_spike += {INTERVAL}"

    def __init__(
        self,
        n: int,
        images: np.ndarray,
        random: np.random.Generator,
        *,
        learning: bool = True,
        variation: Variation = Variation(),
    ) -> None:
        defaultclock.dt = DT
        plastic = learning and variation.stdp
        self.retina = FeatureMap(
            (1, 28, 28),
            self.input_model,
            threshold=INPUT_THRESHOLD,
            reset=self.input_reset,
            name="retina",
        )
        self.shown = StoredImages(
            self.retina,
            images.reshape(-1, 1, 28, 28),
            "rate",
            value=RATE,
            duration=N_STEPS * DT,
            repeat_while=REPEAT_WHILE,
        )
        self.exc = FeatureMap(
            self.shape(n),
            EXCITATORY,
            threshold=EXC_THRESHOLD if variation.timer else WITHOUT_TIMER,
            refractory=5 * ms,
            reset=EXC_RESET,
            method=METHOD,
            namespace=EXC,
            name="exc",
        )
        self.inh = FeatureMap(
            self.shape(n),
            NEURON,
            threshold="v > -40*mV",
            refractory=2 * ms,
            reset="v = -45*mV",
            method=METHOD,
            namespace=INH,
            name="inh",
        )
        self.exc.v, self.inh.v, self.exc.theta = -105 * mV, -100 * mV, 20 * mV
        self.exc.adapts = learning and variation.theta
        answer = PerMap(self.exc, "n_spikes : 1", on_spike=f"n_spikes += int({IN_SIGHT})")
        self.retina.n_spikes = linked_var(answer, "n_spikes")
        one = ConvSynapses(
            self.exc,
            self.inh,
            "",
            on_pre=f"ge += {NETWORK.exc_inh}",
            kernel_size=1,
            groups=n,
            name="exc_inh",
        )
        others = ConvSynapses(
            self.inh,
            self.exc,
            "",
            on_pre=f"gi += {NETWORK.inh_exc}*int(i != j)",
            kernel_size=1,
            name="inh_exc",
        )
        self.conv = self.learning_synapses(random, plastic)
        self.retina.run_regularly(f"next_spike = t + {INTERVAL}", order=1, **EACH_IMAGE)
        self.exc.run_regularly("count = 0", **EACH_IMAGE)
        answer.run_regularly("n_spikes = 0", **EACH_IMAGE)
        self.network = Network(self.retina, self.exc, self.inh, self.conv, one, others)
        self._n_repeats = 0

    def shape(self, n: int) -> MapShape:
        """Return the shape of the map of `n` neurons at a position."""
        return MapShape(n, 1, 1)

    def learning_synapses(self, random: np.random.Generator, plastic: bool) -> ConvSynapses:
        """Return what leads from the inputs to the excitatory neurons, with first weights."""
        conv = ConvSynapses(
            self.retina,
            self.exc,
            SYNAPSE if plastic else "w : 1",
            on_pre=ON_PRE if plastic else "ge += w",
            on_post=ON_POST if plastic else None,
            kernel_size=28,
            namespace=RATES,
            name="conv",
            **scaling(NETWORK.sum_of_weights) if plastic else {},
        )
        shape = conv.geometry.kernel_shape
        conv.set_kernel("w", first_weights(random, shape, NETWORK.sum_of_weights))
        if plastic:
            conv.arrival = LONG_AGO
        conv.set_kernel("delay", random.random(shape) * LONGEST_DELAY)
        return conv

    def show(self, n: int) -> np.ndarray:
        """
        Show the next images, each until it is answered.

        Parameters
        ----------
        n : int
            How many.

        Returns
        -------
        array of int
            ``(n, neurons)``: spikes of each neuron while an image was in sight.
        """
        # of the presentation before: in the step in which the next one starts
        counts = StateMonitor(
            self.exc, "count", record=True, dt=N_STEPS * DT, when="start", order=-9
        )
        self.network.add(counts)
        self.shown.show(self.network, n)
        self.network.remove(counts)
        found = np.vstack([counts.count[:, 1:].T, self.exc.count[:]]).astype(np.int16)
        answered = found.sum(axis=1) >= NETWORK.least_spikes
        self._n_repeats = len(found) - n
        if answered.sum() < n:
            raise ValueError(
                f"image {_first_unanswered(answered)} of those that are shown: fewer than "
                f"{NETWORK.least_spikes} spikes at any intensity up to {NETWORK.last_intensity}; "
                "leave out images that are black"
            )
        return found[answered]

    def go_on_from(self, n: int) -> None:
        """Take the first `n` images for seen."""
        assert self.shown.repetition is not None
        self.shown.repetition.n_answered = n

    @property
    def repeats(self) -> int:
        """How often images of the last `show` were shown again."""
        return self._n_repeats

    @property
    def learned(self) -> dict[str, np.ndarray]:
        """What testing needs: weights, delays and thresholds."""
        return {
            "w": self.conv.get_kernel("w"),
            "delay": np.asarray(self.conv.get_kernel("delay")),
            "theta": np.asarray(self.exc.theta[:]),
        }

    def set_learned(self, learned: Mapping[str, np.ndarray]) -> None:
        """Take weights, delays and thresholds of another."""
        self.conv.set_kernel("w", learned["w"])
        self.conv.set_kernel("delay", learned["delay"] * second)
        self.exc.theta = learned["theta"] * volt

    def record(self) -> tuple[SpikeMonitor, SpikeMonitor]:
        """Record the spikes of inputs and excitatory neurons from now on."""
        monitors = SpikeMonitor(self.retina), SpikeMonitor(self.exc)
        self.network.add(*monitors)
        return monitors


def _first_unanswered(answered: np.ndarray) -> int:
    """Return the number of the first image whose last presentation wasn't answered either."""
    most, image, shown = 1 + NETWORK.last_intensity - NETWORK.first_intensity, 0, 0
    for right in answered:
        shown = 0 if right else shown + 1
        if shown == most:
            break
        image += int(right)
    return image
