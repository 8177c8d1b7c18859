"""The spiking network of part h written by hand in torch: maps of 0 and 1, and sums over them."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

__all__ = ["FORMS", "TorchSpikes", "by_convolution", "output_rate"]

#: How coincidences of output and input are summed: by a matrix product of unfolded patches, or by
#: a convolution of the input with the output
FORMS = ("convolutions", "unfolded")


class TorchSpikes:
    """Leaky integrate-and-fire maps whose shared kernel learns by pair STDP.

    In each step, as in Brian2: potential and traces decay; neurons above the threshold spike; the
    input arrives; what both have done changes the kernel; spikes reset the potential and add to
    the traces; the kernel is clipped.

    Parameters
    ----------
    spikes : array
        Input, booleans ``(steps, batch, channels, rows, cols)``, repeated for ever.
    kernel : array
        ``(out_channels, in_channels, rows, cols)``.
    threshold, decay : float
        Of the potential; the decay in a step is that of the traces too.
    changes : (float, float), optional
        Size of a potentiation and of a depression; None without learning.
    form : str
        One of `FORMS`.
    compiled : bool
        Whether the step is compiled by ``torch.compile``.
    double : bool
        In double precision.
    """

    def __init__(
        self,
        spikes: np.ndarray,
        kernel: np.ndarray,
        *,
        threshold: float,
        decay: float,
        changes: tuple[float, float] | None,
        form: str,
        compiled: bool = True,
        double: bool = False,
    ) -> None:
        dtype = torch.float64 if double else torch.float32
        correlate = {"convolutions": by_convolution, "unfolded": _by_patches}[form]

        def step(
            x: Tensor, w: Tensor, v: Tensor, r: Tensor, o: Tensor
        ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
            v = v * decay
            spiked = (v > threshold).to(v.dtype)
            v = (v + F.conv2d(x, w)) * (1 - spiked)
            if changes is not None:
                r, o = r * decay, o * decay
                plus, minus = changes
                w = w + plus * correlate(spiked, r, w.shape) - minus * correlate(o, x, w.shape)
                w = w.clamp(0, 1)
                r, o = r + x, o + spiked
            return spiked, w, v, r, o

        self._step: Callable[..., tuple[Tensor, ...]] = step
        if compiled:
            torch._dynamo.reset()
            self._step = torch.compile(step, dynamic=False)
        self._next = 0
        with torch.inference_mode():
            self.spikes = torch.tensor(spikes, dtype=dtype)
            w = torch.tensor(kernel, dtype=dtype)
            out = F.conv2d(self.spikes[0], w)
            zeros = torch.zeros_like
            self._state: list[Tensor] = [w, zeros(out), zeros(self.spikes[0]), zeros(out)]

    @torch.inference_mode()
    def step(self) -> None:
        """Simulate a step."""
        x = self.spikes[self._next % len(self.spikes)]
        self._next += 1
        self._spiked, *self._state = self._step(x, *self._state)

    def run(self, steps: int) -> np.ndarray:
        """Simulate so many steps; return the number of output spikes in each."""
        counts = []
        for _ in range(steps):
            self.step()
            counts.append(int(self._spiked.sum()))
        return np.array(counts)

    @property
    def kernel(self) -> np.ndarray:
        """The kernel, as it is now."""
        return self._state[0].numpy()

    @property
    def potential(self) -> np.ndarray:
        """The potential, ``(batch, channels, rows, cols)``."""
        return self._state[1].numpy()


def by_convolution(post: Tensor, pre: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the sum of products of all pairs that a kernel's elements join, in a kernel's form."""
    return F.conv2d(pre.transpose(0, 1), post.transpose(0, 1)).transpose(0, 1)


def _by_patches(post: Tensor, pre: Tensor, shape: tuple[int, ...]) -> Tensor:
    patches = F.unfold(pre, shape[-2:])
    return torch.einsum("bcl,bkl->ck", post.flatten(2), patches).reshape(shape)


@torch.inference_mode()
def output_rate(
    spikes: np.ndarray, kernel: np.ndarray, threshold: float, decay: float, settle: int = 40
) -> float:
    """Return which part of the output neurons spikes in a step, without learning."""
    w = torch.tensor(kernel, dtype=torch.float32)
    x = torch.tensor(spikes, dtype=torch.float32)
    v = torch.zeros_like(F.conv2d(x[0], w))
    rates = []
    for one in x:
        v = v * decay
        spiked = v > threshold
        rates.append(float(spiked.float().mean()))
        v = (v + F.conv2d(one, w)).masked_fill(spiked, 0)
    return float(np.mean(rates[min(settle, len(rates) // 2) :]))
