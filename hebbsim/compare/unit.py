"""One network of a comparison in a worker process; what ``function = "compare"`` of a sweep is."""

from pathlib import Path
from typing import Any

from hebbsim.compare.comparison import decode_pixels, network_result, preferences, result_of
from hebbsim.compare.images import kept_images
from hebbsim.compare.network_settings import NetworkSettings
from hebbsim.compare.results import PIXELS

__all__ = ["run_one"]


def run_one(settings: NetworkSettings, seed: int, folder: Path) -> dict[str, Any]:
    """
    Train a network and decode its layers.

    Parameters
    ----------
    settings : NetworkSettings
        With the rule.
    seed : int
        Of initial kernels and order of presentation.
    folder : Path
        Where weights are written, as `save_weights` does.

    Returns
    -------
    dict
        ``accuracy N`` of each layer in [0, 1], by a linear read-out on the test split; the lines of
        ``results.csv`` as ``rows``, those of ``curves.csv`` as ``curves``.
    """
    images = kept_images(settings)
    used = settings.with_batches_that_fit(len(images.train), images.shape)
    with preferences(used):
        if used.rule == PIXELS:
            return result_of([decode_pixels(used, images)], [])
        return network_result(used, images, seed, folder)
