"""The kernel of a convolution as arrays in torch's order, and its pruning mask."""

from typing import TYPE_CHECKING

import numpy as np
from brian2 import Quantity
from brian2.core.variables import ArrayVariable, Subexpression
from brian2.units.fundamentalunits import get_dimensions

from hebbsim.geometry import ConvGeometry
from hebbsim.loopnest import CompiledGroup

if TYPE_CHECKING:
    from hebbsim.kernelupdate import KernelUpdate
    from hebbsim.samplekernels import SampleKernels

__all__ = ["KernelArrays"]


class KernelArrays(CompiledGroup):
    """A group with one element for each kernel element, read and set as whole kernels."""

    geometry: ConvGeometry
    batch_size: int
    samples: "SampleKernels | None"
    update: "KernelUpdate | None"

    def get_kernel(self, variable: str) -> Quantity | np.ndarray:
        """Return a copy of a kernel variable in torch's order.

        Parameters
        ----------
        variable : str
            A variable of each kernel element, such as ``'w'``.

        Returns
        -------
        Quantity or ndarray
            ``(out_channels, in_channels/groups, krows, kcols)``; without weight sharing
            ``(rows, cols, out_channels, in_channels/groups, krows, kcols)``. A variable of which
            each sample has its own values has the axis ``batch`` before these.
        """
        if self.samples is not None and variable in self.samples.names:
            values = self.samples.state(variable)[:]
            kernels = np.asarray(values).reshape(self.batch_size, -1)
            stacked = np.stack([self.geometry.from_memory(kernel) for kernel in kernels])
            return Quantity(stacked, dim=values.dim) if isinstance(values, Quantity) else stacked
        if not isinstance(self.variables.get(variable), Subexpression):
            self._check_stored(variable)
        values = self.state(variable)[:]
        return (
            Quantity(self.geometry.from_memory(np.asarray(values)), dim=get_dimensions(values))
            if isinstance(values, Quantity)
            else self.geometry.from_memory(values)
        )

    def set_kernel(self, variable: str, kernel: Quantity | np.ndarray) -> None:
        """Set a kernel variable from an array in torch's order (see `get_kernel`).

        Raises
        ------
        ValueError
            If the shape doesn't fit, or a value is NaN or infinite; nothing is changed then.
        DimensionMismatchError
            If the units don't match.
        """
        values = np.asarray(kernel)
        self._check_stored(variable)
        if values.shape != self.geometry.kernel_shape:
            axes = "(out_channels, in_channels/groups, krows, kcols)"
            if not self.geometry.weight_sharing:
                axes = axes.replace("(", "(rows, cols, ", 1)
            raise ValueError(
                f"'{self.name}', kernel variable '{variable}': expected an array of shape {axes} "
                f"= {self.geometry.kernel_shape}, got {values.shape}"
            )
        if not np.isfinite(values).all():
            raise ValueError(
                f"'{self.name}', kernel variable '{variable}': every value must be finite, "
                f"{np.count_nonzero(~np.isfinite(values))} of {values.size} are not"
            )
        flat = self.geometry.to_memory(values)
        self.state(variable)[:] = Quantity(flat, dim=get_dimensions(kernel))

    def _is_stored(self, variable: str) -> bool:
        found = self.variables.get(variable)
        return isinstance(found, ArrayVariable) and not found.scalar

    def _check_stored(self, variable: str) -> None:
        if not self._is_stored(variable):
            known = [n for n in self.variables if self._is_stored(n) and not n.startswith("_")]
            raise KeyError(
                f"'{self.name}' has no kernel variable '{variable}' of each element, only "
                f"{', '.join(n for n in known if n != 'i') or 'none'}"
            )

    def set_mask(self, mask: np.ndarray) -> None:
        """Set another pruning mask, and zero the weights that it leaves out.

        Raises
        ------
        ValueError
            If the shape doesn't fit, a value is neither 0 nor 1, or there was no mask before.
        """
        if self.update is None or "mask" not in self.variables:
            raise ValueError(
                f"'{self.name}' was made without a mask; give mask= (of ones, to prune later)"
            )
        values = np.asarray(mask, dtype=float)
        if not np.isin(values, (0.0, 1.0)).all():
            raise ValueError(f"'{self.name}': a mask holds ones and zeros alone")
        self.set_kernel("mask", values)
        self.prune()

    def prune(self) -> None:
        """Zero the weights that the mask leaves out; done before every run."""
        if self.update is not None and "mask" in self.variables:
            self.state(self.update.weight)[:] = f"{self.update.weight}*mask"
