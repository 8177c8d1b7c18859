"""What passes between torch's modules."""

from dataclasses import dataclass

from hebbsim.geometry import MapShape

__all__ = ["FLAT", "MAPS", "VECTORS", "Signal"]

#: The forms in which a signal passes: images, their values in a row, and one value a channel
MAPS, FLAT, VECTORS = "maps", "flattened maps", "vectors"


@dataclass(frozen=True)
class Signal:
    """What comes into a module."""

    shape: MapShape
    #: The forms in which it may pass
    layouts: frozenset[str]
