"""The spiking network of part h in libraries of spiking networks, each in its own order of a step.

They are measured where they are installed, at the output rate of ours. Each is compared with the
same equations written out in its order, in the same precision: spikes, and what was learned.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hebbsim.benchmark.rows import largest_difference
from hebbsim.benchmark.spiking_rivals import by_convolution

__all__ = ["LIBRARIES", "Library", "WrittenOut", "find_threshold", "library_difference"]

BISECTIONS = 12
#: Of few neurons in few steps: rounding may let one spike that another order keeps below threshold
STEPS_TO_COMPARE, SAMPLES_TO_COMPARE = 30, 1
#: How much faster the libraries learn where they are compared: beyond the rounding of weights
FASTER = 1e4


class Library(ABC):
    """A network in a library.

    Parameters
    ----------
    spikes, kernel, threshold, decay
        As in `TorchSpikes`.
    changes : (float, float)
        Size of a potentiation and of a depression.
    """

    name: str
    package: str

    def __init__(
        self,
        spikes: np.ndarray,
        kernel: np.ndarray,
        threshold: float,
        decay: float,
        changes: tuple[float, float],
    ) -> None:
        self.spikes = torch.tensor(spikes, dtype=torch.float32)
        self.threshold, self.decay, self.changes = threshold, decay, changes
        self._next = 0
        self._build(torch.tensor(kernel, dtype=torch.float32))

    @abstractmethod
    def _build(self, kernel: Tensor) -> None:
        """Build the network."""

    @abstractmethod
    def _simulate(self, x: Tensor) -> list[Tensor]:
        """Show input spikes step by step; return output spikes, at least those of the last step."""

    @property
    @abstractmethod
    def kernel(self) -> Tensor:
        """The kernel as it is now."""

    @staticmethod
    @abstractmethod
    def step(net: "WrittenOut", x: Tensor) -> Tensor:
        """Do by hand what a step does, in its order."""

    @torch.no_grad()
    def run(self, steps: int) -> list[Tensor]:
        """Simulate so many steps; return the output spikes of each."""
        places = torch.arange(self._next, self._next + steps) % len(self.spikes)
        self._next += steps
        return self._simulate(self.spikes[places])

    def measure(self, steps: int) -> float:
        """Return the time of a step in so many, in seconds."""
        begin = perf_counter()
        self.run(steps)
        return (perf_counter() - begin) / steps


class BindsNet(Library):
    """BindsNET: the input arrives a step later, the kernel changes at the end of a step."""

    name, package = "BindsNET", "bindsnet"

    def _build(self, kernel: Tensor) -> None:
        from bindsnet.learning import PostPre
        from bindsnet.network import Network
        from bindsnet.network.nodes import Input, LIFNodes
        from bindsnet.network.topology import Conv2dConnection

        batch, shape = self.spikes.shape[1], self.spikes.shape[2:]
        out = F.conv2d(self.spikes[0], kernel).shape[1:]
        tau = -1 / float(np.log(self.decay))
        traces = {"traces": True, "traces_additive": True, "tc_trace": tau}
        plus, minus = self.changes
        self._built = Network(dt=1.0, batch_size=batch)
        source = Input(shape=tuple(shape), **traces)
        self._layer = LIFNodes(
            shape=tuple(out),
            rest=0.0,
            reset=0.0,
            thresh=self.threshold,
            refrac=0,
            tc_decay=tau,
            **traces,
        )
        self._built.add_layer(source, "source")
        self._built.add_layer(self._layer, "layer")
        self._connection = Conv2dConnection(
            source,
            self._layer,
            kernel.shape[-1],
            update_rule=PostPre,
            nu=(minus, plus),
            reduction=torch.sum,
            wmin=0.0,
            wmax=1.0,
            w=kernel.clone(),
        )
        self._built.add_connection(self._connection, "source", "layer")

    def _simulate(self, x: Tensor) -> list[Tensor]:
        self._built.run({"source": x}, time=len(x))
        return [self._layer.s]

    @property
    def kernel(self) -> Tensor:
        """The kernel as it is now."""
        return self._connection.w

    @staticmethod
    def step(net: "WrittenOut", x: Tensor) -> Tensor:
        net.v = net.v * net.decay + F.conv2d(net.before, net.w)
        s = (net.v >= net.threshold).float()
        net.v = net.v * (1 - s)
        net.before = x
        net.r, net.o = net.r * net.decay + x, net.o * net.decay + s
        net.learn(s, x)
        return s


class SpikingJelly(Library):
    """SpikingJelly: the input arrives at once, the kernel changes after a step."""

    name, package = "SpikingJelly", "spikingjelly"

    def _build(self, kernel: Tensor) -> None:
        from spikingjelly.activation_based import learning, neuron

        tau = 1 / (1 - self.decay)  # of which it loses 1/tau in a step
        out_channels, in_channels, rows, cols = kernel.shape
        self._conv = torch.nn.Conv2d(in_channels, out_channels, (rows, cols), bias=False)
        self._conv.weight.data.copy_(kernel)
        self._neurons = neuron.LIFNode(tau, False, self.threshold, 0.0, step_mode="s")
        plus, minus = self.changes
        self._learner = learning.STDPLearner(
            step_mode="s",
            synapse=self._conv,
            sn=self._neurons,
            tau_pre=tau,
            tau_post=tau,
            f_pre=lambda w: torch.full_like(w, minus),
            f_post=lambda w: torch.full_like(w, plus),
        )

    def _simulate(self, x: Tensor) -> list[Tensor]:
        spikes = []
        for one in x:
            spikes.append(self._neurons(self._conv(one)))
            self._conv.weight.data += self._learner.step(on_grad=False)
            self._conv.weight.data.clamp_(0, 1)
        return spikes

    @property
    def kernel(self) -> Tensor:
        """The kernel as it is now."""
        return self._conv.weight.data

    @staticmethod
    def step(net: "WrittenOut", x: Tensor) -> Tensor:
        net.v = net.v * net.decay + F.conv2d(x, net.w)
        s = (net.v >= net.threshold).float()
        net.v = net.v * (1 - s)
        net.r, net.o = net.r * net.decay + x, net.o * net.decay + s
        net.learn(s, x)
        return s


def _installed(library: type[Library]) -> bool:
    try:
        version(library.package)
    except PackageNotFoundError:
        return False
    return True


#: Those that are installed, by name and version
LIBRARIES: dict[str, type[Library]] = {
    f"{library.name} {version(library.package)}": library
    for library in (BindsNet, SpikingJelly)
    if _installed(library)
}


class WrittenOut:
    """The equations, whose order `step` gives."""

    def __init__(
        self,
        step: Callable[["WrittenOut", Tensor], Tensor],
        spikes: np.ndarray,
        kernel: np.ndarray,
        threshold: float,
        decay: float,
        changes: tuple[float, float],
    ) -> None:
        self._step, self.threshold, self.decay, self._changes = step, threshold, decay, changes
        self.spikes = torch.tensor(spikes, dtype=torch.float32)
        self.w = torch.tensor(kernel, dtype=torch.float32)
        self.before = self.r = torch.zeros_like(self.spikes[0])
        self.v = self.o = torch.zeros_like(F.conv2d(self.spikes[0], self.w))

    def learn(self, s: Tensor, x: Tensor) -> None:
        """Change the kernel, where it learns."""
        plus, minus = self._changes
        if plus or minus:
            change = plus * by_convolution(s, self.r, self.w.shape)
            self.w = self.w + change - minus * by_convolution(self.o, x, self.w.shape)
            self.w = self.w.clamp(0, 1)

    @torch.no_grad()
    def run(self, steps: int) -> list[Tensor]:
        """Simulate so many steps; return the output spikes of each."""
        return [self._step(self, self.spikes[n % len(self.spikes)]) for n in range(steps)]


def find_threshold(
    library: type[Library], spikes: np.ndarray, kernel: np.ndarray, decay: float, rate: float
) -> tuple[float, float]:
    """Return the threshold at which a library's output has a rate, and that rate."""
    low, high, settled = 0.0, 2.0 * kernel[0].size, len(spikes) // 4
    for _ in range(BISECTIONS):
        threshold = (low + high) / 2
        net = WrittenOut(library.step, spikes, kernel, threshold, decay, (0, 0))
        found = float(torch.stack(net.run(len(spikes))[settled:]).mean())
        low, high = (threshold, high) if found > rate else (low, threshold)
    return threshold, found


def library_difference(
    library: type[Library],
    spikes: np.ndarray,
    kernel: np.ndarray,
    threshold: float,
    decay: float,
    changes: tuple[float, float],
) -> float:
    """
    Run some steps in a library and written out.

    Returns
    -------
    float
        Largest difference of what the kernels learned; infinite if spikes of the last step differ.
    """
    few = spikes[:, :SAMPLES_TO_COMPARE]
    given = (few, kernel, threshold, decay, (changes[0] * FASTER, changes[1] * FASTER))
    own, theirs = WrittenOut(library.step, *given), library(*given)
    expected, found = own.run(STEPS_TO_COMPARE)[-1], theirs.run(STEPS_TO_COMPARE)[-1]
    if not torch.equal(expected.bool(), found.bool()):
        return float("inf")
    before = torch.tensor(kernel, dtype=torch.float32)
    return largest_difference((own.w - before).numpy(), (theirs.kernel - before).numpy())
