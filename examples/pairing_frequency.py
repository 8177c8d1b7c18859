"""Weight change against pairing frequency: triplet STDP follows the experiment, pair STDP cannot.

Sjostrom, Turrigiano and Nelson (2001, Neuron 32:1149) paired pre- and postsynaptic spikes 60 times
at rates from 0.1 to 50 Hz: what depresses at low rates potentiates at high ones. Each rule runs
the whole protocol on hebbsim's layers, a channel for each condition. The triplet rules have their
published parameters (Pfister and Gerstner 2006, J Neurosci 26:9673); the pair rule gets the
amplitudes that fit best, a linear problem.

The measured values are not part of the project. Give the folder with `stdp/sjostrom2001_freq.csv`
(columns rho_hz, delta_t_ms, dw, sem) by --data-root or HEBBSIM_DATA_ROOT; without it the models are
drawn alone, the pair rule fitted to the full triplet rule.

    python examples/pairing_frequency.py [--data-root FOLDER] [--output FILE]
"""

import argparse
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from brian2 import Hz, Network, defaultclock, ms, second
from rich.console import Console
from rich.table import Table

from hebbsim import ConvSynapses, FeatureMap, rules

RATES = (0.1, 10, 20, 40, 50)
LAGS = (10, -10)
CONDITIONS = [(rate, lag) for lag in LAGS for rate in RATES]
PAIRINGS = 60
FILE = Path("stdp") / "sjostrom2001_freq.csv"
FIGURE = Path(__file__).parent / "figures" / "pairing_frequency.png"

TRIPLETS = {
    f"triplet, {pairing}, {'minimal' if minimal else 'full'}": rules.TripletSTDP.visual_cortex(
        pairing, minimal
    )
    for pairing in ("all", "nearest")
    for minimal in (False, True)
}
TAUS = {"tau_plus": 16.8 * ms, "tau_minus": 33.7 * ms}
# a pair rule keeps w in [0, 1]; changes this small are far from both, and are scaled back
SMALL = 1e-3
SPIKES = "t > first - dt/2 and t < first + 59.5*period and (t - first + dt/2) % period < dt"


def feature_maps(rule: rules.Rule, conditions: list[tuple[float, float]]) -> list[FeatureMap]:
    """Return the pre- and the postsynaptic map, a channel for each ``(rate, lag)``."""
    rates, lags = np.array(conditions).T
    maps = []
    for model, reset, late in (
        (rule.pre_model, rule.pre_reset, -lags),
        (rule.post_model, rule.post_reset, lags),
    ):
        group = FeatureMap(
            (len(conditions), 1, 1),
            f"{model}\nfirst : second\nperiod : second",
            threshold=SPIKES,
            reset=reset,
            method="exact",
        )
        group.first = (10 + np.maximum(late, 0)) * ms
        group.period = 1 / (rates * Hz)
        maps.append(group)
    return maps


def changes(rule_sets: list[list[rules.Rule]]) -> np.ndarray:
    """Return the change of each rule, ``(rules, conditions)``; a set of rules shares its traces.

    Every spike time is a multiple of 5 ms and traces decay exactly, so that this time step is
    exact; at 0.1 Hz, with 600 s to simulate, all are multiples of 10 ms.
    """
    found = np.full((sum(map(len, rule_sets)), len(CONDITIONS)), np.nan)
    for slow, step in ((True, 10 * ms), (False, 5 * ms)):
        defaultclock.dt = step
        chosen = [n for n, (rate, _) in enumerate(CONDITIONS) if (rate < 1) == slow]
        conditions = [CONDITIONS[n] for n in chosen]
        network, joined = Network(), []
        for rule_set in rule_sets:
            maps = feature_maps(rule_set[0], conditions)
            network.add(maps)
            for rule in rule_set:
                conv = ConvSynapses(*maps, rule=rule, kernel_size=1, groups=len(conditions))
                conv.w = 0.5
                network.add(conv)
                joined.append(conv)
        network.run(PAIRINGS / min(rate for rate, _ in conditions) * second + 50 * ms)
        found[:, chosen] = [conv.get_kernel("w")[:, 0, 0, 0] - 0.5 for conv in joined]
    return found


def read_data(root: str | None) -> np.ndarray | None:
    """Return ``(dw, sem)`` of each condition, or None if there is no data."""
    if not root:
        return None
    path = Path(root) / FILE
    if not path.is_file():
        raise SystemExit(f"expected the measured values in {path}; there is no such file")
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    table = np.genfromtxt(lines, delimiter=",", names=True)
    points = {(row["rho_hz"], row["delta_t_ms"]): (row["dw"], row["sem"]) for row in table}
    missing = [condition for condition in CONDITIONS if condition not in points]
    if missing:
        raise SystemExit(f"{path}: no value for (rate in Hz, lag in ms) = {missing[0]}")
    return np.array([points[condition] for condition in CONDITIONS]).T


def simulate() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the change under each triplet rule, and that per amplitude under the pair rules."""
    pairs = {
        f"pair, {pairing}": [
            rules.PairSTDP(A_plus=SMALL, A_minus=0, pairing=pairing, **TAUS),
            rules.PairSTDP(A_plus=0, A_minus=SMALL, pairing=pairing, **TAUS),
        ]
        for pairing in ("all", "nearest")
    }
    found = changes([[rule] for rule in TRIPLETS.values()] + list(pairs.values()))
    per_amplitude = found[len(TRIPLETS) :].reshape(len(pairs), 2, -1) / SMALL
    return (
        dict(zip(TRIPLETS, found, strict=False)),
        dict(zip(pairs, per_amplitude, strict=True)),
    )


def fit(per_amplitude: np.ndarray, wanted: np.ndarray, sem: np.ndarray) -> np.ndarray:
    """Return the amplitudes with the least weighted squares: the change is linear in them."""
    return np.linalg.lstsq((per_amplitude / sem).T, wanted / sem, rcond=None)[0]


def error(change: np.ndarray, data: np.ndarray) -> float:
    """Return E: the mean squared distance to the data in units of their standard error."""
    return float(np.mean(((change - data[0]) / data[1]) ** 2))


def show(models: dict[str, np.ndarray], data: np.ndarray | None) -> None:
    """Print every point of every model, whether it lies within one SEM, and E."""
    table = Table("Hz", "lag/ms", *([] if data is None else ["data"]), *models)
    for n, (rate, lag) in enumerate(CONDITIONS):
        row = [f"{rate:g}", f"{lag:+d}"]
        if data is not None:
            row.append(f"{data[0, n]:+.2f}±{data[1, n]:.2f}")
        for change in models.values():
            inside = data is not None and abs(change[n] - data[0, n]) <= data[1, n]
            verdict = "" if data is None else " yes" if inside else " no"
            row.append(f"{change[n]:+.3f}{verdict}")
        table.add_row(*row, end_section=n % len(RATES) == len(RATES) - 1)
    if data is not None:
        outside = [int((np.abs(change - data[0]) > data[1]).sum()) for change in models.values()]
        table.add_row("E", "", "", *(f"{error(c, data):.3f}" for c in models.values()))
        table.add_row("outside", "1 SEM", "", *(f"{n} of {len(CONDITIONS)}" for n in outside))
    Console(width=150).print(table)


def draw(models: dict[str, np.ndarray], data: np.ndarray | None, path: Path) -> None:
    """Draw the full triplet rules and the best pair rule, over the data."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
    styles = (
        {"color": "#0072B2"},
        {"color": "#009E73", "ls": "-."},
        {"color": "#D55E00", "ls": "--"},
    )
    for axis, lag in zip(axes, LAGS, strict=True):
        here = [n for n, condition in enumerate(CONDITIONS) if condition[1] == lag]
        for (name, change), style in zip(models.items(), styles, strict=True):
            axis.plot(RATES, change[here], label=name, **style)
        if data is not None:
            axis.errorbar(
                RATES, *data[:, here], fmt="o", color="black", capsize=3, label="data ± SEM"
            )
        axis.axhline(0, color="#767676", linewidth=0.6)
        first = "before" if lag > 0 else "after"
        axis.set_title(f"pre 10 ms {first} post", loc="left")
        axis.set_xlabel("pairing frequency (Hz)")
    axes[0].set_ylabel("relative change of the weight")
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=150)
    print("figure:", path)


def main() -> None:
    """Simulate, fit the pair rule, print and draw."""
    parser = argparse.ArgumentParser(description="Weight change against pairing frequency.")
    parser.add_argument("--data-root", default=os.environ.get("HEBBSIM_DATA_ROOT"))
    parser.add_argument("--output", type=Path, default=FIGURE)
    options = parser.parse_args()
    data = read_data(options.data_root)
    models, pairs = simulate()
    full = models["triplet, all, full"]
    aim, sem = (full, np.ones(len(full))) if data is None else data
    fits = {}
    for name, per_amplitude in pairs.items():
        amplitudes = fit(per_amplitude, aim, sem)
        models[name] = amplitudes @ per_amplitude
        fits[name] = float(np.sum(((models[name] - aim) / sem) ** 2))
        print("{}: fitted A_plus = {:.2e}, A_minus = {:.2e}".format(name, *amplitudes))
    show(models, data)
    if data is None:
        print(
            f"no data: give the folder that holds {FILE} by --data-root or HEBBSIM_DATA_ROOT to "
            "compare with the experiment; the pair rules were fitted to the full triplet rule"
        )
    best = min(fits, key=fits.__getitem__)
    drawn = ("triplet, all, full", "triplet, nearest, full", best)
    draw({name: models[name] for name in drawn}, data, options.output)


if __name__ == "__main__":
    main()
