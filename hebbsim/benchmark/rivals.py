"""The same steps in torch: what people write today, each in the fastest form that we found.

Without a compiler (`torch.compile`) and without weights that are packed ahead, which learning
would have to pack anew in each step.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

__all__ = ["LAYOUTS", "ClosedForm", "Convolution", "GradientTrick", "TransposedConvolution"]

#: How torch keeps maps in memory
LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}


class Convolution:
    """The forward convolution alone.

    Parameters
    ----------
    kernel : Tensor
        ``(out_channels, in_channels, rows, cols)``.
    layout : str
        One of `LAYOUTS`.
    """

    def __init__(self, kernel: Tensor, layout: str) -> None:
        self.layout = LAYOUTS[layout]
        self.kernel = kernel.contiguous(memory_format=self.layout)

    def prepare(self, x: Tensor) -> Tensor:
        """Bring an input to the layout, outside of what is timed."""
        return x.contiguous(memory_format=self.layout)

    @torch.inference_mode()
    def step(self, x: Tensor) -> Tensor:
        """Return the maps ``(batch, out_channels, rows, cols)``."""
        return F.conv2d(x, self.kernel)


class TransposedConvolution(Convolution):
    """Feedback alone: from the convolution's output to its input."""

    @torch.inference_mode()
    def step(self, x: Tensor) -> Tensor:
        """Return the maps ``(batch, in_channels, rows, cols)``."""
        return F.conv_transpose2d(x, self.kernel)


class ClosedForm:
    """One layer of instar learning with one winner: unfold, matmul, max, rank-1 updates.

    Parameters
    ----------
    kernel : Tensor
        ``(out_channels, in_channels, rows, cols)``.
    learning_rate : float
        Of the summed change.
    form : str
        One of `FORMS`: with the patches as columns of a matrix for each sample, or as rows of a
        single one, and its rank-1 updates as a product with the one-hot activity, or added up
        by winner.
    """

    FORMS = ("columns", "rows, product", "rows, by winner")

    def __init__(self, kernel: Tensor, learning_rate: float, form: str) -> None:
        self.kernel = kernel.clone()
        self.learning_rate = learning_rate
        self.change = {
            "columns": self._columns,
            "rows, product": self._product,
            "rows, by winner": self._by_winner,
        }[form]

    @torch.inference_mode()
    def step(self, x: Tensor) -> None:
        """Learn from a batch ``(batch, in_channels, rows, cols)``."""
        w = self.kernel.flatten(1)
        change, wins = self.change(x, w)
        w += self.learning_rate * (change - wins[:, None] * w)
        w /= w.norm(dim=1, keepdim=True)

    def _columns(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        patches = F.unfold(x, self.kernel.shape[-2:])
        drive = w @ patches
        best, channel = drive.max(dim=1, keepdim=True)
        y = torch.zeros_like(drive).scatter_(1, channel, (best > 0).to(w.dtype))
        return (y @ patches.transpose(1, 2)).sum(0), y.sum((0, 2))

    def _rows(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the patches as rows, which channel wins each, and whether its drive is > 0."""
        rows, cols = self.kernel.shape[-2:]
        windows = x.unfold(2, rows, 1).unfold(3, cols, 1)
        patches = windows.permute(0, 2, 3, 1, 4, 5).reshape(-1, w.shape[1])
        best, channel = (patches @ w.T).max(dim=1)
        return patches, channel, best > 0

    def _product(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        patches, channel, won = self._rows(x, w)
        y = torch.zeros(len(patches), len(w), dtype=w.dtype)
        y.scatter_(1, channel[:, None], won.to(w.dtype)[:, None])
        return y.T @ patches, y.sum(0)

    def _by_winner(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        patches, channel, won = self._rows(x, w)
        channel = torch.where(won, channel, len(w))  # a last row for positions without a winner
        change = torch.zeros(len(w) + 1, w.shape[1], dtype=w.dtype)
        change.index_add_(0, channel, patches)
        return change[:-1], torch.bincount(channel, minlength=len(w) + 1)[:-1]


class GradientTrick:
    """Learn layers by the gradient of a surrogate loss (Miconi 2021, notebook).

    Each layer's loss is minus the sum over winners of ``w*x - |w|**2/2``: the step of gradient
    descent is the instar's. Nothing flows between layers; inputs are standardised, outputs are
    triangles, average pooled.

    Parameters
    ----------
    kernels : sequence of Tensor
        Of each layer, ``(out_channels, in_channels, rows, cols)``, with unit norm.
    learning_rates : sequence of float
        Of each layer.
    threshold_step : float
        Of the adaptive thresholds.
    layout : str
        One of `LAYOUTS`.
    """

    def __init__(
        self,
        kernels: Sequence[Tensor],
        learning_rates: Sequence[float],
        threshold_step: float,
        layout: str,
    ) -> None:
        self.layout = LAYOUTS[layout]
        self.weights = [
            k.clone(memory_format=self.layout).requires_grad_()  # a copy: steps write to it
            for k in kernels
        ]
        self.thresholds = [torch.zeros(len(k), dtype=k.dtype, device=k.device) for k in kernels]
        self.threshold_step = threshold_step
        groups = [
            {"params": [w], "lr": rate}
            for w, rate in zip(self.weights, learning_rates, strict=True)
        ]
        self.optimizer = torch.optim.SGD(groups)

    def step(self, x: Tensor) -> Tensor:
        """Learn from a batch of images; return the last layer's pooled output."""
        self.optimizer.zero_grad(set_to_none=True)
        x = x.contiguous(memory_format=self.layout)
        losses = []
        for w, theta in zip(self.weights, self.thresholds, strict=True):
            x = _standardized(x)
            drive = F.conv2d(x, w)
            with torch.no_grad():
                z = drive - theta[:, None, None]
                y = _winners(z)
                wins = y.sum((0, 2, 3))
                rates = wins / (y.numel() / len(w))
                theta += self.threshold_step * (rates - 1 / len(w))
                x = F.avg_pool2d(F.relu_(z - z.mean(1, keepdim=True)), 2)
            losses.append((wins * (w**2).sum((1, 2, 3))).sum() / 2 - (drive * y).sum())
        torch.stack(losses).sum().backward()
        self.optimizer.step()
        with torch.no_grad():
            for w in self.weights:
                w /= w.flatten(1).norm(dim=1)[:, None, None, None]
        return x


def _standardized(x: Tensor) -> Tensor:
    std, mean = torch.std_mean(x, (1, 2, 3), correction=0, keepdim=True)
    return (x - mean) / std


def _winners(z: Tensor) -> Tensor:
    """Return 1 where a channel has the largest value of its position, and that is positive."""
    best, channel = z.max(dim=1, keepdim=True)
    return torch.zeros_like(z).scatter_(1, channel, (best > 0).to(z.dtype))
