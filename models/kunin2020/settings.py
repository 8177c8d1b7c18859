"""Every number of the dense network, which is reconstructed here."""

from dataclasses import dataclass

from hebbsim.experiments.settings import SavedSettings

__all__ = ["DEEP", "FULL", "N_TEST", "QUICK", "DenseSettings", "Settings"]

#: Of the 1797 digits of scikit-learn, which are 8x8
N_TEST = 400
#: Layers from which on the rate is `Settings.eta_deep`
DEEP = 7


@dataclass(frozen=True)
class DenseSettings(SavedSettings):
    """
    Hold what trains a dense network.

    Parameters
    ----------
    hidden : int
        Units of each hidden layer.
    epochs, batch_size : int
        How often each image is shown, and how many in a step.
    eta, eta_b, weight_decay : float
        See `Rates`.
    """

    hidden: int = 100
    epochs: int = 20
    batch_size: int = 50
    eta: float = 0.1
    eta_b: float = 0.1
    weight_decay: float = 1e-4


@dataclass(frozen=True)
class Settings(DenseSettings):
    """
    Hold what the full size and the quick one differ in, beside the dense network.

    Parameters
    ----------
    depths : tuple of int
        Layers of kernels.
    rules : tuple of str
        Names of `RULES`.
    eta_deep : float
        `eta` of deep networks.
    middle_depth : int
        Of the network that is tested with noise and turned primitives.
    noise : tuple of float
        Standard deviations of what is added to the gradient of ``b``.
    turned : tuple of str
        Rules whose primitives are turned around, one after the other.
    """

    depths: tuple[int, ...] = (2, 4, 7)
    rules: tuple[str, ...] = ("BP", "FA", "WM", "IA", "SA", "AA", "KP")
    eta_deep: float = 0.05
    middle_depth: int = 4
    noise: tuple[float, ...] = (0.3, 1.0)
    turned: tuple[str, ...] = ("WM", "IA", "SA", "AA")


FULL = Settings()
QUICK = Settings(
    depths=(4,), rules=("BP", "FA", "WM", "SA", "KP"), epochs=10, noise=(1.0,), turned=("SA",)
)
