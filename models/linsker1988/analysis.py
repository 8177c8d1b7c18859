"""What the theory says of the layers: eigenvalues, covariances, responses to gratings."""

import numpy as np

__all__ = [
    "GRATINGS",
    "continuum_eigenvalues",
    "correlation",
    "covariance_between",
    "dipole",
    "filter_of",
    "gaussian_covariance",
    "next_covariance",
    "orientation_tuning",
    "radial_profile",
    "sampled_eigenvalues",
    "similarity",
    "symmetric",
]

#: Spatial frequencies that are tried, in radians per `r_B`
GRATINGS = np.linspace(0.1, 2.4, 24)


def continuum_eigenvalues(k2: float, n: int, nodes: int = 24) -> np.ndarray:
    r"""
    Return the largest eigenvalues of the averaged equation for synapses without number.

    The operator :math:`\int (e^{-(r-r')^2/2} + k_2)\,w(r')\,e^{-r'^2/3}\,dr'/(3\pi)`, with
    lengths in radii of layer B, on the nodes of Gauss and Hermite's quadrature.

    Parameters
    ----------
    k2 : float
        Linsker's.
    n : int
        How many.
    nodes : int
        Of the quadrature, in each direction.
    """
    points, weights = np.polynomial.hermite.hermgauss(nodes)
    x, y = (grid.ravel() * np.sqrt(3) for grid in np.meshgrid(points, points))
    density = np.sqrt(np.outer(weights, weights).ravel() / np.pi)
    distance = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    operator = density[:, None] * (np.exp(-distance / 2) + k2) * density
    return np.sort(np.linalg.eigvalsh(operator))[::-1][:n]


def sampled_eigenvalues(counts: np.ndarray, q: np.ndarray, k2: float, n: int) -> np.ndarray:
    """Return the largest eigenvalues of ``(Q + k2)/N`` for synapses where they are.

    Parameters
    ----------
    counts : array
        Synapses at each place, `(size, size)`.
    q : array
        Covariance at all distances, `(2*size - 1, 2*size - 1)`.
    k2 : float
        Linsker's.
    n : int
        How many.
    """
    rows, cols = np.nonzero(counts)
    size = len(counts)
    between = q[rows[:, None] - rows + size - 1, cols[:, None] - cols + size - 1]
    root = np.sqrt(counts[rows, cols] / counts.sum())
    return np.sort(np.linalg.eigvalsh(root[:, None] * (between + k2) * root))[::-1][:n]


def gaussian_covariance(size: int, radius: float) -> np.ndarray:
    """Return exp(-s^2/(2*radius^2)) on a torus, `(size, size)`, distance 0 first."""
    distance = np.minimum(np.arange(size), size - np.arange(size))
    return np.exp(-(distance[:, None] ** 2 + distance**2) / (2 * radius**2))


def covariance_between(covariance: np.ndarray, size: int, step: int = 1) -> np.ndarray:
    """Return a torus' covariance between the places of a field, `(2*size - 1, 2*size - 1)`.

    `step` is the distance between neighbours of the field in places of the torus.
    """
    distances = step * np.arange(-(size - 1), size)
    return covariance[np.ix_(distances, distances)]


def filter_of(covariance: np.ndarray, reach: int) -> np.ndarray:
    """Return the kernel that gives white noise a covariance, `(2*reach + 1, 2*reach + 1)`."""
    spectrum = np.maximum(np.fft.fft2(covariance).real, 0)
    places = np.arange(-reach, reach + 1)
    return np.fft.ifft2(np.sqrt(spectrum)).real[np.ix_(places, places)]


def symmetric(field: np.ndarray) -> np.ndarray:
    """Return the mean of a field and its seven rotations and mirror images."""
    field = (field + field[::-1]) / 2
    field = (field + field[:, ::-1]) / 2
    return (field + field.T) / 2


def next_covariance(covariance: np.ndarray, field: np.ndarray) -> np.ndarray:
    """
    Return the covariance of a layer whose cells have a receptive field.

    If cells differ by chance, `field` is their mean: the fields of two of them are independent.

    Parameters
    ----------
    covariance : array
        Of the layer below on a torus, `(size, size)`, distance 0 first.
    field : array
        Synapses times weight, `(odd, odd)`.

    Returns
    -------
    array
        As `covariance`, 1 at distance 0.
    """
    spectrum = np.abs(np.fft.fft2(field, covariance.shape)) ** 2 * np.fft.fft2(covariance)
    found = np.fft.ifft2(spectrum).real
    return found / found[0, 0]


def radial_profile(weights: np.ndarray, counts: np.ndarray, n_bins: int = 5) -> np.ndarray:
    """Return the mean weight of the synapses in rings that hold equally many, `(n_bins,)`."""
    reach = counts.shape[0] // 2
    rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    n = counts.astype(int).ravel()
    order = np.argsort(np.repeat(np.hypot(rows, cols).ravel(), n), kind="stable")
    rings = np.array_split(np.repeat(weights.ravel(), n)[order], n_bins)
    return np.array([ring.mean() for ring in rings])


def orientation_tuning(
    field: np.ndarray, frequencies: np.ndarray = GRATINGS, n_orientations: int = 18
) -> tuple[float, float, float]:
    """
    Measure a field's responses to gratings, whatever their phase.

    Parameters
    ----------
    field : array
        Synapses times weight, `(odd, odd)`.
    frequencies : array
        Spatial frequencies to try, in radians a place; the best is the one of the largest response.
    n_orientations : int
        From 0 to below pi.

    Returns
    -------
    (float, float, float)
        Selectivity ``|sum R exp(2i theta)|/sum R``, the preferred orientation, and the largest
        response over the sum of all absolute weights.
    """
    reach = field.shape[0] // 2
    rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    angles = np.pi * np.arange(n_orientations) / n_orientations
    along = np.cos(angles)[:, None, None] * cols + np.sin(angles)[:, None, None] * rows
    waves = np.exp(1j * frequencies[:, None, None, None] * along)
    responses = np.abs((waves * field).sum((-2, -1)))
    best = responses[responses.max(axis=1).argmax()]
    vector = (best * np.exp(2j * angles)).sum() / best.sum()
    return abs(vector), np.angle(vector) / 2 % np.pi, best.max() / np.abs(field).sum()


def dipole(weights: np.ndarray, counts: np.ndarray) -> float:
    """Return ``|<w exp(i theta)>|`` over the synapses: how bi-lobed a field is."""
    reach = counts.shape[0] // 2
    rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return float(abs((counts * weights * np.exp(1j * np.arctan2(rows, cols))).sum() / counts.sum()))


def correlation(a: np.ndarray, b: np.ndarray, counts: np.ndarray) -> float:
    """Return the correlation over synapses of two fields, `(size, size)`."""
    covariance = np.cov(a.ravel(), b.ravel(), aweights=counts.ravel())
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))


def similarity(angles: np.ndarray, farthest: int) -> np.ndarray:
    """
    Return the mean of cos 2(theta_a - theta_b) over pairs of cells along rows and columns.

    Parameters
    ----------
    angles : array
        Preferred orientations, `(rows, cols)`.
    farthest : int
        Largest distance, in cells.

    Returns
    -------
    array
        `(farthest,)`, from distance 1 on.
    """
    found = []
    for distance in range(1, farthest + 1):
        down = angles[distance:] - angles[:-distance]
        across = angles[:, distance:] - angles[:, :-distance]
        found.append(np.cos(2 * np.concatenate([down.ravel(), across.ravel()])).mean())
    return np.array(found)
