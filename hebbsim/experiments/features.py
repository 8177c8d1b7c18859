"""What a read-out gets of a map."""

import numpy as np

__all__ = ["MAX_FEATURES", "features", "quadrants"]

MAX_FEATURES = 4000


def features(maps: np.ndarray) -> np.ndarray:
    """
    Give the whole maps if they are small enough to be decoded, else their quadrant means.

    Parameters
    ----------
    maps : array
        `(n, channels, rows, cols)`.

    Returns
    -------
    array
        `(n, channels, rows, cols)`, or `(n, channels, 2, 2)` where an image has more than 4000
        features.
    """
    return maps if np.prod(maps.shape[1:]) <= MAX_FEATURES else quadrants(maps)


def quadrants(maps: np.ndarray) -> np.ndarray:
    """
    Average maps over their four quadrants (Miconi 2021).

    Parameters
    ----------
    maps : array
        `(n, channels, rows, cols)`. A middle row or column belongs to both sides.

    Returns
    -------
    array
        `(n, channels, 2, 2)`.
    """
    rows, cols = maps.shape[2:]
    top, bottom = slice((rows + 1) // 2), slice(rows // 2, None)
    left, right = slice((cols + 1) // 2), slice(cols // 2, None)
    means = [maps[:, :, r, c].mean(axis=(2, 3)) for r in (top, bottom) for c in (left, right)]
    return np.stack(means, axis=-1).reshape(*maps.shape[:2], 2, 2)
