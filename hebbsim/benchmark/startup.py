"""Part g: what comes before the first step, from a cold cache and from a warm one."""

import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from hebbsim.benchmark.rows import Row, Target
from hebbsim.benchmark.setting import Found, Setting
from hebbsim.benchmark.worker import ask

__all__ = ["measure"]


def measure(setting: Setting) -> Found:
    """Start the three-layer network: once with empty caches, then with what that left there."""
    setting.announce("start-up from a cold cache")
    with tempfile.TemporaryDirectory() as folder:
        cold = _start(setting, folder)
        warm = []
        for _ in range(setting.repeats):
            setting.announce("start-up from a warm cache")
            warm.append(_start(setting, folder))
    rows = [
        ("cold cache to the first step", cold["first"], Target(high=40, of="ours")),
        ("warm cache to the first step", _median(warm, "first"), Target(high=3, of="ours")),
        ("second seed to its first step", _median(warm, "second"), Target(high=1, of="ours")),
        ("imports of brian2 and hebbsim", _median(warm, "imports"), None),
    ]
    return Found(
        [
            Row(
                "g",
                f"three layers: {what}" if target else what,
                setting.threads,
                "s",
                seconds,
                target=target,
            )
            for what, seconds, target in rows
        ],
        [],
    )


def _start(setting: Setting, folder: str) -> dict[str, float]:
    return ask(
        "start",
        {"XDG_CACHE_HOME": folder},
        sizes=asdict(setting.sizes),
        threads=setting.threads,
        cython_cache=str(Path(folder, "cython")),
    )


def _median(found: list[dict[str, float]], name: str) -> float:
    return float(np.median([times[name] for times in found]))
