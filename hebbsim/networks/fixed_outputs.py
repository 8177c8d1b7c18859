"""What layers that stay as they are hand on, found once instead of in each epoch."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from brian2 import Network
from brian2.equations import Equations
from brian2.utils.stringtools import get_identifiers

from hebbsim.data.dataset import as_float
from hebbsim.networks.interruption import StoppedError
from hebbsim.networks.kept_spikes import KeptSpikes
from hebbsim.networks.stage import Stage
from hebbsim.rules.rule import Rule

__all__ = ["Kept", "find_outputs"]

#: What makes the output of a layer another one each time that an image is shown
_CHANGING = {"rand", "randn", "poisson", "t", "t_in_timesteps"}
#: What a rule says of its synapses and of the map that it learns from
_TEXTS_OF_RULE = ("equations", "update", "on_pre", "on_post", "pre_channels")
#: Images from which the size of all is known well enough
_ENOUGH = 100


class Kept(Protocol):
    """What finding outputs needs to know of a network."""

    brian2: Network
    batch_size: int
    stages: list[Stage]
    encoding: str
    built_of: frozenset[str]
    input_shape: Any

    @property
    def n_steps(self) -> int:
        """Time steps of one stimulus."""
        ...

    @property
    def present(self) -> Callable[..., bool]:
        """What presents batches of images, as `SpikingNetwork.present`."""
        ...


def find_outputs(
    network: Kept,
    images: np.ndarray,
    layer: int,
    n_bytes: int,
    stopped: Callable[[], bool],
) -> KeptSpikes | None:
    """Return the spikes of the map that a layer sees, for each image.

    Parameters
    ----------
    network : SpikingNetwork
        The network.
    images : ndarray
        ``(n, channels, rows, cols)``.
    layer : int
        Number of the layer from 1 on (0 would see the images).
    n_bytes : int
        What they may take.
    stopped : callable
        Whether the user wants to stop.

    Returns
    -------
    KeptSpikes or None
        None where they are not the same each time, take more memory, or the user stopped.

    Raises
    ------
    StoppedError
        If the simulation is stopped by others.
    """
    if not _repeats(network, layer):
        return None
    size, numbers = network.batch_size, np.arange(len(images))
    batches = [numbers[start : start + size] for start in range(0, len(images), size)]
    kept = KeptSpikes(network.stages[layer - 1].output, layer, network.n_steps, len(images))
    done, beyond = 0, False

    def collect() -> None:
        nonlocal done, beyond
        done += size
        expected = kept.n_bytes / done * len(images) if done >= _ENOUGH else kept.n_bytes
        beyond = expected > n_bytes
        if beyond or stopped():
            network.brian2.stop()

    whole = network.present(
        _shown(network, images, batches, kept),
        len(batches),
        depth=layer,
        collect=collect,
        kept=kept,
    )
    if not (whole or beyond or stopped()):
        raise StoppedError(
            "fit: the simulation was stopped, as by network.brian2.stop(), while it found what "
            f"the layers before layer {layer + 1} hand on; what was learned before is kept"
        )
    kept.complete = True
    return kept if whole and not beyond and not stopped() else None


def _shown(
    network: Kept, images: np.ndarray, batches: Sequence[np.ndarray], kept: KeptSpikes
) -> Iterator[np.ndarray]:
    """Yield batches, the last one filled up, and say which images they are."""
    for numbers in batches:
        kept.shown = numbers.copy
        batch = as_float(np.asarray(images[numbers]))
        missing = network.batch_size - len(batch)
        yield np.concatenate([batch, np.zeros((missing, *network.input_shape))])


def _repeats(network: Kept, layer: int) -> bool:
    """Whether an image gives the same spikes each time, and nobody looks at those before."""
    texts = ("model", "threshold", "reset", "margin", "on_pre", "initial")
    named: set[str] = set()
    for stage in network.stages[:layer]:
        for text in texts:
            named |= get_identifiers(getattr(stage.layer, text))
    noise = {name for name in named if name == "xi" or name.startswith("xi_")}
    added = {item.name for item in network.brian2.sorted_objects} - network.built_of
    changing = added | noise | named & _CHANGING
    return network.encoding == "latency" and not changing and _sees_spikes(network, layer)


def _sees_spikes(network: Kept, layer: int) -> bool:
    """Whether a layer looks at the spikes before it, and not at what those neurons compute."""
    before, stage = network.stages[layer - 1], network.stages[layer]
    computed = {*Equations(before.layer.model).names, "margin", "silenced"}
    rule, own = stage.layer.rule, set[str]()
    texts = [stage.layer.on_pre]
    if isinstance(rule, Rule):
        texts += [getattr(rule, name) for name in _TEXTS_OF_RULE]
        for text in (rule.pre_model, rule.pre_reset, rule.pre_channels):
            own |= get_identifiers(text)
    read = {name for text in texts for name in get_identifiers(text)}
    return not read & {f"{name}_pre" for name in computed} and not own & computed
