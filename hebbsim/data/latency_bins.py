"""Latencies by rank: the strongest values of an image spike first, equally many at a time."""

import numpy as np

from hebbsim.data.filters import FloatImages, checked_images

__all__ = ["NEVER", "as_intensities", "latency_bins"]

#: The bin of what never spikes
NEVER = 255


def latency_bins(maps: FloatImages, n_bins: int = 15) -> np.ndarray:
    """
    Cut the positive values of each image into bins of equal count, the largest first.

    All channels of an image are sorted together, and of equal values the one of the lowest channel
    comes first, then that of the lowest row and column. What is left over by bins of equal count,
    fewer than `n_bins` of the smallest values, never spikes, nor does what is 0.

    Parameters
    ----------
    maps : array of float32 or float64
        `(n, channels, rows, cols)`; negative values count as 0.
    n_bins : int, optional
        From 1 to 255.

    Returns
    -------
    array of uint8
        `(n, channels, rows, cols)`: the bin, from 0 to ``n_bins - 1``, or 255: never.

    Raises
    ------
    TypeError
        If the maps are not of float32 or float64.
    ValueError
        If the maps have another number of axes or are not finite, or `n_bins` is out of range.

    Examples
    --------
    One bin a time step, and images that follow each other every 16 steps:

    >>> bins = latency_bins(normalize_locally(dog_bank(images, [(7, 1, 2), (7, 2, 1)])))
    >>> retina = FeatureMap((2, 28, 28), "bin : integer", "bin == t_in_timesteps % 16")
    >>> StoredImages(retina, bins, "bin", duration=16*defaultclock.dt)
    """
    maps = checked_images(maps)
    if not 1 <= n_bins <= NEVER:
        raise ValueError(f"latency_bins: n_bins must be from 1 to 255, got {n_bins}")
    values = maps.reshape(len(maps), -1)
    ranks = np.argsort(-values, axis=1, kind="stable")
    per_bin = (values > 0).sum(axis=1, keepdims=True) // n_bins
    place = np.arange(values.shape[1])
    found = np.where(place < per_bin * n_bins, place // np.maximum(per_bin, 1), NEVER)
    bins = np.empty(values.shape, dtype=np.uint8)
    np.put_along_axis(bins, ranks, found.astype(np.uint8), axis=1)
    return bins.reshape(maps.shape)


def as_intensities(bins: np.ndarray, n_bins: int = 15) -> np.ndarray:
    """
    Return images whose latencies are these bins, for ``SpikingNetwork(encoding="latency")``.

    Parameters
    ----------
    bins : array of uint8
        What `latency_bins` returns, 255 where nothing spikes.
    n_bins : int, optional
        The network's ``latest`` in time steps.

    Returns
    -------
    array of uint8
        Bytes, which networks read as 0 to 1: the smallest latency in a bin is that of its step.

    Raises
    ------
    ValueError
        If a bin is beyond `n_bins`, or that is out of range.

    Examples
    --------
    >>> bins = latency_bins(normalize_locally(dog_bank(images, [(7, 1, 2), (7, 2, 1)])))
    >>> network = SpikingNetwork((2, 28, 28), layers, latest=15 * ms, duration=19 * ms)
    >>> network.fit(as_intensities(bins))
    """
    if not 1 <= n_bins < NEVER:
        raise ValueError(f"as_intensities: n_bins must be from 1 to 254, got {n_bins}")
    found = np.asarray(bins)
    beyond = (found >= n_bins) & (found != NEVER)
    if found.dtype != np.uint8 or beyond.any():
        raise ValueError(
            f"as_intensities: expected bytes below {n_bins}, or {NEVER} for what never spikes, got "
            f"{found[beyond].max() if beyond.any() else found.dtype}"
        )
    of_bin = np.zeros(NEVER + 1, dtype=np.uint8)
    of_bin[:n_bins] = 255 - np.ceil(255 * np.arange(n_bins) / n_bins)
    return of_bin[found]
