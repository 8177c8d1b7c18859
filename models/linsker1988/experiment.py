"""What is run with each seed: the parts of the model, each with its numbers and arrays."""

from collections.abc import Iterator

import numpy as np
from brian2 import Network, defaultclock, seed

from models.common.model import Announce, Results, silent
from models.linsker1988 import analysis, infomax
from models.linsker1988.model import (
    add_lateral,
    averaged_cells,
    gaussian,
    live_layer,
    noise_layers,
    scattered,
)
from models.linsker1988.settings import (
    ETA,
    ETA_G,
    K_G,
    K_NEXT,
    LATERAL,
    RADIUS,
    RADIUS_G,
    RADIUS_LATERAL,
    REGIMES,
    START,
    START_COLUMNS,
    Settings,
)

__all__ = ["NOISE", "run"]

type Part = tuple[dict[str, float], dict[str, np.ndarray]]

#: Regimes in which all weights end at one bound, where a correlation says nothing
SATURATED = ("all excitatory", "all excitatory, k1 = 2", "all of one sign")
#: Reach of a field of layers C to F in `r_B`, and of one in G
REACH, REACH_G = 4, 9
#: Along each side of the torus on which covariances are computed, in `r_B`
TORUS = 48
#: Variances of the input of two cells, and of their noise
VARIANCES = (1.5, 0.5)
NOISE = (0.05, 0.1, 0.2, 0.5, 1.0, 1.4, 1.6, 2.0)


class _Run:
    """Hold what the parts of a run share."""

    def __init__(self, settings: Settings, number: int) -> None:
        self.settings = settings
        self.rng = np.random.default_rng(number)
        self.radius, self.reach = RADIUS * settings.per_radius, REACH * settings.per_radius
        self.size = 2 * self.reach + 1
        self.q_b = analysis.gaussian_covariance(TORUS * settings.per_radius, settings.per_radius)
        self.counts = self.scatter(self.radius, self.reach)
        self.weights = self.start(self.size, self.size)

    def scatter(self, radius: float, reach: int) -> np.ndarray:
        return scattered(self.rng, self.settings.n_synapses, radius, reach)

    def start(self, *shape: int, largest: float = START) -> np.ndarray:
        return self.rng.uniform(-largest, largest, shape)

    def between(self, covariance: np.ndarray) -> np.ndarray:
        return analysis.covariance_between(covariance, self.size)

    def on_layer_b(self, k1: np.ndarray, k2: np.ndarray, steps: int) -> np.ndarray:
        """Let cells of layer C grow by the averaged equation, one for each pair of k's."""
        return averaged_cells(
            self.counts, self.between(self.q_b), k1, k2, self.weights, eta=ETA, steps=steps
        )

    def shown(self, weights: np.ndarray) -> np.ndarray:
        """Return fields with nothing where there are no synapses."""
        return np.where(self.counts > 0, weights, np.nan)


def run(settings: Settings, number: int, announce: Announce = silent) -> Results:
    """
    Run all parts of the model.

    Parameters
    ----------
    settings : Settings
        Sizes.
    number : int
        The seed of synapses, weights and stimuli.
    announce : callable
        Told what is being done.

    Returns
    -------
    Results
        Numbers of `CLAIMS`, and arrays of the figures.
    """
    seed(number)
    numbers: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {}
    for text, part in _parts(settings, number):
        announce(f"seed {number}: {text}")
        found, shown = part()
        numbers |= found
        arrays |= shown
    return Results(numbers, arrays)


def _parts(settings: Settings, number: int) -> Iterator[tuple]:
    this = _Run(settings, number)
    regimes: dict[str, np.ndarray] = {}
    yield "regimes of layer C", lambda: _regimes(this, regimes)
    if settings.plane_k1:
        yield "plane of k1 and k2", lambda: _plane(this)
    yield "eigenvalues", lambda: _eigenvalues(this)
    covariances: dict[str, np.ndarray] = {}
    yield "layers C to F", lambda: _layers(this, covariances)
    yield "orientation in layer G", lambda: _oriented(this, covariances["F"])
    yield "live, shared kernels", lambda: _live(this, regimes, shared=True)
    if settings.local_size:
        yield "live, local kernels", lambda: _live(this, regimes, shared=False)
    if settings.chain:
        yield "live layers C to F", lambda: _chain(this)
    if settings.columns:
        yield "orientation columns", lambda: _columns(this, covariances["F"])
    yield "information of two cells", lambda: _information(this)
    yield "Oja's cell", lambda: _reconstruction(this, number)


# --- averaged ---------------------------------------------------------------------------------


def _regimes(this: _Run, kept: dict[str, np.ndarray]) -> Part:
    k1, k2 = np.array([*REGIMES.values()]).T
    found = this.on_layer_b(k1, k2, this.settings.steps)
    kept |= dict(zip(REGIMES, found, strict=True))
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


def _plane(this: _Run) -> Part:
    k2, k1 = (grid.ravel() for grid in np.meshgrid(*_axes(this.settings), indexing="ij"))
    fields = this.shown(this.on_layer_b(k1, k2, this.settings.steps // 2))
    return {}, {"plane": fields.reshape(*map(len, _axes(this.settings)), *fields.shape[1:])}


def _axes(settings: Settings) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return settings.plane_k2[::-1], settings.plane_k1


def _eigenvalues(this: _Run) -> Part:
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


def _layers(this: _Run, kept: dict[str, np.ndarray]) -> Part:
    """Let layers C to F grow, each on the covariance of the one below."""
    cells, covariance, lowest = this.settings.cells, this.q_b, []
    kept["B"] = covariance
    for layer, (k1, k2) in zip("CDEF", _k_of_layers(), strict=True):
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


def _k_of_layers() -> list[tuple[float, float]]:
    return [REGIMES["on-centre"], *[K_NEXT] * 3]


def _oriented(this: _Run, q_f: np.ndarray) -> Part:
    """Let cells of layer G grow, on the covariance of F and, to compare, of B."""
    cells, size = this.settings.oriented, 2 * REACH_G + 1
    counts = np.stack([this.scatter(RADIUS_G, REACH_G) for _ in range(cells)])
    start = this.start(cells, size, size)
    tuning, fields = {"start": _tuning(counts, start)}, {}
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
        tuning[name] = _tuning(counts, fields[name])
    numbers = {}
    for name, found in tuning.items():
        numbers[f"G on {name}: selectivity"] = np.median(found[:, 0])
        numbers[f"G on {name}: response"] = np.median(found[:, 2])
    shown = np.where(counts > 0, fields["F"], np.nan)
    return numbers, {"oriented": shown, "tuning": np.stack(list(tuning.values()))}


def _tuning(counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return selectivity, preferred orientation and response of each cell, `(cells, 3)`."""
    return np.array([analysis.orientation_tuning(field) for field in counts * weights])


# --- live -------------------------------------------------------------------------------------


def _live(this: _Run, averaged: dict[str, np.ndarray], *, shared: bool) -> Part:
    """Let all regimes of layer C grow on stimuli, and compare with the averaged equation."""
    s = this.settings
    size = s.live_size if shared else s.local_size + this.size - 1
    kernel = gaussian(s.per_radius, 3 * s.per_radius)
    below = noise_layers(size, s.live_batch if shared else s.local_batch, kernel)
    k1, k2 = zip(*REGIMES.values(), strict=True)
    layer = live_layer(below[1], "C", this.counts, k1, k2, this.weights, eta=ETA, shared=shared)
    Network(below, layer).run(
        (s.steps_live if shared else s.steps_local) * defaultclock.dt, namespace={}
    )
    # of one cell that grew alone, or of all
    grown = np.asarray(layer[1].get_kernel("w")).reshape(-1, len(REGIMES), this.size, this.size)
    agreement, differences = [], []
    for fields in grown:
        for (name, expected), field in zip(averaged.items(), fields, strict=True):
            if name in SATURATED:
                differences.append(np.abs(field - expected)[this.counts > 0].mean())
            else:
                agreement.append(analysis.correlation(field, expected, this.counts))
    kind = "shared" if shared else "local"
    numbers = {
        f"live, {kind}: least correlation": min(agreement),
        f"live, {kind}: largest difference": max(differences),
    }
    return numbers, {f"live {kind}": this.shown(grown[0])}


def _chain(this: _Run) -> Part:
    """Let layers C to F learn in one network, one after the other, and compare each."""
    s = this.settings
    size = 2 * s.live_size
    noise, below, joined = noise_layers(
        size, s.live_batch, gaussian(s.per_radius, 3 * s.per_radius)
    )
    network = Network(noise, below, joined)
    covariance = analysis.gaussian_covariance(size, s.per_radius)
    numbers = {}
    for name, (k1, k2) in zip("CDEF", _k_of_layers(), strict=True):
        start = this.start(this.size, this.size)
        below, conv, statistics = live_layer(below, name, this.counts, [k1], [k2], start, eta=ETA)
        network.add(below, conv, statistics)
        network.run(s.steps_layers * defaultclock.dt, namespace={})
        conv.learning = False
        expected = averaged_cells(
            this.counts, this.between(covariance), [k1], [k2], start, eta=ETA, steps=s.steps_layers
        )[0]
        field = np.asarray(conv.get_kernel("w"))[0, 0]
        numbers[f"live, layer {name}: correlation"] = analysis.correlation(
            field, expected, this.counts
        )
        covariance = analysis.next_covariance(covariance, this.counts * field)
    return numbers, {}


def _columns(this: _Run, q_f: np.ndarray) -> Part:
    """Let a map of cells in G grow, each on its own, with lateral excitation and without."""
    s, size = this.settings, 2 * REACH_G + 1
    shape = (s.columns, s.columns, 1, 1, size, size)
    counts = np.stack([this.scatter(RADIUS_G, REACH_G) for _ in range(s.columns**2)]).reshape(shape)
    start = this.start(*shape, largest=START_COLUMNS)
    kernel = analysis.filter_of(q_f[:: s.per_radius, :: s.per_radius], REACH_G - 1)
    numbers: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, lateral in (("with", LATERAL), ("without", 0)):
        below = noise_layers(s.columns + size - 1, s.columns_batch, kernel)
        k1, k2 = K_G
        layer = live_layer(
            below[1], "G", counts, [k1], [k2], start, eta=ETA_G, shared=False, drive="drive"
        )
        sideways = add_lateral(layer[0], lateral, RADIUS_LATERAL)
        Network(below, layer, sideways).run(s.steps_columns * defaultclock.dt, namespace={})
        weights = np.asarray(layer[1].get_kernel("w"))
        tuning = _tuning(counts.reshape(-1, size, size), weights.reshape(-1, size, size))
        angles = tuning[:, 1].reshape(s.columns, s.columns)
        alike = analysis.similarity(angles, s.columns // 2)
        numbers |= {
            f"columns {name}: similarity of neighbours": alike[0],
            f"columns {name}: length": alike.clip(0).sum(),
            f"columns {name}: selectivity": np.median(tuning[:, 0]),
        }
        arrays |= {f"angles {name}": angles, f"similarity {name}": alike}
    return numbers, arrays


# --- information ------------------------------------------------------------------------------


def _information(this: _Run) -> Part:
    l1, l2 = VARIANCES
    noise = np.array(NOISE)
    angles, rate = infomax.best_angles(NOISE, l1, l2, this.rng)
    expected = infomax.predicted_share(noise, l1, l2)
    found = np.sin(angles) ** 2
    a, b = np.meshgrid(*[np.linspace(0, np.pi, 361)] * 2)
    tried = np.array([infomax.information(a, b, level, l1, l2).max() for level in NOISE])
    above = noise >= infomax.critical_noise(l1, l2)
    q12 = l1 * np.cos(angles).prod(axis=1) + l2 * np.sin(angles).prod(axis=1)
    alike = q12 / np.sqrt(l1 - (l1 - l2) * found).prod(axis=1)
    numbers = {
        "information: deviation of sin^2": np.abs(found - expected[:, None]).max(),
        "information: short of the best": (tried - rate).max(),
        "information: critical noise": infomax.critical_noise(l1, l2),
        "information: redundancy above it": np.abs(alike[above]).min(),
        "information: redundancy far below": np.abs(alike[0]),
    }
    return numbers, {"sin2": found, "rate": rate}


def _reconstruction(this: _Run, number: int) -> Part:
    """Let Oja's cell learn stimuli of known covariance."""
    stimuli = this.rng.normal(size=(200, 10)) * np.sqrt([5, 3, 2, 1.5, 1, 0.8, 0.6, 0.5, 0.4, 0.3])
    covariance = stimuli.T @ stimuli / len(stimuli)
    w = infomax.oja_cell(stimuli, eta=0.05, steps=2000, start=number)
    least = np.trace(covariance) - np.linalg.eigvalsh(covariance)[-1]
    excess = infomax.reconstruction_error(covariance, w) / least - 1
    return {"Oja: excess error": excess, "Oja: norm": float(np.linalg.norm(w))}, {}
