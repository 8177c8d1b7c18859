"""The class that a layer of spiking neurons stands for."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hebbsim.maps.feature_map import FeatureMap

__all__ = ["chosen_classes"]


def chosen_classes(layer: FeatureMap, n_classes: int) -> np.ndarray:
    """Return the class that each sample of a `SpikingNetwork`'s layer stands for now.

    Channel ``c`` speaks for class ``c % n_classes``. The class whose neurons spiked most is chosen;
    among classes with equally many spikes the one that spiked first, and where none spiked, that of
    the highest potential above its threshold.

    Parameters
    ----------
    layer : FeatureMap
        The map, with ``n_spikes``, ``first_spike`` and ``margin`` of each neuron.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of int
        ``(batch_size,)``.

    Raises
    ------
    ValueError
        If the layer has fewer channels than there are classes.
    """
    channels = layer.shape.channels
    if channels < n_classes:
        raise ValueError(f"the last layer has {channels} channels, too few for {n_classes} classes")
    counts, first, potential = (
        _per_class(np.asarray(layer.get_maps(name)), n_classes, how)
        for name, how in (("n_spikes", np.sum), ("first_spike", np.min), ("margin", np.max))
    )
    # compared one after the other: lexsort's last key counts first
    order = np.lexsort((potential, -first, counts), axis=-1)
    return order[:, -1]


def _per_class(maps: np.ndarray, n_classes: int, how: Callable[..., Any]) -> np.ndarray:
    """Reduce the channels and positions of each class: ``(batch_size, n_classes)``."""
    return np.stack([how(maps[:, c::n_classes], axis=(1, 2, 3)) for c in range(n_classes)], axis=-1)
