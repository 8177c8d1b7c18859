"""
Many fields at once: filters that move over whole images, and compete at each place.

At each place the neuron of the largest drive is active alone, and learns with the quadratic
rectifier, the effective nonlinearity of the spiking neuron. So filters part the images' edges among
them, where neurons that know nothing of each other may learn the same.
"""

from dataclasses import replace

import numpy as np
from brian2 import Network, defaultclock
from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]

from hebbsim import Assign, ConvSynapses, FeatureMap, StoredImages, WinnerTakeAll
from models.brito_gerstner2016.images import patches
from models.brito_gerstner2016.model import NONLINEARITIES, nonlinear_hebb
from models.brito_gerstner2016.settings import FILTER_RATE

__all__ = ["in_band", "learn_convolution", "white_images"]

#: Frequencies that whitening keeps, in cycles a pixel, and width of the window of contrast (ours)
BAND, WINDOW = (0.03, 0.36), 6.0
RECTIFIER = replace(NONLINEARITIES["quadratic rectifier"], rate=FILTER_RATE)
LAYER = "u : 1\ny : 1"
DRIVE = "w : 1\nu_post = w*x_pre : 1 (summed)"


def white_images(images: np.ndarray) -> np.ndarray:
    """
    Bring each place of filtered images to one contrast, and all frequencies of a band to one power.

    Parameters
    ----------
    images : array
        `(n, size, size)`.

    Returns
    -------
    array
        As `images`, of variance 1.
    """
    around = np.sqrt(gaussian_filter(images**2, (0, WINDOW, WINDOW)) + 1e-3)
    spectra = np.fft.fft2(images / around)
    power = gaussian_filter((np.abs(spectra) ** 2).mean(axis=0), 1.5, mode="wrap")
    gain = _band(images.shape[-1]) / np.sqrt(power)
    shown = np.fft.ifft2(spectra * gain).real
    return shown / shown.std()


def _band(size: int) -> np.ndarray:
    frequency = np.fft.fftfreq(size)
    rho = np.hypot(frequency[:, None], frequency)
    return ((rho > BAND[0]) & (rho < BAND[1])).astype(float)


def in_band(kernels: np.ndarray) -> np.ndarray:
    """Return what is left of kernels ``(..., size, size)`` in the band, of norm 1 each."""
    left = np.fft.ifft2(np.fft.fft2(kernels) * _band(kernels.shape[-1])).real
    return left / np.sqrt((left**2).sum(axis=(-2, -1), keepdims=True))


def learn_convolution(
    images: np.ndarray,
    start: np.ndarray,
    rng: np.random.Generator,
    *,
    steps: int,
    batch_size: int,
    crop: int,
    competes: bool = True,
) -> np.ndarray:
    """
    Learn filters from crops of white images.

    Parameters
    ----------
    images : array
        `(n, size, size)`.
    start : array
        First weights, `(filters, 1, size, size)`.
    rng : Generator
        Draws the crops.
    steps, batch_size, crop : int
        Of learning; crops in each, and pixels along their sides.
    competes : bool
        Whether neurons of a place compete, or all are active.

    Returns
    -------
    array
        The weights, as `start`.
    """
    crops = patches(images, 20 * batch_size, crop, rng)[:, None]
    size, places = start.shape[-1], crop - start.shape[-1] + 1
    source = FeatureMap((1, crop, crop), "x : 1", batch_size=batch_size)
    order = rng.integers(0, len(crops), steps * batch_size)
    StoredImages(source, crops, order=order)
    layer = FeatureMap((len(start), places, places), LAYER, batch_size=batch_size)
    activity = (
        WinnerTakeAll(layer, "u", "y", k=1, graded=True) if competes else Assign(layer, "u", "y")
    )
    synapses = ConvSynapses(
        source,
        layer,
        DRIVE,
        rule=nonlinear_hebb(RECTIFIER, steps * defaultclock.dt),
        kernel_size=size,
        normalize="L2",
    )
    synapses.set_kernel("w", start)
    Network(source, layer, activity, synapses).run(steps * defaultclock.dt, namespace={})
    return np.asarray(synapses.get_kernel("w"))
