"""Part f: time of a learning step against batch, filters, size of the image, and threads."""

from collections.abc import Mapping

from hebbsim.benchmark.ours import Layer, conv_network, images, stamped
from hebbsim.benchmark.rows import Row, Series, Target
from hebbsim.benchmark.setting import Found, Setting
from hebbsim.benchmark.timing import Contender, interleave

__all__ = ["measure"]

Y_LABEL = "step (ms)"


def measure(setting: Setting) -> Found:
    """Measure one layer of instar learning over each size, the sizes interleaved."""
    sizes = setting.sizes
    filters = sizes.filters[0]
    channels = sizes.image[0]
    batch = sizes.batches[0]
    positions = {side: (side - sizes.kernels[0] + 1) ** 2 for side in sizes.sides}
    series = [
        _series(setting, "batch", {n: (sizes.image, filters, n) for n in sizes.batches}),
        _series(setting, "filters", {n: (sizes.image, n, batch) for n in sizes.numbers}),
        _series(
            setting,
            "positions",
            {positions[n]: ((channels, n, n), filters, batch) for n in sizes.sides},
        ),
    ]
    # over positions it is reported only: a small image's maps stay in cache
    linear = Target(0.9, 1.1, of="ours")
    rows = [
        Row(
            "f",
            f"exponent of a step's time over {found.x_label} {found.x[0]:g} to {found.x[-1]:g}",
            setting.threads,
            "",
            found.exponent,
            target=None if found.name == "positions" else linear,
        )
        for found in series
    ]
    more = _threads(setting)
    return Found(rows + more.rows, series + more.series)


def _series(
    setting: Setting, name: str, layers: Mapping[int, tuple[tuple[int, int, int], int, int]]
) -> Series:
    setting.announce(f"step against {name}")
    kernel = setting.sizes.kernels[0]
    contenders: dict[str, Contender] = {
        str(size): Layer.build(image, filters, kernel, batch=batch, learning="winner").stamped(
            setting.threads
        )
        for size, (image, filters, batch) in layers.items()
    }
    times = interleave(contenders, setting.repeats, setting.sizes.seconds)
    return Series("f", name, name, Y_LABEL, list(layers), [1e3 * t for t in times.values()])


def _threads(setting: Setting) -> Found:
    """Measure the three-layer network with one thread, two, four, ... up to all."""
    setting.announce("step against threads")
    counts = sorted({1, *(2**n for n in range(1, 10) if 2**n < setting.threads), setting.threads})
    contenders: dict[str, Contender] = {}
    for threads in counts:
        network = conv_network(setting.sizes)
        contenders[str(threads)] = stamped(network, images(setting.sizes), threads)
    times = interleave(contenders, setting.repeats, setting.sizes.seconds)
    rows = [
        Row(
            "f",
            f"training step, three layers: {threads} threads against one",
            threads,
            "ms",
            1e3 * times[str(threads)],
            1e3 * times["1"],
            "ours, 1 thread",
            Target(1.7) if threads == 2 else None,
        )
        for threads in counts[1:]
    ]
    series = Series("f", "threads", "threads", Y_LABEL, counts, [1e3 * t for t in times.values()])
    return Found(rows, [series])
