"""What a run is asked to do, as plain values that ``settings.json`` holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from hebbsim.errors import SettingsError, unknown
from hebbsim.experiments.preferences import cores
from hebbsim.experiments.settings import SavedSettings, check_choice, check_whole_number
from hebbsim.experiments.standalone import DEVICES
from models.miconi2021.model import CONDITIONS, Condition
from models.miconi2021.search import SEARCH

__all__ = ["Settings", "named_conditions", "own_condition"]

_LEAST = {
    **dict.fromkeys(("epochs", "batch_size", "threads", "n_train", "n_test", "n_zca"), 1),
    **dict.fromkeys(("burn_in", "validation"), 0),
}
#: The reduced configuration for tests: trends of the paper in a minute
_QUICK: dict[str, Any] = {
    "channels": (32, 64, 128),
    "n_train": 6000,
    "n_test": 2000,
    "epochs": 3,
    "burn_in": 30,
}
PRUNE, PRUNE_QUICK = 0.99, 0.95


@dataclass(frozen=True)
class Settings(SavedSettings):
    """
    Hold everything that all conditions of a run have in common; the defaults are the paper's.

    Parameters
    ----------
    data : {'cifar10', 'stand-in'}
        ``'stand-in'`` are digits on photographs, made of what scikit-learn brings; only the quick
        mode uses it, where no data root is given.
    data_root : str, optional
        The folder of torchvision's data sets.
    channels : tuple of int
        Filters of each layer (notebook, cell 3, ``N``).
    epochs : int
        Passes over the training images (``NBLEARNINGEPOCHS``).
    burn_in : int
        Batches at the start in which thresholds adapt and weights don't (``nbbatches > 200``).
    batch_size : int
        Images in a batch (``BATCHSIZE``).
    n_train, n_test : int
        Number of images; the first ones of each split.
    n_zca : int
        Training images that the whitening is fitted on (``zcaloader``).
    validation : int
        So many images at the end of the training split take the place of the test split, to
        choose settings without it; 0 for the official test split.
    threads : int
        OpenMP threads.
    device : {'runtime', 'cpp', 'cuda'}
        Where networks run: in this process, or in programs of Brian2's standalone devices.

    Raises
    ------
    SettingsError
        If a value is unknown or out of range.
    """

    SAME_NUMBERS: ClassVar[tuple[str, ...]] = ("data_root", "threads")
    WAY_OUT: ClassVar[str] = "give --overwrite, or another folder with --output"

    data: str = "cifar10"
    data_root: str | None = None
    channels: tuple[int, ...] = (100, 196, 400)
    epochs: int = 20
    burn_in: int = 201
    batch_size: int = 100
    n_train: int = 50_000
    n_test: int = 10_000
    n_zca: int = 9000
    validation: int = 0
    threads: int = 1
    device: str = "runtime"

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        check_choice("data set", self.data, ("cifar10", "stand-in"))
        check_choice("device", self.device, DEVICES)
        for name, least in _LEAST.items():
            check_whole_number(name, getattr(self, name), least)
        if len(self.channels) != 3 or not all(isinstance(n, int) and n > 0 for n in self.channels):
            raise SettingsError(
                f"channels: expected the filters of three layers, such as 100,196,400, got "
                f"{self.channels!r}"
            )
        if self.n_train < self.batch_size:
            raise SettingsError(
                f"n_train: {self.n_train} images don't fill a batch of {self.batch_size}"
            )

    @classmethod
    def quick(cls, data_root: str | None = None, **given: Any) -> Self:
        """Return the reduced configuration; without a data root on the stand-in."""
        data = "stand-in" if data_root is None else "cifar10"
        values = {"data": data, "data_root": data_root, "threads": cores(), **_QUICK, **given}
        return cls(**values)

    @classmethod
    def full(cls, data_root: str | None = None, **given: Any) -> Self:
        """Return the published configuration."""
        values = {"data_root": data_root, "threads": cores(), **given}
        if "validation" in values and "n_train" not in given:
            values["n_train"] = cls.n_train - values["validation"]
        return cls(**values)


def named_conditions(names: Sequence[str], prune: float) -> dict[str, Condition]:
    """
    Return conditions by name, each once, with the pruning where they leave it open.

    ``'all'`` stands for all of `CONDITIONS`, ``'search'`` for all of `SEARCH`.
    """
    groups = {"all": CONDITIONS, "search": SEARCH}
    single = {**CONDITIONS, **SEARCH}
    if not names:
        raise SettingsError(f"conditions: name at least one of {', '.join(CONDITIONS)}, all")
    chosen: dict[str, dict[str, Any]] = {}
    for name in names:
        if name not in groups and name not in single:
            raise SettingsError(unknown("condition", name, (*CONDITIONS, *groups)))
        chosen |= groups.get(name) or {name: single[name]}
    return {name: Condition(**{"prune": prune, **values}) for name, values in chosen.items()}


def own_condition(rule: str, output: str, prune: float) -> dict[str, Condition]:
    """Return the condition of these values, under the name that it has if it is one of the paper's.

    The untrained network is a condition of its own, not a rule.
    """
    own = Condition(rule=rule, output=output, prune=prune)
    for name, condition in named_conditions(["all"], prune).items():
        if condition == own:
            return {name: own}
    name = f"{rule}-{output}"
    return {f"{name}-pruned" if prune else name: own}
