"""How well a field is described by a Gabor function, and which one."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares  # type: ignore[import-untyped]

__all__ = ["Gabor", "fit_gabor", "fit_gabors", "tuning"]

#: Standard deviations of the envelope from which fits start, in pixels, and their bounds
STARTS, WIDTHS = (1.2, 2.5), (0.5, 8.0)


@dataclass(frozen=True)
class Gabor:
    """
    Describe the Gabor function closest to a field.

    Parameters
    ----------
    r2 : float
        Share of the field's power that it explains.
    frequency : float
        In cycles a pixel.
    orientation : float
        Of its bars, in radians from 0 to pi, from the direction of rows to that of columns.
    widths : tuple of float
        Standard deviations of the envelope, across and along the bars, in pixels.
    image : array
        It, in the field's pixels.
    """

    r2: float
    frequency: float
    orientation: float
    widths: tuple[float, float]
    image: np.ndarray


def fit_gabors(fields: np.ndarray) -> list[Gabor]:
    """Fit each of some fields, `(n, size, size)`."""
    return [fit_gabor(field) for field in fields]


def tuning(gabors: list[Gabor]) -> np.ndarray:
    """Return R², orientation and frequency of each, `(n, 3)`."""
    return np.array([(gabor.r2, gabor.orientation, gabor.frequency) for gabor in gabors])


def fit_gabor(field: np.ndarray) -> Gabor:
    r"""
    Fit :math:`e^{-u^2/(2 s^2) - v^2/(2 t^2)}\,(a\cos k u + b\sin k u)` by least squares.

    `u` and `v` are the distances from its centre, across and along its bars; amplitude and phase,
    which are linear, are solved for within each step. Starts lie where the field's power and
    spectrum do.
    """
    size = len(field)
    power = field**2 / (field**2).sum()
    rows, cols = np.mgrid[:size, :size].astype(float)
    centre = (power * rows).sum(), (power * cols).sum()
    best = min(
        (
            least_squares(
                _left_over,
                [*centre, wave[0], wave[1], width, width],
                bounds=(
                    [-1, -1, -np.pi, -np.pi, WIDTHS[0], WIDTHS[0]],
                    [size, size, np.pi, np.pi, WIDTHS[1], WIDTHS[1]],
                ),
                args=(field, rows, cols),
                max_nfev=60,
            )
            for wave in _strongest_waves(field)
            for width in STARTS
        ),
        key=lambda found: found.cost,
    )
    *wave, across, along = best.x[2:]
    image = field - _left_over(best.x, field, rows, cols).reshape(field.shape)
    angle = np.arctan2(wave[0], wave[1])  # of the wave; the bars run across it
    return Gabor(
        float(1 - 2 * best.cost / (field**2).sum()),
        float(np.hypot(*wave) / (2 * np.pi)),
        float((angle + np.pi / 2) % np.pi),
        (float(across), float(along)),
        image,
    )


def _strongest_waves(field: np.ndarray, n: int = 2) -> list[tuple[float, float]]:
    """Return the wave vectors of a field's strongest components, in radians a pixel."""
    padded = 4 * len(field)
    spectrum = np.abs(np.fft.fft2(field, (padded, padded)))[:, : padded // 2]
    found = []
    frequency = 2 * np.pi * np.fft.fftfreq(padded)
    for _ in range(n):
        row, col = np.unravel_index(spectrum.argmax(), spectrum.shape)
        found.append((float(frequency[row]), float(frequency[col])))
        near = np.hypot(frequency[:, None] - frequency[row], frequency - frequency[col])
        spectrum = np.where(near[:, : padded // 2] < np.pi / 6, 0, spectrum)
    return found


def _left_over(
    parameters: np.ndarray, field: np.ndarray, rows: np.ndarray, cols: np.ndarray
) -> np.ndarray:
    """Return what the best Gabor function of these places, waves and widths leaves of a field."""
    row, col, down, right, across, along = parameters
    y, x = rows - row, cols - col
    length = np.hypot(down, right) + 1e-9
    u, v = (x * right + y * down) / length, (y * right - x * down) / length
    envelope = np.exp(-((u / across) ** 2) / 2 - (v / along) ** 2 / 2)
    waves = np.stack([envelope * np.cos(length * u), envelope * np.sin(length * u)])
    flat = waves.reshape(2, -1)
    products = flat @ flat.T + 1e-9 * np.eye(2)
    amplitudes = np.linalg.solve(products, flat @ field.ravel())
    return (field - np.tensordot(amplitudes, waves, 1)).ravel()
