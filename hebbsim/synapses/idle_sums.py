"""A change of the kernel that is summed in each step, and applied by nothing."""

from brian2.groups.group import CodeRunner
from brian2.utils.logger import get_logger

from hebbsim.synapses.kernel import KernelGroup
from hebbsim.synapses.sums import ConnectionSum

__all__ = ["warn_of_idle_sums"]

logger = get_logger("hebbsim.synapses")


def warn_of_idle_sums(kernel: KernelGroup, sums: dict[str, ConnectionSum]) -> None:
    """Warn if nothing that a convolution runs changes its kernel by what it sums to it.

    It may be read all the same, by a monitor or a network operation: that is no error.
    """
    idle = [name for name, found in sums.items() if found.side == "kernel" and found.active]
    changing = [
        runner
        for runner in kernel.contained_objects
        if isinstance(runner, CodeRunner)
        and runner not in sums.values()
        and getattr(runner, "learns", True)  # pathways that only transmit don't
    ]
    if idle and not changing:
        logger.warn(
            f"{kernel.connections.label}: '{idle[0]}' is summed in each step, and nothing applies "
            f"it, so that the kernel stays as it is. To learn, give update='w += 0.01*{idle[0]}' "
            "or the like.",
            "idle_sum",
            once=True,
        )
