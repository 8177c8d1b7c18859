"""The parts of a run that are averaged over stimuli, each with its numbers and arrays."""

import numpy as np

from models.linsker1988 import analysis
from models.linsker1988.model import averaged_cells
from models.linsker1988.settings import ETA, ETA_G, K_G, RADIUS_G, REGIMES, Settings
from models.linsker1988.stage import REACH_G, Part, Stage, k_of_layers, tuning_of

__all__ = ["eigenvalues", "layers", "oriented", "plane", "regimes"]


def regimes(this: Stage) -> Part:
    """Let a cell of layer C grow in each regime."""
    found = this.in_all_regimes(this.settings.steps)
    kept = dict(zip(REGIMES, found, strict=True))
    profiles = {name: analysis.radial_profile(w, this.counts) for name, w in kept.items()}
    means = {name: (this.counts * w).sum() / this.counts.sum() for name, w in kept.items()}
    numbers = {
        "on: centre": profiles["on-centre"][0],
        "on: surround": profiles["on-centre"][-1],
        "off: centre": profiles["off-centre"][0],
        "off: surround": profiles["off-centre"][-1],
        "on: mean weight": means["on-centre"],
        "off: mean weight": means["off-centre"],
        "bi-lobed: dipole": analysis.dipole(kept["bi-lobed"], this.counts),
        "on: dipole": analysis.dipole(kept["on-centre"], this.counts),
        "excitatory: mean weight": means["all excitatory"],
        "one sign: mean weight": abs(means["all of one sign"]),
    }
    return numbers, {"regimes": this.shown(found)}


def plane(this: Stage) -> Part:
    """Let a cell of layer C grow at each pair of k's."""
    k2, k1 = (grid.ravel() for grid in np.meshgrid(*_axes(this.settings), indexing="ij"))
    fields = this.shown(this.on_layer_b(k1, k2, this.settings.steps // 2))
    return {}, {"plane": fields.reshape(*map(len, _axes(this.settings)), *fields.shape[1:])}


def _axes(settings: Settings) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return settings.plane_k2[::-1], settings.plane_k1


def eigenvalues(this: Stage) -> Part:
    """Compare the modes of the synapses where they are with those of synapses without number."""
    exact = {k2: _modes(analysis.continuum_eigenvalues(k2, 4), k2) for k2 in (0, -3)}
    q = this.between(this.q_b)
    found = {k2: _modes(analysis.sampled_eigenvalues(this.counts, q, k2, 4), k2) for k2 in exact}
    numbers = {
        f"eigenvalue, k2 = {k2}: {name}": value
        for k2, modes in exact.items()
        for name, value in modes.items()
    }
    off = [abs(found[k2][name] / v - 1) for k2, modes in exact.items() for name, v in modes.items()]
    return numbers | {"eigenvalues: deviation of sampled": max(off)}, {}


def _modes(values: np.ndarray, k2: float) -> dict[str, float]:
    """Name eigenvalues; where synapses lie, by chance, splits the two bi-lobed modes a little."""
    if k2 == 0:
        return {"all of one sign": values[0], "bi-lobed": values[1:3].mean()}
    return {"bi-lobed": values[:2].mean(), "centre-surround": values[2]}


def layers(this: Stage, kept: dict[str, np.ndarray]) -> Part:
    """Let layers C to F grow, each on the covariance of the one below."""
    cells, covariance, lowest = this.settings.cells, this.q_b, []
    kept["B"] = covariance
    for layer, (k1, k2) in zip("CDEF", k_of_layers(), strict=True):
        counts = np.stack([this.scatter(this.radius, this.reach) for _ in range(cells)])
        weights = averaged_cells(
            counts,
            this.between(covariance),
            [k1] * cells,
            [k2] * cells,
            this.start(cells, this.size, this.size),
            eta=ETA,
            steps=this.settings.steps_layers,
        )
        # its mirror images are as likely as a cell
        field = analysis.symmetric((counts * weights).mean(axis=0))
        covariance = analysis.next_covariance(covariance, field)
        kept[layer] = covariance
        lowest.append(covariance.min())
    numbers = {f"layer {name}: least covariance": q for name, q in zip("CDEF", lowest, strict=True)}
    numbers["layers: least deepening"] = -np.diff(lowest).max()
    sections = np.stack([q[0, : len(q) // 4] for q in kept.values()])
    return numbers, {"covariances": sections}


def oriented(this: Stage, q_f: np.ndarray) -> Part:
    """Let cells of layer G grow, on the covariance of F and, to compare, of B."""
    cells, size = this.settings.oriented, 2 * REACH_G + 1
    counts = np.stack([this.scatter(RADIUS_G, REACH_G) for _ in range(cells)])
    start = this.start(cells, size, size)
    tuning, fields = {"start": tuning_of(counts, start)}, {}
    for name, covariance in (("F", q_f), ("B", this.q_b)):
        fields[name] = averaged_cells(
            counts,
            analysis.covariance_between(covariance, size, this.settings.per_radius),
            [K_G[0]] * cells,
            [K_G[1]] * cells,
            start,
            eta=ETA_G,
            steps=this.settings.steps_oriented,
        )
        tuning[name] = tuning_of(counts, fields[name])
    numbers = {}
    for name, found in tuning.items():
        numbers[f"G on {name}: selectivity"] = np.median(found[:, 0])
        numbers[f"G on {name}: response"] = np.median(found[:, 2])
    shown = np.where(counts > 0, fields["F"], np.nan)
    return numbers, {"oriented": shown, "tuning": np.stack(list(tuning.values()))}
