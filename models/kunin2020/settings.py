"""Every number of the model; the small network is reconstructed here."""

from dataclasses import dataclass

from hebbsim.experiments.settings import SavedSettings

__all__ = ["FULL", "QUICK", "Settings"]


@dataclass(frozen=True)
class Settings(SavedSettings):
    """
    Hold what the full size and the quick one differ in.

    Parameters
    ----------
    depths : tuple of int
        Layers of kernels.
    rules : tuple of str
        Names of `RULES`.
    hidden : int
        Units of each hidden layer.
    epochs, batch_size, n_train : int
        Of the 1797 digits of scikit-learn; the others are the test.
    eta, eta_deep : float
        Rate of ``w``, and that of the deepest network.
    eta_b : float
        Rate of ``b``.
    weight_decay : float
        Of ``w``.
    noise : tuple of float
        Standard deviations of what is added to the gradient of ``b``.
    noise_depth : int
        Of the network that is tested with it.
    """

    depths: tuple[int, ...] = (2, 4, 7)
    rules: tuple[str, ...] = ("BP", "FA", "WM", "IA", "SA", "AA", "KP")
    hidden: int = 100
    epochs: int = 20
    batch_size: int = 50
    n_train: int = 1400
    eta: float = 0.1
    eta_deep: float = 0.05
    eta_b: float = 0.1
    weight_decay: float = 1e-4
    noise: tuple[float, ...] = (0.1, 0.3, 1.0)
    noise_depth: int = 4


FULL = Settings()
QUICK = Settings(depths=(4,), rules=("BP", "FA", "WM", "SA", "KP"), epochs=10, noise=(1.0,))
