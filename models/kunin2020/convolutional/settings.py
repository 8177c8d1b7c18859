"""Every number of the convolutional networks; reconstructed here."""

from dataclasses import dataclass

from hebbsim.experiments.settings import SavedSettings
from models.kunin2020.training import Course

__all__ = [
    "CLOSE",
    "ETAS",
    "ETAS_B",
    "FULL",
    "QUICK",
    "SEEDS_OF_TUNING",
    "TUNED",
    "Settings",
    "suffix",
]

#: Rates of ``w`` and of ``b`` among which those of each rule are chosen, on validation images
ETAS = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)
ETAS_B = (0.02, 0.1, 1.0)
#: All rates are tried with the first seed, and with the next one those that come close
SEEDS_OF_TUNING = (100, 101)
#: How close, in accuracy: about two standard errors of 1000 images
CLOSE = 0.03

#: What was chosen; the second rate is without meaning where ``b`` descends no primitives
TUNED: dict[str, dict[str, tuple[float, float]]] = {
    "fashion-mnist": {
        "BP": (0.02, 0.02),
        "FA": (0.005, 0.02),
        "WM": (0.01, 1.0),
        "IA": (0.005, 0.02),
        "SA": (0.02, 1.0),
        "AA": (0.005, 0.02),
        "KP": (0.02, 0.02),
        "frozen": (0.04, 0.02),
    },
    "cifar10": {
        "BP": (0.04, 0.02),
        "FA": (0.005, 0.02),
        "WM": (0.02, 1.0),
        "IA": (0.0025, 0.1),
        "SA": (0.02, 1.0),
        "AA": (0.01, 0.1),
        "KP": (0.01, 0.02),
        "frozen": (0.02, 0.02),
    },
    "digits": dict.fromkeys(("BP", "FA", "SA", "frozen"), (0.02, 1.0)),
}


@dataclass(frozen=True)
class Settings(SavedSettings):
    """
    Hold what the full size and the quick one differ in.

    Parameters
    ----------
    data : tuple of str
        Names of data sets.
    rules : tuple of str
        Names of `RULES`.
    channels : tuple of int
        Of the three convolutional layers.
    n_train, n_validation, n_test : int
        Images, the first ones of either set; the last ones of those that are trained on are for
        validation in tuning.
    epochs, batch_size : int
        How often each image is shown, and how many in a step.
    momentum, weight_decay : float
        See `Rates`.
    """

    data: tuple[str, ...] = ("fashion-mnist", "cifar10")
    rules: tuple[str, ...] = ("BP", "FA", "WM", "IA", "SA", "AA", "KP")
    channels: tuple[int, ...] = (8, 16, 32)
    n_train: int = 4000
    n_validation: int = 1000
    n_test: int = 2000
    epochs: int = 9
    batch_size: int = 50
    momentum: float = 0.9
    weight_decay: float = 1e-4

    @property
    def course(self) -> Course:
        """The authors' schedule of 90 epochs (``rate_scheduler.py``), shrunk to ours."""
        unit = self.epochs / 90
        drops = (30 * unit, 60 * unit, 80 * unit)
        return Course(self.epochs, self.batch_size, warm_up=5 * unit, drops=drops)


FULL = Settings()
QUICK = Settings(data=("digits",), rules=("BP", "FA", "SA"), n_train=1300, n_test=400)


def suffix(settings: Settings, place: int) -> str:
    """Return what follows the quantities of a data set; none after those of the first one."""
    return f", {settings.data[place]}" if place else ""
