"""Files of weights, whatever reads what is in them."""

from pathlib import Path

__all__ = ["WeightsError", "read_bytes"]


class WeightsError(ValueError):
    """Weights that can't be written or read, or that don't belong together."""


def read_bytes(path: Path, way_out: str = "check its name and place") -> bytes:
    """Return the content of a file.

    Raises
    ------
    WeightsError
        If it can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{path} can't be read ({error.strerror or error}); {way_out}"
        ) from error
