"""What has to be measured in a process of its own: start-up and peak memory."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

__all__ = ["ask"]

# The clock starts before anything is imported
_PROGRAM = """from time import perf_counter
begun = perf_counter()
from hebbsim.benchmark.worker import main
main(perf_counter() - begun)"""


def ask(task: str, environment: Mapping[str, str] | None = None, **options: Any) -> dict[str, Any]:
    """
    Run a task in a new interpreter.

    Parameters
    ----------
    task : {'start', 'memory'}
        See the functions of this module.
    environment : mapping of str to str, optional
        Added to this process's.
    **options
        Plain values.

    Returns
    -------
    dict
        What the task found.

    Raises
    ------
    RuntimeError
        With the last line of its errors, if it fails.
    """
    command = [sys.executable, "-c", _PROGRAM, task, json.dumps(options)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **(environment or {})}
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise RuntimeError(f"benchmark, {task}: {lines[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def start(sizes: Mapping[str, Any], threads: int, cython_cache: str) -> dict[str, float]:
    """Time imports, and from building a network to the end of its first step, for two seeds.

    The three-layer network of `sizes`, in seconds.
    """
    import numpy as np
    from brian2 import prefs

    from hebbsim.benchmark.ours import conv_network, images, steps
    from hebbsim.benchmark.sizes import Sizes

    _choose(threads)
    prefs["codegen.runtime.cython.cache_dir"] = cython_cache
    chosen = Sizes(**sizes)
    batch = images(chosen)
    stamps = [perf_counter()]
    for seed in (0, 1):
        steps(conv_network(chosen, seed=seed), batch, 1)
        stamps.append(perf_counter())
    first, second = np.diff(stamps)
    return {"first": float(first), "second": float(second)}


def memory(
    image: list[int], filters: int, kernel: int, threads: int, explicit: bool
) -> dict[str, float]:
    """Learn by Oja's rule for three steps; give synapses, weights and peak memory in MB."""
    import numpy as np
    from brian2 import defaultclock

    _choose(threads)
    from hebbsim.benchmark.ours import Layer
    from hebbsim.benchmark.synapses import unshared

    channels, rows, cols = image
    layer = Layer.build(
        (channels, rows, cols), filters, kernel, padding=kernel // 2, learning="linear", rate=1e-6
    )
    synapses = unshared(layer, "post") if explicit else None
    before = np.array((synapses or layer.conv).w)
    layer.network(synapses).run(3 * defaultclock.dt, namespace={})
    learned = np.asarray((synapses or layer.conv).w) != before
    return {
        "synapses": layer.conv.geometry.n_connections,
        "weights": len(learned),
        "learned": bool(learned.any()),
        "megabytes": _peak_memory(),
    }


def _choose(threads: int) -> None:
    import numpy as np
    from brian2 import prefs

    from hebbsim.experiments.preferences import THREADS

    prefs[THREADS] = threads
    prefs["core.default_float_dtype"] = np.float32


def _peak_memory() -> float:
    """Return the peak of this process's resident memory, in MB of 10**6 bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage counts what a parent had when it started this process
        (line,) = (text for text in status.read_text().splitlines() if text.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def main(imports: float) -> None:
    """Do the task that the command line names; add the `imports`' seconds to what it found."""
    task = start if sys.argv[1] == "start" else memory
    found = task(**json.loads(sys.argv[2]))
    print(json.dumps({**found, "imports": imports}))
