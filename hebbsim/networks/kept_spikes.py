"""Spikes of a layer that stays as it is: found once for each image, and shown again."""

from collections.abc import Callable

import numpy as np
from brian2.core.base import BrianObject

from hebbsim.maps.feature_map import FeatureMap

__all__ = ["KeptSpikes"]


class KeptSpikes:
    """Keep which neurons of a map spike in which step of each image, and let them spike again.

    What is kept of an image are the numbers of its neurons in the order of their spikes, two bytes
    a spike (four in maps of 65,536 neurons or more), and how many spikes each step has.

    Parameters
    ----------
    feature_map : FeatureMap
        The map.
    layer : int
        Number of the layer that sees it.
    n_steps : int
        Time steps of an image.
    n_images : int
        How many there are.
    """

    def __init__(self, feature_map: FeatureMap, layer: int, n_steps: int, n_images: int) -> None:
        self.feature_map, self.layer, self.n_steps = feature_map, layer, n_steps
        self._space = feature_map.variables["_spikespace"]
        self._batch = feature_map.batch_size
        self._neurons = len(feature_map) // self._batch
        # holds their numbers, and how many spike in a step: all, at most
        self._dtype = np.uint16 if self._neurons < 2**16 else np.uint32
        empty = np.empty(0, dtype=self._dtype)
        self._spikes, self._counts = [empty] * n_images, [empty] * n_images
        self._steps: list[np.ndarray] = []
        #: Whether spikes are shown again, rather than found
        self.complete = False
        #: The numbers of the images that are shown now
        self.shown: Callable[[], np.ndarray] = lambda: np.arange(0)
        #: Bytes of what is kept
        self.n_bytes = 0

    @property
    def needed(self) -> list[BrianObject]:
        """What the map runs when its spikes are shown again: traces that spikes set."""
        feature_map = self.feature_map
        return [feature_map.state_updater, *feature_map.resetter.values()]

    def step(self, place: int) -> None:
        """See to the spikes of a step of the stimulus, once the map's threshold would have."""
        if not self.complete:
            self._find(place)
            return
        if place == 0:
            self._steps = self._of_batch()
        spikes = self._steps[place]
        space = self._space.get_value()
        space[: len(spikes)] = spikes
        space[-1] = len(spikes)

    def silence(self) -> None:
        """Leave no spike behind."""
        self._space.get_value()[-1] = 0

    def _find(self, place: int) -> None:
        if place == 0:
            self._steps = []
        space = self._space.get_value()
        self._steps.append(space[: space[-1]].copy())
        if place == self.n_steps - 1:
            self._keep()

    def _keep(self) -> None:
        """Keep the spikes of a batch, image by image."""
        spikes = np.concatenate(self._steps)
        step = np.repeat(np.arange(self.n_steps), [len(found) for found in self._steps])
        sample = spikes // self._neurons
        for number, image in enumerate(self.shown()):
            own = sample == number
            kept = (spikes[own] % self._neurons).astype(self._dtype)
            counts = np.bincount(step[own], minlength=self.n_steps).astype(self._dtype)
            self._spikes[image], self._counts[image] = kept, counts
            self.n_bytes += kept.nbytes + counts.nbytes

    def _of_batch(self) -> list[np.ndarray]:
        """Return the spikes of the images that are shown now, step by step."""
        images = self.shown()
        offsets = self._neurons * np.arange(len(images))
        spikes = [self._spikes[n] + offset for n, offset in zip(images, offsets, strict=True)]
        counts = np.array([self._counts[n] for n in images])
        step = np.repeat(np.tile(np.arange(self.n_steps), len(images)), counts.ravel())
        order = np.argsort(step, kind="stable")
        ends = np.cumsum(counts.sum(axis=0, dtype=np.int64))
        return np.split(np.concatenate(spikes)[order], ends[:-1])
