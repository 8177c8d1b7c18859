"""A network of convolutional layers that is presented one batch of stimuli a time step."""

from collections.abc import Sequence
from typing import Any

from brian2 import NetworkOperation, ms

from hebbsim.brian2_private import was_stopped
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_stage import build_stage
from hebbsim.networks.layered_network import LayeredNetwork
from hebbsim.networks.presentation import Presentation
from hebbsim.networks.stage import Stage
from hebbsim.standalone.program import Session

__all__ = ["ConvNetwork"]


class ConvNetwork(LayeredNetwork):
    """Stack convolutional layers and learn their kernels from images, a batch a time step.

    A time step is 1 ms, whatever the default clock: a time constant of ``20*ms`` in a rule is 20
    batches.

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

    Examples
    --------
    >>> network = ConvNetwork((1, 8, 8), [ConvLayer(32, 3, rules.Oja('0.5/n_shared'))])
    >>> network.fit(images, epochs=5)
    >>> features = network.transform(images)

    On a standalone device, set before the network is built, the same calls compile it once, and
    stream the images to its program.

    >>> set_device('cpp_standalone', build_on_run=False)
    """

    layer_type = ConvLayer

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
        self._build(build_stage)
        if not self._at_runtime:
            self._assemble()
            return
        begin = NetworkOperation(self._seed_batch, clock=self.clock, when="before_start", order=-1)
        feed = NetworkOperation(self._feed, clock=self.clock, when="start", order=-1)
        end = NetworkOperation(self._end_batch, clock=self.clock, when="after_end")
        self._assemble(begin, feed, end)

    def _rest(self, stage: Stage, **how: bool) -> None:
        stage.rest(stage.operations, **how)

    def _run(self, shown: Presentation) -> None:
        self.brian2.run(shown.n_batches * self.clock.dt, namespace={})
        shown.stopped = was_stopped(self.brian2)

    def _run_program(self, shown: Presentation, session: Session) -> None:
        while shown.done < shown.n_batches and not shown.stopped:
            self._seed_batch()
            self._feed()
            session.run(1, self.clock.dt_)
            self._end_batch()
            shown.stopped = session.stopped

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
