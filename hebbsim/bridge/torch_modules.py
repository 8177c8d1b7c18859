"""The operations of a layer that torch has no module for.

All work on maps of shape `(n, channels, rows, cols)`, or `(channels, rows, cols)` for one sample,
and have a gradient wherever the operation has one. Channels are axis -3; numbers stand in the code
as such, since `torch.jit.script` reads no names of a Python module.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from hebbsim.geometry import ConvGeometry, MapShape, Pair

__all__ = ["LocallyConnected2d", "SoftWinnerTakeAll", "Standardize", "Triangle", "WinnerTakeAll"]


def _machine_epsilon(x: Tensor) -> float:
    """Return `torch.finfo(x.dtype).eps`, which can't be scripted."""
    if x.dtype == torch.float64:
        return 2.0**-52
    if x.dtype == torch.bfloat16:
        return 2.0**-7
    return 2.0**-10 if x.dtype == torch.float16 else 2.0**-23


class Standardize(nn.Module):
    """
    Bring each sample to zero mean and unit standard deviation.

    Over all channels and positions of the sample, with the population's deviation. A sample becomes
    0 where its deviation is what rounding leaves of a constant: not above four times the machine
    epsilon of its first value, as in a network.

    Notes
    -----
    Input and output: `(n, channels, rows, cols)` or `(channels, rows, cols)`, of any size. Mean
    and deviation are computed in double precision, relative to the first value of the sample.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Standardize `x`, `(n, channels, rows, cols)`."""
        # Apple's GPUs have no double precision
        wide = x.to(torch.float32 if x.device.type == "mps" else torch.float64)
        first = wide[..., :1, :1, :1]
        centred = wide - first  # exactly 0 for a constant
        centred = centred - centred.mean((-3, -2, -1), keepdim=True)
        variance = centred.square().mean((-3, -2, -1), keepdim=True)
        varies = ~(variance.sqrt() <= 4 * _machine_epsilon(x) * first.abs())  # NaN stays NaN
        # 1 where nothing varies: the root's gradient at 0 is infinite
        deviation = torch.where(varies, variance, 1).sqrt()
        return torch.where(varies, centred / deviation, 0).to(x.dtype)


class Triangle(nn.Module):
    """
    Subtract the mean over the channels at each position, rectify, and raise to a power.

    ``x = max(0, z - mean(z))**power``, the "triangle" activation of Coates, Lee and Ng [1]_.

    Parameters
    ----------
    power : float
        Positive.

    Raises
    ------
    ValueError
        If the power is not positive and finite.

    Notes
    -----
    Input and output: `(n, channels, rows, cols)` or `(channels, rows, cols)`, of any size. With a
    power below 1 the gradient grows beyond all bounds towards 0.

    References
    ----------
    .. [1] Coates, A., Lee, H. and Ng, A. Y. (2011). An analysis of single-layer networks in
       unsupervised feature learning. AISTATS, section 3.2.2.
    """

    def __init__(self, power: float = 1.0) -> None:
        super().__init__()
        if not 0 < power < math.inf:
            raise ValueError(f"Triangle: the power must be positive and finite, got {power!r}")
        self.power = float(power)

    def forward(self, z: Tensor) -> Tensor:
        """Apply the activation to `z`, `(n, channels, rows, cols)`."""
        triangle = F.relu(z - z.mean(-3, keepdim=True))
        return triangle if self.power == 1.0 else triangle**self.power

    def extra_repr(self) -> str:
        """Show the parameter, if it isn't the default."""
        return "" if self.power == 1 else f"power={self.power}"


class WinnerTakeAll(nn.Module):
    """
    Let the k channels with the largest values win at each position; the others are 0.

    Exact, whatever the values: of equal values those of the lowest channels win. A winner whose
    value is not positive is 0 too.

    Parameters
    ----------
    k : int
        Number of winners at each position.
    graded : bool
        Whether a winner gets its value, or 1.

    Raises
    ------
    ValueError
        If `k` is no positive integer, or larger than the number of channels that come in.

    Notes
    -----
    Input and output: `(n, channels, rows, cols)` or `(channels, rows, cols)`, of at least `k`
    channels. Binary winners have no gradient, graded winners that of their own value.
    """

    def __init__(self, k: int = 1, graded: bool = False) -> None:
        super().__init__()
        if isinstance(k, bool) or k != int(k) or k < 1:
            raise ValueError(f"WinnerTakeAll: k must be a positive integer, got {k!r}")
        self.k, self.graded = int(k), bool(graded)

    def forward(self, z: Tensor) -> Tensor:
        """Let the channels of `z`, `(n, channels, rows, cols)`, compete."""
        if z.shape[-3] < self.k:
            raise ValueError(
                f"WinnerTakeAll: k={self.k} winners need as many channels, got maps of "
                f"{z.shape[-3]} channels"
            )
        if self.k == 1:  # the first of equal ones
            chosen = torch.zeros_like(z).scatter(-3, z.argmax(-3, keepdim=True), 1).to(torch.bool)
        else:  # `topk` does not say which of equal values it takes
            least = z.topk(self.k, -3).values.narrow(-3, self.k - 1, 1)
            above, equal = z > least, z == least
            places = self.k - above.sum(-3, keepdim=True)
            chosen = above | (equal & (equal.cumsum(-3) <= places))
        won = chosen & (z > 0)
        return torch.where(won, z, 0) if self.graded else won.to(z.dtype)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"k={self.k}, graded={self.graded}"


class SoftWinnerTakeAll(nn.Module):
    """
    Let the channels at each position share a total of 1: a softmax with a temperature.

    ``y_c = exp(z_c/T) / sum_j exp(z_j/T)``; at temperature 1 it is `torch.nn.Softmax2d`.

    Parameters
    ----------
    temperature : float
        ``T``; the competition becomes hard as it approaches 0.
    signed : bool
        Whether all but the winner get the negative of their share; of equal values the lowest
        channel wins.

    Raises
    ------
    ValueError
        If the temperature is not positive and finite.

    Notes
    -----
    Input and output: `(n, channels, rows, cols)` or `(channels, rows, cols)`, of any size.
    """

    def __init__(self, temperature: float = 1.0, signed: bool = False) -> None:
        super().__init__()
        if not 0 < temperature < math.inf:
            raise ValueError(
                f"SoftWinnerTakeAll: the temperature must be positive and finite, got "
                f"{temperature!r}"
            )
        self.temperature, self.signed = float(temperature), bool(signed)

    def forward(self, z: Tensor) -> Tensor:
        """Let the channels of `z`, `(n, channels, rows, cols)`, compete."""
        share = F.softmax(z / self.temperature, dim=-3)
        if not self.signed:
            return share
        winner = torch.zeros_like(z).scatter(-3, z.argmax(-3, keepdim=True), 1)
        return share * (2 * winner - 1)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"temperature={self.temperature}" + (", signed=True" if self.signed else "")


class LocallyConnected2d(nn.Module):
    """
    Sum over receptive fields as `torch.nn.Conv2d` does, with a kernel of its own at each position.

    Parameters
    ----------
    in_shape : tuple of int
        ``(channels, rows, cols)`` of the input: the kernels are bound to its positions.
    out_channels : int
        Channels of the output.
    kernel_size, stride, padding, dilation : int or (int, int)
        As in `torch.nn.Conv2d`, ``(rows, cols)``.
    groups : int
        Blocks of channels that are connected to each other alone.
    bias : bool
        Whether each output channel has a bias, the same at all positions.
    padding_mode : {'zeros', 'circular', 'reflect', 'replicate'}
        As in `torch.nn.Conv2d`.
    device, dtype
        Of the parameters, as in `torch.nn.Conv2d`.

    Attributes
    ----------
    weight : Parameter
        `(out_rows, out_cols, out_channels, in_channels/groups, krows, kcols)`.
    bias : Parameter or None
        `(out_channels,)`.

    Raises
    ------
    GeometryError
        If a value is out of range or the kernel doesn't fit the input.
    ValueError
        If the input has another shape than `in_shape`.

    Notes
    -----
    Input: `(n, channels, rows, cols)` or `(channels, rows, cols)`; output:
    `(n, out_channels, out_rows, out_cols)` or without `n`.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(
        self,
        in_shape: tuple[int, int, int],
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.geometry = ConvGeometry(
            MapShape.of(in_shape, "LocallyConnected2d's in_shape"),
            out_channels,
            kernel_size,  # type: ignore[arg-type]
            stride,  # type: ignore[arg-type]
            padding,  # type: ignore[arg-type]
            dilation,  # type: ignore[arg-type]
            groups,
            weight_sharing=False,
            padding_mode=padding_mode,
        )
        self._remember(self.geometry)
        shape = self.geometry.kernel_shape
        self.weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = nn.Parameter(torch.empty(shape[2], device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _remember(self, g: ConvGeometry) -> None:
        """Keep what `forward` reads in types that `torch.jit.script` knows."""
        self._in_shape, self._out_size = list(g.in_shape), list(g.out_shape[1:])
        self._kernel_size, self._stride = g.kernel_size, g.stride
        self._dilation, self._groups = g.dilation, g.groups
        self._padding = [*2 * g.padding[1:], *2 * g.padding[:1]]
        self._mode = "constant" if g.padding_mode == "zeros" else g.padding_mode

    def reset_parameters(self) -> None:
        """Draw weights and bias uniformly within ``1/sqrt(fan_in)``, as `torch.nn.Conv2d` does."""
        bound = 1 / math.sqrt(self.geometry.fan_in)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """Sum over the receptive fields of `x`, `(n, channels, rows, cols)`."""
        if x.dim() not in (3, 4) or list(x.shape[-3:]) != self._in_shape:
            raise ValueError(
                f"LocallyConnected2d: expected maps of shape (n, channels, rows, cols) with "
                f"{self._in_shape} behind n, to whose positions its kernels are bound, got "
                f"{list(x.shape)}"
            )
        padded = F.pad(x, self._padding, self._mode)
        patches = F.unfold(padded, self._kernel_size, self._dilation, stride=self._stride)
        # patches are (groups, fan_in, positions), kernels (positions, groups, channels, fan_in)
        patches = patches.unflatten(-2, (self._groups, -1))
        kernels = self.weight.flatten(3).unflatten(2, (self._groups, -1)).flatten(0, 1)
        summed = torch.einsum("...gkp,pgok->...gop", patches, kernels)
        out = summed.flatten(-3, -2).unflatten(-1, self._out_size)
        bias = self.bias  # a local name, which `torch.jit.script` can tell from None
        return out if bias is None else out + bias[:, None, None]

    def extra_repr(self) -> str:
        """Show what differs from the defaults, as `torch.nn.Conv2d` does."""
        g = self.geometry
        text = f"{tuple(g.in_shape)}, {g.out_channels}, kernel_size={g.kernel_size}"
        text += f", stride={g.stride}"
        for name, default in (("padding", (0, 0)), ("dilation", (1, 1)), ("groups", 1)):
            if getattr(g, name) != default:
                text += f", {name}={getattr(g, name)}"
        text += "" if self.bias is not None else ", bias=False"
        return text if g.padding_mode == "zeros" else f"{text}, padding_mode={g.padding_mode}"
