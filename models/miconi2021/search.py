"""
Beyond the paper: variants of the same three layers, to be compared on validation images.

``python -m models.miconi2021 --conditions search --validation 5000`` trains each of them on the
other training images and scores it on the last 5000; ``--quick`` does so at the reduced size. Each
variant changes one thing of the published network with its triangle output and its pruning, with
rules, competitions and outputs that the library has. The test split plays no part in it.
"""

from typing import Any

from models.miconi2021.model import RATES

__all__ = ["SEARCH"]


def _scaled(factor: float) -> tuple[float, ...]:
    return tuple(factor * rate for rate in RATES)


#: What each variant changes; the pruning is that of the settings where it isn't named
SEARCH: dict[str, dict[str, Any]] = {
    "published": {},
    "prune-0": {"prune": 0.0},
    "prune-0.5": {"prune": 0.5},
    "prune-0.8": {"prune": 0.8},
    "prune-0.9": {"prune": 0.9},
    "prune-0.98": {"prune": 0.98},
    "rule-hebb": {"rule": "hebb"},
    "rule-covariance": {"rule": "covariance"},
    "activity-graded": {"activity": "graded"},
    "activity-softmax-1": {"activity": "softmax"},
    "activity-softmax-0.3": {"activity": "softmax", "temperature": 0.3},
    "winners-3": {"k": 3},
    "winners-10": {"k": 10},
    "output-rectified": {"output": "rectified"},
    "pooling-max": {"pooling": "max"},
    "rates-0.3": {"rates": _scaled(0.3)},
    "rates-3": {"rates": _scaled(3)},
    "rates-10": {"rates": _scaled(10)},
    "threshold-step-0.3": {"threshold_step": 0.3},
    "threshold-step-1": {"threshold_step": 1.0},
    "threshold-step-10": {"threshold_step": 10.0},
    "no-thresholds": {"threshold_step": 0.0},
    # what did best of each kind at the reduced size, together
    "graded-prune-0": {"activity": "graded", "prune": 0.0},
    "graded-prune-0.98": {"activity": "graded", "prune": 0.98},
    "graded-prune-0.98-rates-0.3": {"activity": "graded", "prune": 0.98, "rates": _scaled(0.3)},
}
