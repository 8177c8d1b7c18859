"""What the parts of a run share: synapses, weights at the start, the covariance of layer B."""

import numpy as np

from models.linsker1988 import analysis
from models.linsker1988.model import averaged_cells, scattered
from models.linsker1988.settings import ETA, K_NEXT, RADIUS, REGIMES, START, Settings

__all__ = ["REACH_G", "Part", "Stage", "k_of_layers", "tuning_of"]

type Part = tuple[dict[str, float], dict[str, np.ndarray]]

#: Reach of a field of layers C to F in `r_B`, and of one in G
REACH, REACH_G = 4, 9
#: Along each side of the torus on which covariances are computed, in `r_B`
TORUS = 48


class Stage:
    """
    Hold what the parts of a run share.

    Parameters
    ----------
    settings : Settings
        Sizes.
    number : int
        The seed of synapses and weights.

    Attributes
    ----------
    q_b : array
        Covariance of layer B on a torus, distance 0 first.
    counts, weights : array
        Synapses of a cell of layer C at each place, and their weights at the start,
        `(size, size)`.
    """

    def __init__(self, settings: Settings, number: int) -> None:
        self.settings = settings
        self.rng = np.random.default_rng(number)
        self.radius, self.reach = RADIUS * settings.per_radius, REACH * settings.per_radius
        self.size = 2 * self.reach + 1
        self.q_b = analysis.gaussian_covariance(TORUS * settings.per_radius, settings.per_radius)
        self.counts = self.scatter(self.radius, self.reach)
        self.weights = self.start(self.size, self.size)

    def scatter(self, radius: float, reach: int) -> np.ndarray:
        """Scatter the synapses of a cell."""
        return scattered(self.rng, self.settings.n_synapses, radius, reach)

    def start(self, *shape: int, largest: float = START) -> np.ndarray:
        """Draw weights for the start."""
        return self.rng.uniform(-largest, largest, shape)

    def between(self, covariance: np.ndarray) -> np.ndarray:
        """Return a torus' covariance between the places of a field of layers C to F."""
        return analysis.covariance_between(covariance, self.size)

    def on_layer_b(self, k1: np.ndarray, k2: np.ndarray, steps: int) -> np.ndarray:
        """Let cells of layer C grow by the averaged equation, one for each pair of k's."""
        return averaged_cells(
            self.counts, self.between(self.q_b), k1, k2, self.weights, eta=ETA, steps=steps
        )

    def in_all_regimes(self, steps: int) -> np.ndarray:
        """Let a cell of layer C grow by the averaged equation in each of `REGIMES`."""
        k1, k2 = np.array([*REGIMES.values()]).T
        return self.on_layer_b(k1, k2, steps)

    def shown(self, weights: np.ndarray) -> np.ndarray:
        """Return fields with nothing where there are no synapses."""
        return np.where(self.counts > 0, weights, np.nan)


def k_of_layers() -> list[tuple[float, float]]:
    """Return (k1, k2) of layers C to F."""
    return [REGIMES["on-centre"], *[K_NEXT] * 3]


def tuning_of(counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return selectivity, preferred orientation and response of each cell, `(cells, 3)`."""
    return np.array([analysis.orientation_tuning(field) for field in counts * weights])
