"""Every number of the model. Lengths are in radii of layer B, `r_B`."""

from dataclasses import dataclass

import numpy as np

from hebbsim.experiments.settings import SavedSettings

__all__ = [
    "ETA",
    "ETA_G",
    "FULL",
    "K_G",
    "K_NEXT",
    "LATERAL",
    "QUICK",
    "RADIUS",
    "RADIUS_G",
    "RADIUS_LATERAL",
    "REGIMES",
    "START",
    "START_COLUMNS",
    "W_MAX",
    "Settings",
]

#: Radius of the synaptic density exp(-r^2/r_C^2) of layers C to F: r_C^2 = 3 r_B^2 (from memory,
#: consistent with MacKay and Miller's C/A = 2/3)
RADIUS = np.sqrt(3)
#: Bound of the weights (from memory: n_EM = 0.5)
W_MAX = 0.5
#: Step of Euler's method; weights start uniformly between -+START (ours)
ETA, START = 0.05, 0.05
#: (k1, k2) of layer C by regime; that of 'on-centre' is Linsker's (from memory)
REGIMES = {
    "on-centre": (0.45, -3.0),
    "off-centre": (-0.45, -3.0),
    "small centre": (0.1, -3.0),
    "large centre": (1.0, -3.0),
    "bi-lobed": (0.0, -3.0),
    "all excitatory": (0.5, -1.0),
    "all excitatory, k1 = 2": (2.0, -3.0),
    "all of one sign": (0.0, 0.0),
}
#: (k1, k2) of layers D to F (ours)
K_NEXT = (0.35, -3.0)
#: Radius, (k1, k2) and step in layer G (ours: the result of a scan on other seeds)
RADIUS_G, K_G, ETA_G = 3.5, (0.2, -1.0), 0.2
#: Weight of the lateral connections of layer G, and their radius in cells (ours)
LATERAL, RADIUS_LATERAL = 3.0, 1.5
#: Where the map of orientations starts: from weights as small as START, what neighbours see of the
#: same few stimuli decides what grows, and they are alike without lateral connections (0.1)
START_COLUMNS = 0.5


@dataclass(frozen=True)
class Settings(SavedSettings):
    """
    Hold what the published size and the quick one differ in.

    Parameters
    ----------
    n_synapses : int
        Of a cell; Linsker says several hundred (from memory).
    per_radius : int
        Places of the grid per `r_B`, in layers C to F; layer G has one.
    steps, steps_layers, steps_oriented : int
        Of the averaged equation in the regimes of layer C, in layers C to F, and in layer G.
    steps_live, steps_local, steps_columns : int
        Of the live rule with shared kernels, with local ones, and with lateral connections.
    plane_k1, plane_k2 : tuple of float
        Values of k1 and of k2 in the figure of the plane.
    cells, oriented : int
        Cells of each layer C to F that are averaged for the covariance of the next, and of G.
    live_size, live_batch : int
        Places along each side of the maps with shared kernels, and stimuli side by side.
    chain : bool
        Whether layers C to F learn live, one after the other.
    local_size, local_batch : int
        Cells along each side that grow their own fields, and stimuli side by side; 0 for none.
    columns, columns_batch : int
        Cells along each side of the map of orientations, 0 for none, and stimuli side by side.
    """

    n_synapses: int = 600
    per_radius: int = 2
    steps: int = 4000
    steps_layers: int = 2500
    steps_oriented: int = 3000
    steps_live: int = 4000
    steps_local: int = 2000
    steps_columns: int = 400
    plane_k1: tuple[float, ...] = tuple(np.linspace(-1.2, 1.2, 13).round(1).tolist())
    plane_k2: tuple[float, ...] = tuple(np.linspace(-4, 0, 9).round(1).tolist())
    cells: int = 12
    oriented: int = 12
    live_size: int = 18
    live_batch: int = 8
    chain: bool = True
    local_size: int = 2
    local_batch: int = 800
    columns: int = 12
    columns_batch: int = 100


FULL = Settings()
QUICK = Settings(
    steps=2500,
    steps_layers=1500,
    steps_oriented=1500,
    steps_live=2500,
    plane_k1=(),
    plane_k2=(),
    cells=6,
    oriented=6,
    chain=False,
    local_size=0,
    columns=0,
)
