"""The class that a layer of spiking neurons stands for."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hebbsim.geometry import is_integer
from hebbsim.maps.feature_map import FeatureMap

__all__ = ["DECISIONS", "check_classes", "chosen_classes"]

#: What decides, from what counts first to what breaks ties; larger wins
DECISIONS = {
    "count": ("counts", "earliness", "potential"),
    "first": ("earliness", "potential"),
    "strongest": ("potential",),
}


def check_classes(classes: Any, channels: int) -> tuple[int, ...] | None:
    """Return the class of each channel, or say what is wrong; None stays None."""
    if classes is None:
        return None
    if np.ndim(classes) != 1 or not all(is_integer(c, 0) for c in classes):
        raise ValueError(
            f"classes: expected a sequence of integers from 0 on, the class of each of {channels} "
            f"channels, got {classes!r}"
        )
    if len(classes) != channels:
        raise ValueError(
            f"classes: expected one for each of the last layer's {channels} channels, got "
            f"{len(classes)}"
        )
    return tuple(int(c) for c in classes)


def chosen_classes(
    layer: FeatureMap,
    n_classes: int | None = None,
    *,
    decision: str = "count",
    classes: tuple[int, ...] | None = None,
) -> np.ndarray:
    """Return the class that each sample of a `SpikingNetwork`'s layer stands for now.

    Parameters
    ----------
    layer : FeatureMap
        The map, with ``n_spikes``, ``first_spike`` and ``margin`` of each neuron.
    n_classes : int, optional
        Number of classes, where `classes` doesn't say it.
    decision : {'count', 'first', 'strongest'}
        Chosen is the class

        * ``'count'``: whose neurons spiked most; of those with equally many spikes that which
          spiked first, and where none spiked, that of the highest potential above its threshold;
        * ``'first'``: of the neuron that spiked first, with the same ways to break ties;
        * ``'strongest'``: of the neuron with the highest potential above its threshold.

        If all is equal it is the lowest.
    classes : tuple of int, optional
        The class of each channel; by default channel ``c`` speaks for class ``c % n_classes``.

    Returns
    -------
    ndarray of int
        ``(batch_size,)``.

    Raises
    ------
    ValueError
        If neither `n_classes` nor `classes` is given, or the layer has fewer channels than there
        are classes.
    """
    channels = layer.shape.channels
    if classes is None:
        if n_classes is None:
            raise ValueError(
                "n_classes: say how many classes there are, or give the network classes=, the "
                "class of each channel"
            )
        if channels < n_classes:
            raise ValueError(
                f"the last layer has {channels} channels, too few for {n_classes} classes"
            )
        of_channel = np.arange(channels) % n_classes
    else:
        of_channel = np.array(classes)
    known = np.unique(of_channel)

    def per_class(name: str, how: Callable[..., Any]) -> np.ndarray:
        """Reduce the channels and positions of each class: ``(batch_size, len(known))``."""
        maps = np.asarray(layer.get_maps(name))
        return np.stack([how(maps[:, of_channel == c], axis=(1, 2, 3)) for c in known], axis=-1)

    values = {
        "counts": lambda: per_class("n_spikes", np.sum),
        "earliness": lambda: -per_class("first_spike", np.min),
        "potential": lambda: per_class("margin", np.max),
    }
    keys = [values[name]() for name in DECISIONS[decision]]
    lowest = np.broadcast_to(-known, keys[0].shape)
    # compared one after the other: lexsort's last key counts first
    order = np.lexsort((lowest, *keys[::-1]), axis=-1)
    return known[order[:, -1]]
