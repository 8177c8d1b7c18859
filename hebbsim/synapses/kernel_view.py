"""What ``conv.w`` is: Brian2's view of a variable, which knows that kernels have another shape."""

from typing import Any, NoReturn

from brian2.core.variables import VariableView

__all__ = ["KernelView", "has_kernel_axes", "refuse_kernel"]


class KernelView(VariableView):
    """A variable with one value for each kernel element, in the order of the memory."""

    def set_item(self, item: Any, value: Any, level: int = 0, namespace: Any = None) -> None:
        """Set some values, or refuse an array that has a kernel's axes."""
        if has_kernel_axes(value):
            refuse_kernel(self.group, self.name, value)
        super().set_item(item, value, level=level + 1, namespace=namespace)


def has_kernel_axes(value: Any) -> bool:
    """Whether a value has several axes, as a kernel has, which the elements in a row haven't."""
    return getattr(value, "ndim", 0) > 1


def refuse_kernel(synapses: Any, name: str, value: Any) -> NoReturn:
    """Say which shape is expected, and what takes a kernel."""
    raise ValueError(
        f"{synapses.connections.label}: expected one value for each kernel element in "
        f"'{name}', got an array of shape {tuple(value.shape)}; "
        f"set_kernel('{name}', array) takes one in torch's order, "
        f"{synapses.geometry.kernel_shape}"
    )
