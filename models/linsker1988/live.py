"""The parts of a run that learn from stimuli, each with its numbers and arrays."""

import numpy as np
from brian2 import Network, defaultclock

from models.linsker1988 import analysis
from models.linsker1988.model import (
    add_lateral,
    averaged_cells,
    gaussian,
    live_layer,
    noise_layers,
)
from models.linsker1988.settings import (
    ETA,
    ETA_G,
    K_G,
    LATERAL,
    RADIUS_G,
    RADIUS_LATERAL,
    REGIMES,
    START_COLUMNS,
)
from models.linsker1988.stage import REACH_G, Part, Stage, k_of_layers, tuning_of

__all__ = ["against_average", "chain", "columns"]

#: Regimes in which all weights end at one bound, where a correlation says nothing
SATURATED = ("all excitatory", "all excitatory, k1 = 2", "all of one sign")


def against_average(this: Stage, *, shared: bool) -> Part:
    """Let all regimes of layer C grow on stimuli, and compare with the averaged equation."""
    s = this.settings
    size = s.live_size if shared else s.local_size + this.size - 1
    steps = s.steps_live if shared else s.steps_local
    kernel = gaussian(s.per_radius, 3 * s.per_radius)
    below = noise_layers(size, s.live_batch if shared else s.local_batch, kernel)
    k1, k2 = zip(*REGIMES.values(), strict=True)
    layer = live_layer(below[1], "C", this.counts, k1, k2, this.weights, eta=ETA, shared=shared)
    Network(below, layer).run(steps * defaultclock.dt, namespace={})
    averaged = dict(zip(REGIMES, this.in_all_regimes(steps), strict=True))
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


def chain(this: Stage) -> Part:
    """Let layers C to F learn in one network, one after the other, and compare each."""
    s = this.settings
    size = 2 * s.live_size
    noise, below, joined = noise_layers(
        size, s.live_batch, gaussian(s.per_radius, 3 * s.per_radius)
    )
    network = Network(noise, below, joined)
    covariance = analysis.gaussian_covariance(size, s.per_radius)
    numbers = {}
    for name, (k1, k2) in zip("CDEF", k_of_layers(), strict=True):
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


def columns(this: Stage, q_f: np.ndarray) -> Part:
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
        tuning = tuning_of(counts.reshape(-1, size, size), weights.reshape(-1, size, size))
        angles = tuning[:, 1].reshape(s.columns, s.columns)
        alike = analysis.similarity(angles, s.columns // 2)
        numbers |= {
            f"columns {name}: similarity of neighbours": alike[0],
            f"columns {name}: length": alike.clip(0).sum(),
            f"columns {name}: selectivity": np.median(tuning[:, 0]),
        }
        arrays |= {f"angles {name}": angles, f"similarity {name}": alike}
    return numbers, arrays
