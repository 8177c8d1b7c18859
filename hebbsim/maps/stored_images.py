"""Images that are kept where the simulation runs, and shown batch by batch."""

import re
from typing import Any

import numpy as np
from brian2.core.functions import Function
from brian2.core.network import Network
from brian2.core.variables import Constant, Variable, Variables
from brian2.devices.device import RuntimeDevice, get_device
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.parsing.rendering import NumpyNodeRenderer
from brian2.units.fundamentalunits import Quantity, fail_for_dimension_mismatch
from brian2.utils.stringtools import get_identifiers

from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.data.dataset import as_float
from hebbsim.maps.durations import check_same_step, whole_steps
from hebbsim.maps.encoders import Encoder
from hebbsim.maps.feature_map import FeatureMap, first_not_held
from hebbsim.maps.repetition import Repetition

__all__ = ["StoredImages"]

_SIGN = 128.0  # bytes are stored with a sign: Brian2's languages have no type without
_SCALED_TWICE = re.compile(r"\bpixel\s*/\s*25[56]\b")


class StoredImages(LoopNest):
    r"""Show stored images on a feature map, ``batch_size`` of them at a time.

    The images become part of the simulation: on a standalone device nothing is streamed from
    Python, and on a GPU they lie in its memory once. Images of bytes stay bytes: the 50,000 of
    CIFAR-10 are 154 MB.

    The n-th batch holds the images numbered ``order[n*batch_size:(n + 1)*batch_size]``; where the
    order ends it goes on from the start.

    Parameters
    ----------
    feature_map : FeatureMap
        The map.
    images : array
        ``(n, channels, rows, cols)``, bytes (`numpy.uint8`), which are read as 0 to 1 (see
        `as_float`) unless the variable is an integer or boolean, or real numbers.
    variable : str
        The variable of the map to write, at the start of each step.
    value : str, optional
        What is written: an expression over `pixel`, the image's value at the neuron (from 0 to 1
        for bytes), and variables of the map. By default ``'pixel'``.
    order : sequence of int, optional
        Numbers of the images, in the order in which they are shown; by default all, as they come.
    duration : Quantity, optional
        How long each batch is shown; by default one time step.
    repeat_while : str, optional
        A condition over variables that the map has once for each sample, or once in all. While it
        holds when an image has been shown for its duration, that image is shown again: ``value``
        and other equations can make it brighter by `n_repeats`, how often it was shown before;
        `n_answered` counts the images, of each sample, that were shown to their end. The map has
        both then, and no other stored images.
    name : str, optional
        Name of this object.

    Raises
    ------
    ValueError
        If the images don't have the map's shape, a value is not finite or one that the variable
        can't hold, `order` names an image that isn't there, or `duration` is no whole number of
        time steps; if the map is an encoder that can't turn a value into spikes: of `pixel` at
        once, of another expression before a run. Where it names variables, it is found when it is
        shown, and not at all on a standalone device.
    KeyError
        If the map stores no such variable.
    DimensionMismatchError
        In a run, if `value` doesn't have the units of the variable.

    Examples
    --------
    >>> retina = FeatureMap((1, 28, 28), 'x : 1', batch_size=10)
    >>> rng = np.random.default_rng(0)
    >>> order = np.concatenate([rng.permutation(len(images)) for _ in range(20)])  # 20 epochs
    >>> shown = StoredImages(retina, images, value='pixel - 0.3', order=order)

    Spiking neurons need more than a time step for each:

    >>> encoder = PoissonEncoder((1, 28, 28), batch_size=10)
    >>> shown = StoredImages(encoder, images, duration=100*ms)

    An image again, brighter, until five spikes of another map have answered it, for one sample
    (Diehl and Cook 2015); ``shown.show(network, 1000)`` shows a thousand:

    >>> retina = FeatureMap((1, 28, 28), 'rate : Hz\nn_spikes : 1 (linked)', 'rand() < rate*dt')
    >>> answers = PerMap(layer, 'n_spikes : 1', on_spike='n_spikes += 1')
    >>> answers.run_regularly('n_spikes = 0', dt=500*ms, when='start')
    >>> retina.n_spikes = linked_var(answers, 'n_spikes')
    >>> shown = StoredImages(
    ...     retina,
    ...     images,
    ...     'rate',
    ...     value='pixel*32*Hz*(2 + n_repeats)',
    ...     duration=500*ms,
    ...     repeat_while='n_spikes < 5',
    ... )
    """

    target_variable: Variable

    def __init__(
        self,
        feature_map: FeatureMap,
        images: np.ndarray,
        variable: str = "x",
        *,
        value: str | None = None,
        order: Any = None,
        duration: Quantity | None = None,
        repeat_while: str | None = None,
        name: str | None = None,
    ) -> None:
        if not isinstance(feature_map, FeatureMap):
            raise TypeError(f"StoredImages: expected a FeatureMap, got {feature_map!r}")
        self.feature_map, self.variable = feature_map, variable
        self.target_variable = feature_map.array_variable(variable)
        images = np.asarray(images)
        stored = self._checked(images)
        self.value = self._checked_value(value, images)
        #: What an encoder's expression is checked with
        self._pixels: np.ndarray | None = None
        if self._on_intensity and self.value != "pixel":
            is_bytes = images.dtype == np.uint8
            self._pixels = as_float(np.unique(images)) if is_bytes else images.ravel()
        numbers = self._numbers(order, len(stored))
        self.duration, self._dt = duration, feature_map.clock.dt
        steps = 1 if duration is None else whole_steps(self.label, duration, self._dt)
        #: Time steps that an image lasts, and images until the order starts anew
        self.n_steps, self.n_shown = steps, len(numbers)
        self._refuse_another(repeat_while)
        #: What counts images that may be shown again
        self.repetition = None
        if repeat_while is not None:
            self.repetition = Repetition(feature_map, repeat_while, steps, self.label)
        variables = self._add_variables(stored, numbers)
        counted = [] if self.repetition is None else ["n_answered"]
        if self.repetition is not None:
            variables.add_reference("n_answered", self.repetition, index="_sample_idx")
        super().__init__(
            feature_map,
            "map_show",
            f"_source = {self.value}",
            when="start",
            order=feature_map.order - 1,
            name=name or f"{feature_map.name}_images*",
            template_kwds={
                "memory_shape": feature_map.memory_shape,
                "n_neurons": len(feature_map),
                "n_shown": len(numbers),
                "shown_for": steps,
                "_answered_var": variables.get("n_answered"),
                "_order_var": variables[f"_order_of_{variable}"],
                "_timestep_var": feature_map.variables["t_in_timesteps"],
                "_target_var": self.target_variable,
            },
            needed_variables=[variable, "t_in_timesteps", f"_order_of_{variable}", *counted],
        )
        self.computes = self.target_variable
        feature_map.contained_objects.append(self)

    @property
    def label(self) -> str:
        """What errors call it."""
        return f"StoredImages on '{self.feature_map.name}'"

    def set_images(self, images: np.ndarray) -> None:
        """
        Show other images from now on, in the same order.

        For an experimenter who draws the next stimuli while a network runs, in a network operation
        that runs before the slot ``start``.

        Parameters
        ----------
        images : ndarray
            As many as there were, of the same kind of number.

        Raises
        ------
        ValueError
            If they don't take the place of those before; nothing is changed then.
        """
        images = np.asarray(images)
        stored = self._checked(images)
        kept = self.feature_map.variables[f"_images_of_{self.variable}"]
        if stored.size != kept.size or stored.dtype != kept.dtype:
            expected = kept.size * self.feature_map.batch_size // len(self.feature_map)
            as_bytes = kept.dtype == np.int8
            raise ValueError(
                f"{self.label}: expected {expected} images {'of bytes' if as_bytes else ''}"
                f"{'' if as_bytes else f'held as {kept.dtype}'}, as before, got {len(images)} of "
                f"{images.dtype}"
            )
        if self._on_intensity:
            self._checked_value(self.value, images)
            if self._pixels is not None:
                is_bytes = images.dtype == np.uint8
                self._pixels = as_float(np.unique(images)) if is_bytes else images.ravel()
        kept.set_value(stored.ravel())

    def show(self, network: Network, n: int, **kwds: Any) -> None:
        """
        Run a network for as long as the next `n` images of each sample last.

        Without ``repeat_while`` this is one run. With it, how long it takes depends on the answers:
        the network runs as long as it must at least, and looks again, until each sample has `n`
        more answers, or a run was stopped. Between these runs it gives up what was shown 1,000
        times and more; let a condition that may hold for longer end before.

        Parameters
        ----------
        network : Network
            The network that the map is part of.
        n : int
            How many images of each sample. Where one is answered sooner, it goes on meanwhile.
        **kwds
            Of `brian2.Network.run`.

        Raises
        ------
        NotImplementedError
            On a standalone device, if images may be shown again: a program's length is fixed.
        RuntimeError
            If one of these images was shown 1,000 times and more, and still has to be shown again.
        TypeError
            If it is no network.
        ValueError
            If `n` is negative or no whole number, or the map is no part of the network.
        """
        if not isinstance(network, Network):
            raise TypeError(
                f"{self.label}, show: expected a network and a number of images, as in "
                f"show(network, 1000), got {network!r} first"
            )
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
            raise ValueError(f"{self.label}, show: expected a number of images, got {n!r}")
        if self not in network.sorted_objects:
            raise ValueError(
                f"{self.label}, show: '{self.feature_map.name}' is no part of the network "
                f"'{network.name}', which would show none of them; add it"
            )
        kwds["level"] = kwds.get("level", 0) + 1  # where constants are looked up
        duration = self.n_steps * self._dt
        if self.repetition is None:
            network.run(n * duration, **kwds)
            return
        if not isinstance(get_device(), RuntimeDevice):
            raise NotImplementedError(
                f"{self.label}, show: how long a program runs is fixed before any answer is known; "
                "run the network for a time, and read n_answered of what counts: images.repetition"
            )
        end = self.repetition.fewest_answered() + int(n)
        while (left := end - self.repetition.fewest_answered()) > 0:
            over = network.t + left * duration
            network.run(left * duration, **kwds)
            if network.t < over - self._dt / 2:  # it was stopped
                return
            self.repetition.refuse_endless(end)

    def _refuse_another(self, repeat_while: str | None) -> None:
        """Refuse what would show a variable twice, or lose step with images that are repeated."""
        known = self.feature_map.variables
        if f"_images_of_{self.variable}" in known:
            raise ValueError(f"{self.label}: '{self.variable}' shows stored images already")
        others = [
            item for item in self.feature_map.contained_objects if isinstance(item, StoredImages)
        ]
        repeating = [item for item in others if item.repetition is not None]
        if repeating or (others and repeat_while is not None):
            other = (repeating or others)[0].variable
            raise ValueError(
                f"{self.label}: '{other}' shows stored images too, and images that may be shown "
                "again would lose step with them; show both as channels of one variable"
            )

    def _add_variables(self, stored: np.ndarray, numbers: np.ndarray) -> Variables:
        """Keep images and order in the map; return what the code may name."""
        feature_map, variable = self.feature_map, self.variable
        variables = self.variables = Variables(feature_map)
        for index in ("_pixel_idx", "_channel_idx", "_position_idx", "_sample_idx"):
            variables.add_auxiliary_variable(index, dtype=int)
            variables[index].unique = False
        for kept, values, index in (
            (f"_images_of_{variable}", stored.ravel(), "_pixel_idx"),
            (f"_order_of_{variable}", numbers, "0"),
        ):
            feature_map.variables.add_array(
                kept,
                size=len(values),
                dtype=values.dtype,
                constant=True,
                read_only=True,
                values=values,
                index="_pixel_idx",
            )
            variables.add_reference(kept, feature_map, kept, index=index)
        dtype = self.target_variable.dtype
        pixel = f"_images_of_{variable}"
        if stored.dtype == np.int8:
            pixel = f"{pixel} + {_SIGN}"
            if np.dtype(dtype).kind == "f":  # the range of `as_float`
                pixel = f"({pixel})/255.0"
        variables.add_subexpression("pixel", expr=pixel, dtype=dtype, index="_pixel_idx")
        variables.add_auxiliary_variable(
            "_source", dtype=dtype, dimensions=self.target_variable.dim
        )
        return variables

    def _checked(self, images: np.ndarray) -> np.ndarray:
        """Return the images as they are stored: channels last, bytes with a sign."""
        shape = tuple(self.feature_map.shape)
        if images.ndim != 4 or images.shape[1:] != shape or not len(images):
            raise ValueError(
                f"{self.label}: expected images of shape (n, channels, rows, cols) = "
                f"{('n', *shape)}, got {images.shape}"
            )
        if images.dtype.kind not in "biuf":
            raise ValueError(f"{self.label}: expected real numbers, got {images.dtype}")
        dtype = np.dtype(self.target_variable.dtype)
        lost = first_not_held(images, dtype)
        if lost is not None:
            raise ValueError(
                f"{self.label}: {images[lost]} at {lost} can't be held by '{self.variable}', a "
                f"variable of {dtype}; round or compare first, or declare '{self.variable} : 1'"
            )
        channels_last = np.moveaxis(images, 1, -1)
        if images.dtype == np.uint8:
            stored = np.array(channels_last, order="C")
            stored ^= np.uint8(_SIGN)  # less 128, without another copy: images may be most there is
            return stored.view(np.int8)
        with np.errstate(over="ignore"):  # too large for the variable becomes infinite
            stored = channels_last.astype(dtype, order="C")
        if dtype.kind == "f" and not np.isfinite(stored).all():
            first = tuple(int(n) for n in np.argwhere(~np.isfinite(np.moveaxis(stored, -1, 1)))[0])
            way_out = "replace it first, as with numpy.nan_to_num(images, posinf=1, neginf=0)"
            if np.isfinite(images[first]):
                way_out = "scale the images first"
            raise ValueError(
                f"{self.label}: the value {images[first]} at {first} is not finite as "
                f"'{self.variable}', a variable of {dtype}; {way_out}"
            )
        return stored

    def _checked_value(self, value: str | None, images: np.ndarray) -> str:
        """Return the expression to show, or say why it gives no spikes or scales bytes twice."""
        if value is None or value.strip() == "pixel":
            if self._on_intensity:
                extremes = np.array([images.min(), images.max()])
                self.feature_map.check_intensities(
                    as_float(extremes) if images.dtype == np.uint8 else extremes
                )
            return "pixel"
        twice = _SCALED_TWICE.search(value)
        is_float = np.dtype(self.target_variable.dtype).kind == "f"
        if images.dtype == np.uint8 and is_float and twice:
            raise ValueError(
                f"{self.label}: value={value!r} divides by 255 what is from 0 to 1 already; of "
                f"images of bytes write 'pixel' in place of {twice.group()!r}"
            )
        return value

    @property
    def _on_intensity(self) -> bool:
        """Whether what is shown is an encoder's intensity."""
        encoder = self.feature_map
        return isinstance(encoder, Encoder) and self.variable == encoder.intensity_variable

    def _numbers(self, order: Any, n_images: int) -> np.ndarray:
        numbers = np.asarray(np.arange(n_images) if order is None else order)
        if numbers.ndim != 1 or not len(numbers) or numbers.dtype.kind not in "iu":
            raise ValueError(f"{self.label}: order must be a sequence of image numbers")
        beyond = numbers[(numbers < 0) | (numbers >= n_images)]
        if len(beyond):
            raise ValueError(
                f"{self.label}: order names image {beyond[0]}, but the {n_images} images are "
                f"numbered from 0 to {n_images - 1}"
            )
        return numbers.astype(np.int32)

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the time step and the units before the code object is made."""
        if self.duration is not None:
            check_same_step(self.label, "duration", self._dt, self.group.clock.dt)
        resolved = self.group.resolve_all(
            get_identifiers(self.value),
            run_namespace,
            user_identifiers=set(),
            additional_variables=self.variables,
        )
        fail_for_dimension_mismatch(
            self.target_variable,
            Quantity(1, dim=parse_expression_dimensions(self.value, resolved)),
            f"{self.label}: '{self.variable}' doesn't have the units of '{self.value}'",
        )
        self._check_shown(resolved)
        super().before_run(run_namespace)

    def _check_shown(self, resolved: dict[str, Any]) -> None:
        """Check what an expression over pixels and constants makes of the images."""
        if self._pixels is None:
            return
        known: dict[str, Any] = {"logical_not": np.logical_not}
        for name, found in resolved.items():
            if isinstance(found, Function) and found.stateless:
                known[name] = found.pyfunc
            elif isinstance(found, Constant):
                known[name] = found.get_value()
            elif name != "pixel":
                return  # of the neuron or the time: known when it is shown
        code = NumpyNodeRenderer(auto_vectorise=set()).render_expr(self.value)
        self.feature_map.check_intensities(np.asarray(eval(code, known | {"pixel": self._pixels})))

    @property
    def needs_python(self) -> bool:
        """Whether what an expression makes of the images is checked in each step."""
        return self._pixels is not None

    def run(self) -> None:
        """Show, and check what an expression makes of the images; in runtime mode alone."""
        super().run()
        if self._pixels is not None:
            self.feature_map.check_intensities()
