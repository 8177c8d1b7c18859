"""Part e: peak memory of a process in which a layer learns, against the number of synapses."""

from hebbsim.benchmark.rows import Row, Series, Target
from hebbsim.benchmark.setting import Found, Setting
from hebbsim.benchmark.worker import ask

__all__ = ["measure"]

X_LABEL, Y_LABEL = "synapses", "peak memory (MB)"


def measure(setting: Setting) -> Found:
    """Learn with growing kernels, ours and explicit, in a process for each."""
    sizes = setting.sizes
    ours = [_ask(setting, kernel, explicit=False) for kernel in sizes.memory_kernels]
    explicit = [_ask(setting, kernel, explicit=True) for kernel in sizes.explicit_kernels]
    rows = []
    for found in ours:
        last = found is ours[-1]
        what = f"memory, {found['synapses']:,} virtual synapses, {found['weights']:,} weights"
        # that of the process: interpreter and libraries are part of it
        target = Target(high=500, of="ours") if last else None
        rows.append(Row("e", what, setting.threads, "MB", found["megabytes"], target=target))
    for found in explicit:
        what = f"memory, {found['synapses']:,} synapses with a weight each"
        nothing = float("nan")
        rows.append(Row("e", what, 1, "MB", nothing, found["megabytes"], "Synapses, a weight each"))
    series = [
        Series(
            "e",
            name,
            X_LABEL,
            Y_LABEL,
            [f["synapses"] for f in points],
            [f["megabytes"] for f in points],
        )
        for name, points in (("ConvSynapses", ours), ("Synapses", explicit))
    ]
    return Found(rows, series)


def _ask(setting: Setting, kernel: int, *, explicit: bool) -> dict[str, float]:
    sizes = setting.sizes
    name = "explicit" if explicit else "ours"
    setting.announce(f"memory, {name}, kernel of {kernel}x{kernel}")
    found = ask(
        "memory",
        image=sizes.memory_image,
        filters=sizes.memory_filters,
        kernel=kernel,
        threads=setting.threads,
        explicit=explicit,
    )
    if not found["learned"]:
        raise RuntimeError(f"benchmark, memory: the kernel of {kernel}x{kernel} has not changed")
    return found
