"""How large what is measured is."""

from dataclasses import dataclass

__all__ = ["FULL", "QUICK", "Sizes", "SpikingSize"]


@dataclass(frozen=True)
class SpikingSize:
    """
    Hold the size of a spiking layer.

    Parameters
    ----------
    maps, batch : int
        Filters, and samples side by side.
    rate : float
        Which part of the output neurons spikes in a step.
    image : tuple of int
        ``(channels, rows, cols)`` of the input.
    """

    maps: int
    batch: int
    rate: float
    image: tuple[int, int, int] = (1, 28, 28)


_SPIKING = tuple(
    SpikingSize(maps, batch, rate)
    for maps in (32, 64)
    for batch in (1, 16)
    for rate in (0.01, 0.03, 0.1)
)


@dataclass(frozen=True)
class Sizes:
    """
    Hold the sizes of all parts.

    Parameters
    ----------
    image : tuple of int
        ``(channels, rows, cols)`` of the three-layer network's input.
    filters, kernels : tuple of int
        Of its layers; each is followed by pooling of 2x2.
    batch : int
        Samples side by side.
    digit : tuple of int
        ``(channels, rows, cols)`` of the input of the single layer.
    digit_batches : tuple of int
        Samples side by side in it.
    maps, kernel : int
        Filters of the single layer, and their size.
    standalone_steps : int
        Time steps of a standalone program.
    seconds : float
        What a repetition takes about.
    batches, numbers, sides : tuple of int
        Batch sizes, numbers of filters, and sides of the image to scale over.
    memory_image : tuple of int
        ``(channels, rows, cols)`` of the input, for memory.
    memory_filters : int
        Filters, for memory.
    memory_kernels, explicit_kernels : tuple of int
        Sizes of kernels, ours and those of explicit synapses.
    spiking : tuple of SpikingSize
        The spiking layers.
    compiled : bool
        Whether torch compiles what spiking layers are compared with.
    """

    image: tuple[int, int, int] = (3, 32, 32)
    filters: tuple[int, ...] = (100, 196, 400)
    kernels: tuple[int, ...] = (5, 3, 3)
    batch: int = 100
    digit: tuple[int, int, int] = (1, 28, 28)
    digit_batches: tuple[int, ...] = (1, 10)
    maps: int = 32
    kernel: int = 5
    standalone_steps: int = 1000
    seconds: float = 0.3
    batches: tuple[int, ...] = (25, 50, 100, 200)
    numbers: tuple[int, ...] = (64, 128, 256, 512)
    sides: tuple[int, ...] = (16, 24, 32, 48, 64)
    memory_image: tuple[int, int, int] = (3, 64, 64)
    memory_filters: int = 64
    memory_kernels: tuple[int, ...] = (3, 5, 9, 13)
    explicit_kernels: tuple[int, ...] = (1, 2, 3)
    spiking: tuple[SpikingSize, ...] = _SPIKING
    compiled: bool = True


FULL = Sizes()
#: A look at whether everything works; the targets mean nothing here
QUICK = Sizes(
    image=(3, 22, 22),
    filters=(8, 8, 8),
    kernels=(3, 3, 3),
    batch=3,
    digit=(1, 9, 9),
    digit_batches=(1, 2),
    maps=4,
    kernel=3,
    standalone_steps=5,
    seconds=0.001,
    batches=(2, 4),
    numbers=(8, 16),  # and the size above, so that a layer is compiled once
    sides=(12, 22),
    memory_image=(3, 8, 8),
    memory_filters=4,
    memory_kernels=(1, 3),
    explicit_kernels=(1, 3),
    spiking=(SpikingSize(4, 2, 0.1, (2, 9, 9)),),
    compiled=False,
)
