"""An image file as an array: nothing that it holds is lost, or it is refused by name."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hebbsim.data.dataset import DatasetError, reading

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["read_image"]

#: What Pillow turns a mode into, where that changes no value
_MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGBA"}
#: The modes with transparency of those whose transparency lies in a palette or is a colour
_WITH_ALPHA = {"P": "RGBA", "RGB": "RGBA", "RGBA": "RGBA"}
#: How Pillow calls 16 bits a channel on disk, of which it reads 8: "RGB;16B"; 5-6-5 is "BGR;16"
_DEEP = re.compile(r";16[BLN]")


def read_image(file: Path) -> NDArray[np.uint8]:
    """
    Read an image as it is to be seen.

    Parameters
    ----------
    file : Path
        In a format that Pillow reads, of 8 bits or fewer: grey, RGB, RGBA or with a palette. It is
        rotated and mirrored as its EXIF orientation asks.

    Returns
    -------
    array of uint8
        `(channels, rows, cols)`: 1 channel for grey, 3 for RGB, 4 with transparency, whose fourth
        is the opacity.

    Raises
    ------
    DatasetError
        If the file is damaged, holds several images, or something that would be lost.
    """
    from PIL import Image, ImageOps

    with reading(f"the image '{file}'"), Image.open(file) as image:
        fault = _fault(image)
        if fault is not None:
            raise DatasetError(f"image '{file}': {fault}")
        modes = _WITH_ALPHA if image.has_transparency_data else _MODES
        pixels = np.asarray(ImageOps.exif_transpose(image).convert(modes[image.mode]))
    return pixels[np.newaxis] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def _fault(image: "Image.Image") -> str | None:
    """Say what of an image would be lost, and what to do."""
    # the second image of an MPO, as telephones take them, is a preview or a map of the first
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if frames > 1:
        return (
            f"expected a single image, got {frames} pages or frames. Save each of them as a file "
            f"of its own"
        )
    if image.mode not in _MODES:
        return (
            f"expected 8 bits of grey, RGB or RGBA, got the mode '{image.mode}'. Convert it first"
        )
    if image.has_transparency_data and image.mode not in _WITH_ALPHA:
        return "expected grey, RGB or RGBA, got grey with transparency. Convert it to RGBA first"
    if _is_deep(image):
        return (
            "expected 8 bits a channel, got more, of which the last would be lost. Convert it "
            "first, or give an .npz file of floating-point images"
        )
    return None


def _is_deep(image: "Image.Image") -> bool:
    """Whether a file has more than 8 bits a channel where Pillow's mode has 8."""
    for codec, _, _, arguments in getattr(image, "tile", ()):
        stored, *more = arguments if isinstance(arguments, tuple) else (arguments,)
        if isinstance(stored, str) and _DEEP.search(stored):
            return True
        if codec.startswith("ppm") and more and more[0] > 255:
            return True
    return False
