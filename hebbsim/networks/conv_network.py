"""A network of convolutional layers that is presented one batch of stimuli a time step."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from brian2 import NetworkOperation, ms
from brian2.core.base import BrianObject
from brian2.devices.device import RuntimeDevice, get_device

from hebbsim.competition.activations import Assign, Rectify, Standardize, Triangle
from hebbsim.competition.pooling import AveragePooling, MaxPooling, SumPooling
from hebbsim.competition.thresholds import AdaptiveThreshold
from hebbsim.competition.winners import SoftWinnerTakeAll, WinnerTakeAll
from hebbsim.geometry import GeometryError
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.layered_network import LayeredNetwork, Stage, rule_groups
from hebbsim.synapses.conv_synapses import ConvSynapses
from hebbsim.synapses.update import NORMS

__all__ = ["ConvNetwork"]

_POOLING = {"average": AveragePooling, "max": MaxPooling, "sum": SumPooling}


class ConvNetwork(LayeredNetwork):
    """Stack convolutional layers and learn their kernels from images, a batch a time step.

    The layers are ordinary Brian2 objects: ``network.stages[0].conv.w``, a `StateMonitor` added to
    ``network.brian2`` and equations of one's own work as ever.

    Parameters
    ----------
    input_shape : tuple of int
        ``(channels, rows, cols)`` of an image.
    layers : sequence of ConvLayer
        From the input on.
    batch_size : int
        Stimuli presented side by side.
    seed : int
        Of initial kernels, pruning masks and the order of presentation. The same seed, data and
        machine give the same kernels to the bit.

    Raises
    ------
    GeometryError
        If a kernel doesn't fit the map that its layer gets, with the layer's number.
    NotImplementedError
        From `fit`, `transform` and `present` on a standalone device: they stream batches from
        Python.

    Examples
    --------
    >>> network = ConvNetwork((1, 8, 8), [ConvLayer(32, 3, rules.Oja('0.5/n_shared'))])
    >>> network.fit(images, epochs=5)
    >>> features = network.transform(images)

    On a standalone device the images are stored in the simulation, and all layers learn:

    >>> StoredImages(network.input, images)
    >>> network.brian2.run(1000*ms)  # as many batches
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        layers: Sequence[ConvLayer],
        *,
        batch_size: int = 100,
        seed: int = 0,
    ) -> None:
        super().__init__(input_shape, layers, batch_size=batch_size, seed=seed, dt=1 * ms)
        self.input = FeatureMap(
            self.input_shape, "x : 1", batch_size=batch_size, clock=self.clock, name="input"
        )
        for number, layer in enumerate(self.layers, start=1):
            self.stages.append(self._build(number, layer))
        if not isinstance(get_device(), RuntimeDevice):
            self._assemble()
            return
        feed = NetworkOperation(self._feed, clock=self.clock, when="start", order=-1)
        collect = NetworkOperation(lambda: self._collect(), clock=self.clock, when="after_end")
        self._assemble(feed, collect)

    # --- construction -----------------------------------------------------------------------

    def _build(self, number: int, layer: ConvLayer) -> Stage:
        source = self.stages[-1].output if self.stages else self.input
        try:
            layer.output_shape(source.shape)
            shape = layer.geometry(source.shape).out_shape
        except GeometryError as error:
            raise GeometryError(f"layer {number}: {error}") from None
        shared = {"batch_size": self.batch_size, "clock": self.clock}
        following = self.layers[number] if number < len(self.layers) else None
        feature_map = FeatureMap(
            shape, _map_model(layer, following), name=f"layer{number}", **shared
        )
        operations: list[BrianObject] = []
        groups = rule_groups(layer.rule, source, feature_map, number)
        if layer.standardize:
            raw = "output" if self.stages else "x"
            operations.append(Standardize(source, raw, "x", name=f"standardize{number}"))
        if layer.threshold_step:
            groups.append(
                AdaptiveThreshold(
                    feature_map,
                    layer.k / layer.out_channels,
                    step=layer.threshold_step,
                    name=f"threshold{number}",
                )
            )
        rng = np.random.default_rng([self.seed, number])
        kernel_shape = layer.geometry(source.shape).kernel_shape
        mask = (rng.random(kernel_shape) >= layer.pruned).astype(float) if layer.pruned else None
        conv = ConvSynapses(
            source,
            feature_map,
            None if layer.rule else "w : 1\nu_post = w*x_pre : 1 (summed)",
            kernel_size=layer.kernel_size,
            stride=layer.stride,
            padding=layer.padding,
            dilation=layer.dilation,
            groups=layer.groups,
            weight_sharing=layer.weight_sharing,
            rule=layer.rule,
            normalize=layer.normalize if layer.rule else None,
            norm=layer.norm,
            mask=mask if layer.rule else None,
            clock=self.clock,
            name=f"conv{number}",
        )
        conv.set_kernel("w", _initial_kernel(rng, layer, kernel_shape, mask))
        operations += _competition(layer, feature_map, number)
        pooled = None
        if layer.pooling is not None:
            pooled = FeatureMap(
                layer.output_shape(source.shape),
                _output_model(following),
                name=f"pool{number}",
                **shared,
            )
            operations.append(
                _POOLING[layer.pooling](
                    feature_map,
                    pooled,
                    layer.pool_size,
                    layer.pool_stride,
                    source=_handed_on(layer),
                    activation="triangle" if layer.output == "triangle" else None,
                    target="output",
                    name=f"pooling{number}",
                )
            )
        return Stage(layer, source, conv, feature_map, pooled, groups, operations)

    # --- presentation -----------------------------------------------------------------------

    def present(
        self,
        batches: Iterable[np.ndarray],
        n_batches: int,
        *,
        learning: Sequence[bool] | None = None,
        frozen: bool = False,
        depth: int | None = None,
        collect: Callable[[], None] | None = None,
    ) -> None:
        """Run one time step for each batch.

        Parameters
        ----------
        batches : iterable of ndarray
            Each ``(batch, channels, rows, cols)``.
        n_batches : int
            How many of them to present.
        learning : sequence of bool, optional
            Whether each layer learns; by default none does.
        frozen : bool
            Adapt the thresholds of the layers that learn, but not their weights.
        depth : int, optional
            Number of layers to compute; by default all.
        collect : callable, optional
            Called at the end of each step.
        """
        self._require_runtime("show StoredImages on its input, and run its brian2 network")
        learning = learning or [False] * len(self.stages)
        depth = len(self.stages) if depth is None else depth
        for number, stage in enumerate(self.stages):
            self._activate(stage, computed=number < depth, learned=learning[number], frozen=frozen)
        self._batches = self._checked(batches)
        self._collect = collect or (lambda: None)
        try:
            self.brian2.run(n_batches * self.clock.dt, namespace={})
        finally:
            self._batches = None
        self.brian2.t_ = self.time  # after a stop Brian2 leaves a view of the clock there

    @staticmethod
    def _activate(stage: Stage, *, computed: bool, learned: bool, frozen: bool) -> None:
        for item in (*stage.conv.contained_objects, *stage.operations):
            item.active = computed
        stage.conv.learning = computed and learned and not frozen
        for group in stage.groups:
            for item in group.contained_objects:
                item.active = computed and learned

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "ConvNetwork":
        """Build the network that `describe` described, with its initial kernels."""
        layers = [ConvLayer.from_dict(layer) for layer in description["layers"]]
        return cls(
            tuple(description["input_shape"]),
            layers,
            batch_size=description["batch_size"],
            seed=description["seed"],
        )


def _handed_on(layer: ConvLayer) -> str:
    """Name of the variable of the layer's own map that is pooled or handed on."""
    name = {"activity": "y", "linear": "z", "triangle": "z"}.get(layer.output)
    return name if name and layer.pooling else "output"


def _output_model(following: ConvLayer | None) -> str:
    """Equations of what the next layer sees: ``x``, the output or the output standardised."""
    standardized = following is not None and following.standardize
    return "output : 1\n" + ("x : 1" if standardized else "x = output : 1")


def _map_model(layer: ConvLayer, following: ConvLayer | None) -> str:
    """Equations of a layer's map; what is only another name costs nothing."""
    lines = [
        "u : 1",
        f"z = u{' - theta' if layer.threshold_step else ''} : 1",
        "y = z : 1" if layer.activity == "linear" else "y : 1",
    ]
    if layer.pooling is None:
        lines.append(_output_model(following))
    elif _handed_on(layer) == "output":
        lines.append("output : 1")
    return "\n".join(lines)


def _competition(layer: ConvLayer, layer_map: FeatureMap, number: int) -> list[BrianObject]:
    """Return the operations that turn the drive into activity and output."""
    operations: list[BrianObject] = []
    activity, output = f"activity{number}", f"output{number}"
    if layer.activity in ("winners", "graded"):
        graded = layer.activity == "graded"
        operations.append(
            WinnerTakeAll(
                layer_map, "z", "y", layer.k, graded=graded, condition="z > 0", name=activity
            )
        )
    elif layer.activity == "softmax":
        operations.append(
            SoftWinnerTakeAll(layer_map, "z", "y", temperature=layer.temperature, name=activity)
        )
    elif layer.activity == "rectified":
        operations.append(Rectify(layer_map, "z", "y", name=activity))
    if layer.output == "triangle" and layer.pooling is None:
        operations.append(Triangle(layer_map, "z", "output", name=output))
    elif layer.output == "rectified":
        operations.append(Rectify(layer_map, "z", "output", name=output))
    elif _handed_on(layer) == "output":
        seen = "y" if layer.output == "activity" else "z"
        operations.append(Assign(layer_map, seen, "output", name=output))
    return operations


def _initial_kernel(
    rng: np.random.Generator,
    layer: ConvLayer,
    shape: tuple[int, ...],
    mask: np.ndarray | None,
) -> np.ndarray:
    """Gaussian weights, masked and normalised as learning will keep them."""
    kernel = rng.standard_normal(shape) / np.sqrt(np.prod(shape[-3:]))
    if mask is not None:
        kernel *= mask
    if layer.normalize is not None:
        filters = np.abs(kernel).reshape(*shape[:-3], -1)
        norm = (filters ** NORMS[layer.normalize]).sum(axis=-1) ** (1 / NORMS[layer.normalize])
        kernel *= (layer.norm / np.where(norm > 0, norm, 1))[..., None, None, None]
    return kernel
