"""Functions that sweeps of the tests call, in workers that import this file."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Settings:
    """What `draw` and those below it take."""

    rule: str = "a"
    scale: float = 1.0
    #: Where each call leaves a line
    log: str = ""
    #: Rule, seed and scale of the unit that takes its worker with it
    kill: str = ""
    times: int = 1

    def __post_init__(self):
        if self.scale < 0:
            raise ValueError(f"scale: expected a number from 0 on, got {self.scale}")


def draw(settings: Settings, seed: int, folder: Path):
    """Draw numbers; each call leaves a line in the log, and one is killed before it returns."""
    name = f"{settings.rule}-{seed}-{settings.scale:g}"
    if settings.log:
        with open(settings.log, "a") as log:
            log.write(f"{name}\n")
    numbers = settings.scale * np.random.rand(3)  # noqa: NPY002, which units are seeded for
    if settings.kill == name:
        killed = Path(settings.log + ".killed")
        count = len(killed.read_text()) if killed.exists() else 0
        if count < settings.times:
            killed.write_text("k" * (count + 1))
            os.kill(os.getpid(), signal.SIGKILL)
    (folder / "numbers.txt").write_text(str(numbers.tolist()))
    return {"mean": numbers.mean(), "first": float(numbers[0]), "all": numbers}


def environment(settings, seed, folder):
    """Tell what a worker finds."""
    from brian2 import prefs
    from threadpoolctl import threadpool_info

    from hebbsim.sweeps.build_folder import build_folder

    time.sleep(0.5)  # so that both workers get some
    return {
        "pid": os.getpid(),
        "build": str(build_folder()),
        "cython": prefs["codegen.runtime.cython.cache_dir"],
        "openmp": os.environ.get("OMP_NUM_THREADS"),
        "threads": max((pool["num_threads"] for pool in threadpool_info()), default=1),
    }


def fail(settings, seed, folder):
    """Fail with one seed."""
    if seed == 1:
        raise ValueError("the dog ate it")
    return {"seed": seed}


def returns_none(settings, seed, folder):
    return None


def too_few(settings, seed):
    return {}


def many_numbers(settings, seed, folder):
    return {f"quantity {number}": 0.1123 + number / 10 for number in range(9)}
