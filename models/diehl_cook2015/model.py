"""Spiking neurons, what joins them, and images shown until they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from brian2 import (
    Hz,
    Network,
    NetworkOperation,
    Quantity,
    SpikeMonitor,
    defaultclock,
    ms,
    mV,
    second,
    volt,
)

from hebbsim import ConvSynapses, FeatureMap, StoredImages
from models.diehl_cook2015.settings import DT, LONGEST_DELAY, NETWORK, REST, SHOWN

__all__ = ["DigitNetwork", "Variation"]

#: Steps in which an image is shown, and steps until the next one
N_SHOWN, N_STEPS = round(float(SHOWN / DT)), round(float((SHOWN + REST) / DT))
IN_SIGHT = f"t_in_timesteps % {N_STEPS} < {N_SHOWN}"

#: In each step of an image's time, what is drawn when it begins
INPUT = "fires : boolean"

NEURON = """
dv/dt = (v_rest - v + ge*(0*mV - v) + gi*(v_inh - v))/tau_mem : volt (unless refractory)
dge/dt = -ge/(1*ms) : 1
dgi/dt = -gi/(2*ms) : 1
"""
EXCITATORY = f"""
{NEURON}
dtheta/dt = -theta/(1e7*ms)*int(adapts) : volt
dtimer/dt = 0.1 : second
post1 : 1
post2 : 1
count : 1
adapts : boolean (shared)
"""
EXC_THRESHOLD = "v > theta - 72*mV and timer > 5*ms"
EXC_RESET = f"""
v = -65*mV
timer = 0*ms
theta += 0.05*mV*int(adapts)
post1 = 1
post2 = 1
count += int({IN_SIGHT})
"""
#: They decay exactly, while the neuron is integrated by Euler
TRACES = "post1 *= exp(-dt/(20*ms)); post2 *= exp(-dt/(40*ms))"
EXC = {"tau_mem": 100 * ms, "v_rest": -65 * mV, "v_inh": -100 * mV}
INH = {"tau_mem": 10 * ms, "v_rest": -60 * mV, "v_inh": -85 * mV}

SYNAPSE = """
w : 1
dpre/dt = -pre/(20*ms) : 1 (event-driven)
"""
ON_PRE = "ge += w; pre = 1; w = clip(w - a_minus*post1_post, 0, 1)"
ON_POST = "w = clip(w + a_plus*pre*post2_post, 0, 1)"


@dataclass(frozen=True)
class Variation:
    """
    Say what is left out of learning.

    Parameters
    ----------
    stdp : bool
        Whether weights change.
    theta : bool
        Whether thresholds do.
    """

    stdp: bool = True
    theta: bool = True


@dataclass
class _Showing:
    """Hold what is shown: images left, intensity, and the answers so far."""

    images: np.ndarray
    intensity: int = NETWORK.first_intensity
    answers: list[np.ndarray] = field(default_factory=list)
    repeats: int = 0
    begun: bool = False


class DigitNetwork:
    """
    Build the network; the state of one that stopped makes it go on.

    Parameters
    ----------
    n : int
        Excitatory neurons, and as many inhibitory ones.
    random : Generator
        Draws first weights and delays.
    learning : bool
        Whether weights and thresholds change.
    variation : Variation, optional
        What is left out of learning.
    """

    def __init__(
        self,
        n: int,
        random: np.random.Generator,
        *,
        learning: bool = True,
        variation: Variation = Variation(),
    ) -> None:
        defaultclock.dt = DT
        self.n = n
        self.plastic = learning and variation.stdp
        self.retina = FeatureMap((1, 28, 28), INPUT, threshold="fires", reset="", name="retina")
        self.exc = FeatureMap(
            (n, 1, 1),
            EXCITATORY,
            threshold=EXC_THRESHOLD,
            refractory=5 * ms,
            reset=EXC_RESET,
            method="euler",
            namespace=EXC,
            name="exc",
        )
        self.inh = FeatureMap(
            (n, 1, 1),
            NEURON,
            threshold="v > -40*mV",
            refractory=2 * ms,
            reset="v = -45*mV",
            method="euler",
            namespace=INH,
            name="inh",
        )
        self.exc.v, self.inh.v, self.exc.theta = -105 * mV, -100 * mV, 20 * mV
        self.exc.adapts = learning and variation.theta
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
        self.conv = ConvSynapses(
            self.retina,
            self.exc,
            SYNAPSE if self.plastic else "w : 1",
            on_pre=ON_PRE if self.plastic else "ge += w",
            on_post=ON_POST if self.plastic else None,
            kernel_size=28,
            namespace={"a_minus": NETWORK.a_minus, "a_plus": NETWORK.a_plus},
            name="conv",
        )
        shape = self.conv.geometry.kernel_shape
        self.conv.set_kernel("w", 0.3 * (random.random(shape) + 0.01))
        self.conv.set_kernel("delay", random.random(shape) * LONGEST_DELAY)
        if not self.plastic:  # else they are scaled as each image starts
            self.normalize()
        objects = [self.retina, self.exc, self.inh, self.conv, one, others]
        if self.plastic:
            self.exc.run_regularly(TRACES, when="start")
        self._spikes = StoredImages(
            self.retina,
            np.zeros((N_SHOWN + 1, 1, 28, 28), dtype=bool),
            "fires",
            order=np.minimum(np.arange(N_STEPS), N_SHOWN),  # nothing from the last one on
        )
        self._random = np.random.default_rng()
        self._showing = _Showing(np.empty((0, 784)))
        presenter = NetworkOperation(self._begin, dt=N_STEPS * DT, when="before_start")
        self.network = Network(*objects, presenter)

    def _begin(self) -> None:
        """Show the next image, or the same again; scale the weights before a new one."""
        self._conclude()
        showing = self._showing
        number = len(showing.answers)
        self.exc.count = 0
        if number == len(showing.images):
            return  # the run ends
        if self.plastic and showing.intensity == NETWORK.first_intensity:
            self.normalize()
        self._spikes.set_images(self._poisson(showing.images[number] / 8 * showing.intensity * Hz))
        showing.begun = True

    def _poisson(self, rates: Quantity) -> np.ndarray:
        """Draw in which steps inputs spike; no number is drawn where the image is black."""
        chances = np.asarray(rates * DT)
        lit = np.flatnonzero(chances)
        spikes = np.zeros((N_SHOWN + 1, 784), dtype=bool)
        drawn = self._random.random((N_SHOWN, len(lit)), dtype=np.float32)
        spikes[:N_SHOWN, lit] = drawn < chances[lit]
        return spikes.reshape(-1, 1, 28, 28)

    def _conclude(self) -> None:
        """Look at the answer to what was shown."""
        showing = self._showing
        if not showing.begun:
            return
        showing.begun = False
        count = np.array(self.exc.count[:])
        if count.sum() < NETWORK.least_spikes:
            showing.intensity += 1
            showing.repeats += 1
            if showing.intensity > NETWORK.last_intensity:
                raise ValueError(
                    f"image {len(showing.answers)} of those that are shown: fewer than "
                    f"{NETWORK.least_spikes} spikes at any intensity up to "
                    f"{NETWORK.last_intensity}; leave out images that are black"
                )
            return
        showing.answers.append(count.astype(np.int16))
        showing.intensity = NETWORK.first_intensity

    def normalize(self) -> None:
        """Scale the weights of each neuron to their sum."""
        w = self.conv.variables["w"].get_value().reshape(-1, self.n)  # neuron by neuron in a row
        w *= NETWORK.sum_of_weights / w.sum(axis=0)

    def show(self, images: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """
        Show images, each until it is answered.

        Parameters
        ----------
        images : array of uint8
            ``(n, 784)``.
        random : Generator
            Draws the inputs' spikes.

        Returns
        -------
        array of int
            ``(n, neurons)``: spikes of each neuron while an image was in sight.
        """
        self._showing, self._random = _Showing(images), random
        showing = self._showing
        while (left := len(images) - len(showing.answers)) > 0:
            self.network.run(left * N_STEPS * DT)
            self._conclude()
        return np.array(showing.answers)

    @property
    def repeats(self) -> int:
        """How often an image of the last `show` was shown again."""
        return self._showing.repeats

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
