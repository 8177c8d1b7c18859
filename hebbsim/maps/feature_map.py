"""Feature maps: neurons on a (sample, row, col, channel) grid."""

from typing import Any

import numpy as np
from brian2 import NeuronGroup, Quantity, Subgroup
from brian2.core.variables import ArrayVariable, Variable
from brian2.equations import Equations
from brian2.groups.neurongroup import to_start_stop
from brian2.units.fundamentalunits import DIMENSIONLESS

from hebbsim.brian2_private import name_users_line
from hebbsim.codegen.group import CompiledGroup
from hebbsim.codegen.loop_nest import compile_directly
from hebbsim.data.dataset import as_float
from hebbsim.geometry import MapShape, is_integer
from hebbsim.maps.forward_order import ForwardMap
from hebbsim.maps.map_slice import MapSlice
from hebbsim.units import dimensions_of

__all__ = ["FeatureMap", "first_not_held"]

COORDINATES = ("sample", "row", "col", "channel")
_ATTRIBUTES = (
    *("shape", "batch_size", "creation_number", "forward_operations", "integrated_after"),
    *("when", "order", "events", "equations"),
)


class FeatureMap(ForwardMap, CompiledGroup, NeuronGroup):
    """Create neurons on a (sample, row, col, channel) grid.

    A `NeuronGroup` in every respect: differential equations, thresholds, resets and refractoriness
    work in it, and its other keywords are `NeuronGroup`'s. `sample` numbers the stimuli of a batch
    that are simulated side by side. ``sample``, ``row``, ``col`` and ``channel`` can be used in
    string expressions, as in ``layer.v['channel == 3']``. Channels lie last in memory, so that
    neuron ``i`` has ``channel == i % channels``.

    Parameters
    ----------
    shape : tuple of int
        ``(channels, rows, cols)``.
    model : str or Equations
        The equations of each neuron.
    batch_size : int, optional
        Number of samples.
    **kwds
        `NeuronGroup`'s keywords: `threshold`, `reset`, `refractory`, `method`, `name`, ...

    Raises
    ------
    GeometryError
        If `shape` or `batch_size` is not made of positive integers.
    ValueError
        If the model defines a coordinate itself.

    Examples
    --------
    >>> retina = FeatureMap((1, 28, 28), 'x : 1', batch_size=100)
    >>> retina.set_maps('x', images)  # (100, 1, 28, 28), or (1, 28, 28) for all samples
    """

    add_to_magic_network = True

    def __init__(
        self,
        shape: tuple[int, int, int],
        model: str | Equations,
        threshold: str | None = None,
        reset: str | None = None,
        *,
        batch_size: int = 1,
        name: str = "featuremap*",
        **kwds: Any,
    ) -> None:
        map_shape = MapShape.of(shape, "FeatureMap's shape")
        if isinstance(batch_size, bool) or not is_integer(batch_size, 1):
            raise ValueError(f"batch_size: expected a positive integer, got {batch_size!r}")
        equations = Equations(model) if isinstance(model, str) else model
        if not isinstance(equations, Equations):
            raise TypeError(
                f"FeatureMap: the model must be a string or Equations, got {type(model).__name__}"
            )
        for taken in sorted(equations.names):
            if taken in (*COORDINATES, *_ATTRIBUTES) or hasattr(type(self), taken):
                raise ValueError(
                    f"FeatureMap: the model defines {taken}, which has a meaning of its own in "
                    "the map; choose another name"
                )
        # set before Brian2 guards the attributes of the group
        self.shape = map_shape
        self.batch_size = int(batch_size)
        self.start_places(int(kwds.get("order", 0)))
        super().__init__(
            int(np.prod(self.memory_shape)),
            equations,
            threshold=threshold,
            reset=reset,
            name=name,
            **kwds,
        )
        self._add_coordinates()
        for runner in self.contained_objects:
            name_users_line(runner)
            if self.codeobj_class is None:
                compile_directly(runner)

    def _add_coordinates(self) -> None:
        step = 1
        for coordinate, size in zip(
            reversed(COORDINATES), reversed(self.memory_shape), strict=True
        ):
            expression = f"(i // {step}) % {size}"
            self.variables.add_subexpression(coordinate, expr=expression, dtype=np.int32)
            step *= size

    def __getitem__(self, item: Any) -> Subgroup:
        """Return some of the neurons, as of any `NeuronGroup`."""
        return MapSlice(self, *to_start_stop(item, len(self)))

    # mypy takes the last parameter for the value
    def __setattr__(self, name: str, value: Any, level: Any = 0) -> None:
        """Set a variable of all neurons, as in any `NeuronGroup`."""
        variable = getattr(self, "variables", {}).get(name)
        if getattr(value, "ndim", 0) > 1 and variable is not None and not variable.scalar:
            raise ValueError(
                f"feature map '{self.name}': expected one value for each neuron in '{name}', got "
                f"an array of shape {tuple(value.shape)}; set_maps('{name}', array) takes one of "
                f"(batch, channels, rows, cols) = {(self.batch_size, *self.shape)}"
            )
        super().__setattr__(name, value, level=level + 1)

    @property
    def memory_shape(self) -> tuple[int, int, int, int]:
        """Order of the neurons: ``(batch, rows, cols, channels)``."""
        channels, rows, cols = self.shape
        return (self.batch_size, rows, cols, channels)

    def array_variable(self, variable: str) -> ArrayVariable:
        """Return the variable that stores a value for each neuron, or say which there are."""
        found = self.variables.get(variable) if isinstance(variable, str) else None
        if not self.is_writable(found):
            raise self._no_variable(variable)
        return found

    def is_writable(self, variable: Variable | None) -> bool:
        """Whether a variable stores a value for each neuron that may be set."""
        if not isinstance(variable, ArrayVariable) or variable.read_only:
            return False
        return int(variable.size) == len(self)

    def _no_variable(self, variable: object) -> KeyError:
        stored = [name for name, v in self.variables.items() if self.is_writable(v)]
        known = [name for name in stored if not name.startswith("_")]
        return KeyError(
            f"feature map '{self.name}' stores no variable {variable!r} for each neuron; "
            f"it has {', '.join(known) or 'none'}"
        )

    def get_maps(self, variable: str) -> Quantity | np.ndarray:
        """Return a copy of a variable, as an array ``(batch, channels, rows, cols)``.

        Parameters
        ----------
        variable : str
            Name of a variable of each neuron.

        Returns
        -------
        Quantity or ndarray
            With units where the variable has any.
        """
        found = self.variables.get(variable) if isinstance(variable, str) else None
        if found is None or found.scalar:
            raise self._no_variable(variable)
        values = self.state(variable).get_item(slice(None), level=1)
        maps = np.moveaxis(np.reshape(values, self.memory_shape), -1, 1)
        return maps.copy(order="C")

    def set_maps(self, variable: str, maps: Quantity | np.ndarray) -> None:
        """Set a variable of every neuron.

        Parameters
        ----------
        variable : str
            Name of a variable of each neuron.
        maps : Quantity or array
            ``(batch, channels, rows, cols)``, or ``(channels, rows, cols)`` for every sample. Bytes
            (`numpy.uint8`) without units are images, read as 0 to 1 (see `as_float`), unless the
            variable is an integer or boolean. All other numbers are taken as they are.

        Raises
        ------
        KeyError
            If there is no such variable.
        DimensionMismatchError
            If the units don't match.
        ValueError
            If the shape doesn't fit, a value is NaN or infinite, or an integer or boolean variable
            can't hold it; nothing is changed then.
        """
        self.array_variable(variable)
        values = self.check_maps(maps, variable)
        batch = np.broadcast_to(values, (self.batch_size, *self.shape))
        flat = np.ascontiguousarray(np.moveaxis(batch, 1, -1)).reshape(-1)
        self.state(variable)[:] = Quantity(flat, dim=dimensions_of(maps))

    def check_maps(self, maps: Any, variable: str) -> np.ndarray:
        """Return `maps` without units, or say why they can't be a variable of this map."""
        values = np.asarray(maps)
        expected = (self.batch_size, *self.shape)
        if values.shape not in (expected, tuple(self.shape)):
            raise ValueError(
                f"feature map '{self.name}', variable '{variable}': expected an array of shape "
                f"(batch, channels, rows, cols) = {expected}, or {tuple(self.shape)} for every "
                f"sample, got {values.shape}"
            )
        if values.dtype.kind not in "biuf":
            raise ValueError(
                f"feature map '{self.name}', variable '{variable}': expected an array of real "
                f"numbers, got {values.dtype}"
            )
        finite = np.isfinite(values)
        precision = np.result_type(self.variables[variable].dtype, np.float32)
        if values.dtype.kind == "f" and values.dtype.itemsize > precision.itemsize:
            with np.errstate(over="ignore"):  # too large for the variable becomes infinite
                finite &= np.isfinite(values.astype(precision))
        if not finite.all():
            first = tuple(int(n) for n in np.argwhere(~finite)[0])
            raise ValueError(
                f"feature map '{self.name}', variable '{variable}': {values[first]} at index "
                f"{first}; every value must be finite. Look at the data with numpy.isfinite"
            )
        dtype = np.dtype(self.variables[variable].dtype)
        lost = first_not_held(values, dtype)
        if lost is not None:
            raise ValueError(
                f"feature map '{self.name}', variable '{variable}': {values[lost]} at index {lost} "
                f"can't be held by a variable of {dtype}; round or compare first, or declare "
                f"'{variable} : 1'"
            )
        is_image = values.dtype == np.uint8 and dimensions_of(maps) is DIMENSIONLESS
        return as_float(values) if is_image and dtype.kind == "f" else values

    def __repr__(self) -> str:
        batch = f", batch_size={self.batch_size}" if self.batch_size > 1 else ""
        return f"<FeatureMap '{self.name}', shape={tuple(self.shape)}{batch}>"


def first_not_held(values: np.ndarray, dtype: Any) -> tuple[int, ...] | None:
    """Return the index of the first number that an integer or boolean type changes, or None.

    Floating-point types round, and hold everything; what a wider type holds is not looked at, since
    the copies would be the largest of a long run.
    """
    if np.dtype(dtype).kind == "f" or np.can_cast(values.dtype, dtype, "safe"):
        return None
    with np.errstate(invalid="ignore"):  # numbers that are too large for the type
        changed = values.astype(dtype) != values
    return tuple(int(n) for n in np.argwhere(changed)[0]) if changed.any() else None
