"""What `hebbsim compare` is asked to do, as plain values that a file holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any, ClassVar, Self

from hebbsim.compare.rate_rules import check_learning_rate, make_rule, rule_names
from hebbsim.data.load import available_datasets
from hebbsim.data.preprocessing import PREPROCESSING
from hebbsim.errors import SettingsError
from hebbsim.experiments.settings import (
    SavedSettings,
    as_text,
    check_choice,
    check_whole_number,
)
from hebbsim.experiments.standalone import DEVICES
from hebbsim.geometry import GeometryError, MapShape
from hebbsim.networks.conv_layer import ACTIVITIES, OUTPUTS, POOLINGS, ConvLayer

__all__ = ["CompareSettings", "check_layers"]

DECODERS = ("ridge", "logistic", "svm")
DTYPES = ("float32", "float64")

_AT_LEAST_ONE = ("seeds", "epochs", "batch_size", "pool_size", "k")
_FOR_DATA: dict[str, dict[str, Any]] = {
    "digits": {
        "channels": (16, 64),
        "kernels": (6, 2),
        "pooling": "none",
        "batch_size": 50,
        "zca_epsilon": 1.0,
    },
}
#: What is taken to be an upper limit where it isn't given
LIMITS = ("n_train", "n_test", "batch_size")
#: Variables and indices of a neuron of a layer in single precision, and memory for all of them
_BYTES_OF_NEURON, _MOST_OF_BATCH = 32, 2**29
_QUICK = {"seeds": 1, "epochs": 1, "n_train": 500, "n_test": 200}


@dataclass(frozen=True)
class CompareSettings(SavedSettings):
    """
    Hold everything that the numbers of a comparison depend on.

    Parameters
    ----------
    data : str
        A name or path that `load_dataset` accepts.
    data_root : str, optional
        The folder of torchvision's data sets.
    rules : sequence of str
        Names of rules that learn from rates, in any letter case; each is trained by itself.
    seeds : int
        Number of seeds: 0, 1, 2, ... for initial kernels and order of presentation.
    epochs : int
        Passes over the training images; all layers learn at once.
    channels, kernels : sequence of int
        Number of filters and their size, one value for each layer.
    padding : int
        Zeros around each layer's input.
    pooling : {'none', 'average', 'max', 'sum'}
        After each layer, with windows of `pool_size`.
    pool_size : int
        See `pooling`.
    activity, k, threshold_step, output_activation
        Competition and output of each layer: ``activity``, ``k``, ``threshold_step`` and
        ``output`` of `ConvLayer`, but for what a rule declares that it needs
        (``rules.SoftHebb.layer_settings``).
    learning_rate : str, optional
        A number or an expression for every rule; by default what each declares as its
        ``layer_rate``: ``'1/n_shared'``, the share 0.08 of SoftHebb.
    batch_size : int
        Images presented side by side.
    preprocessing : {'none', 'standardize', 'dog', 'zca'}
        Of the network's input; fitted on the training images. Raw pixels stay raw.
    zca_epsilon : float
        Of `ZCA`, with ``preprocessing='zca'``: how little the weak components are amplified.
    zca_components : int, optional
        Of `ZCA`: along how many directions it whitens; by default as many as fit into memory.
    n_train, n_test : int, optional
        Size of a fixed random choice of images; by default all.
    at_most : mapping of str to int
        Values of ``n_train``, ``n_test`` and ``batch_size`` that nobody asked for: they are less
        where there are fewer images, and a batch also where its network takes more than 512 MiB.
    decoder : {'ridge', 'logistic', 'svm'}
        Method of `decode`.
    dtype : {'float32', 'float64'}
        Precision of the network.
    threads : int
        OpenMP threads; 0 generates code without OpenMP.
    device : {'runtime', 'cpp', 'cuda'}
        Where networks run: in this process, or in programs of Brian2's standalone devices.

    Raises
    ------
    SettingsError
        If a value is unknown, out of range, or doesn't fit another one.
    """

    WAY_OUT: ClassVar[str] = (
        "expected a settings.json that hebbsim compare wrote; where that is lost, begin anew with "
        "--overwrite"
    )

    data: str = "digits"
    data_root: str | None = None
    rules: tuple[str, ...] = ("Hebb", "Instar", "Oja")
    seeds: int = 3
    epochs: int = 5
    channels: tuple[int, ...] = (32, 64)
    kernels: tuple[int, ...] = (5, 3)
    padding: int = 0
    pooling: str = "average"
    pool_size: int = 2
    activity: str = "graded"
    k: int = 1
    threshold_step: float = 1.0
    output_activation: str = "triangle"
    learning_rate: str | None = None
    batch_size: int = 100
    preprocessing: str = "zca"
    zca_epsilon: float = 0.1
    zca_components: int | None = None
    n_train: int | None = None
    n_test: int | None = None
    at_most: Mapping[str, int] = field(default_factory=dict)
    decoder: str = "ridge"
    dtype: str = "float32"
    threads: int = 0
    device: str = "runtime"

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", rule_names(self.rules))
        for name in ("channels", "kernels"):
            object.__setattr__(self, name, _integers(name, getattr(self, name)))
        self._check_choices()
        self._check_numbers()

    def _check_choices(self) -> None:
        for name, known in (
            ("pooling", ("none", *POOLINGS)),
            ("activity", ACTIVITIES),
            ("output_activation", OUTPUTS),
            ("preprocessing", tuple(PREPROCESSING)),
            ("decoder", DECODERS),
            ("dtype", DTYPES),
            ("device", DEVICES),
        ):
            check_choice(name.replace("_", " "), getattr(self, name), known)
        for name in self.at_most:
            check_choice("limit", name, LIMITS)

    def _check_numbers(self) -> None:
        for name in _AT_LEAST_ONE:
            _check_integer(name, getattr(self, name), 1)
        for name in ("padding", "threads"):
            _check_integer(name, getattr(self, name), 0)
        for name in ("n_train", "n_test", "zca_components"):
            if getattr(self, name) is not None:
                _check_integer(name, getattr(self, name), 1)
        for name in ("threshold_step", "zca_epsilon"):
            value = getattr(self, name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (is_number and 0 <= value < float("inf")):
                raise SettingsError(f"{name}: expected a finite number from 0 on, got {value!r}")
        if self.learning_rate is not None:
            check_learning_rate(self.learning_rate)
        if len(self.channels) != len(self.kernels):
            raise SettingsError(
                f"channels and kernels: expected one value of each for every layer, got "
                f"{len(self.channels)} channels {as_text(self.channels)} and {len(self.kernels)} "
                f"kernels {as_text(self.kernels)}; give both, such as --channels 32,64 "
                "--kernels 5,3"
            )
        if self.k > min(self.channels):
            raise SettingsError(
                f"k: expected at most the {min(self.channels)} channels of the smallest layer, got "
                f"{self.k}"
            )

    @classmethod
    def for_data(cls, data: str = "digits", *, quick: bool = False, **given: Any) -> Self:
        """
        Return the default settings for a data set, with the values that are given.

        Parameters
        ----------
        data : str
            A name or a path; the path of an existing file or folder is made absolute.
        quick : bool
            One seed, one epoch and some hundred images, where nothing else is given.
        **given
            Fields of this class.
        """
        if data not in available_datasets() and Path(data).expanduser().exists():
            data = str(Path(data).expanduser().resolve())
        defaults = {**_FOR_DATA.get(data, {}), **(_QUICK if quick else {})}
        usual = {"batch_size": cls.batch_size, **defaults}
        at_most = {n: usual[n] for n in LIMITS if n not in given and n in usual}
        return cls.from_dict({"at_most": at_most, **defaults, **given, "data": data})

    def _is_limit(self, name: str) -> bool:
        return name in self.at_most and getattr(self, name) == self.at_most[name]

    def limited(self, name: str, available: int) -> int | None:
        """Return a number of images, or what there is where nobody asked for so many."""
        wanted: int | None = getattr(self, name)
        return wanted if wanted is None or not self._is_limit(name) else min(wanted, available)

    def with_batches_that_fit(self, n_train: int, shape: tuple[int, int, int]) -> Self:
        """Return these settings with a batch of as many images as there are and memory holds.

        Raises
        ------
        SettingsError
            If somebody asked for a batch of more than there are.
        """
        if not self._is_limit("batch_size"):
            if n_train < self.batch_size:
                raise SettingsError(
                    f"batch_size: expected at most the {n_train} training images of "
                    f"'{self.data}', got {self.batch_size}; give a smaller --batch-size or a "
                    "larger --n-train"
                )
            return self
        neurons = prod(shape)
        for layer in self.layers(None):
            convolved = layer.geometry(MapShape.of(shape)).out_shape
            shape = layer.output_shape(shape)
            neurons += prod(convolved) + prod(shape)
        fits = max(1, _MOST_OF_BATCH // (_BYTES_OF_NEURON * neurons))
        return replace(self, batch_size=min(self.batch_size, n_train, fits))

    def layers(self, rule: str | None) -> list[ConvLayer]:
        """Declare the network's layers, with the rule of that name or with none."""
        plasticity = None if rule is None else make_rule(rule, self.learning_rate)
        common = {
            "padding": self.padding,
            "activity": self.activity,
            "k": self.k,
            "threshold_step": self.threshold_step,
            "output": self.output_activation,
            "pooling": None if self.pooling == "none" else self.pooling,
            "pool_size": self.pool_size,
            **({} if plasticity is None else plasticity.layer_settings),
        }
        return [
            ConvLayer(out_channels, kernel_size, plasticity, **common)
            for out_channels, kernel_size in zip(self.channels, self.kernels, strict=True)
        ]


def check_layers(settings: CompareSettings, shape: tuple[int, int, int]) -> None:
    """Raise an error if the learning rate is not finite, or a layer does not fit what it gets."""
    for number, layer in enumerate(settings.layers(settings.rules[0]), start=1):
        try:
            shape = layer.output_shape(shape)
        except GeometryError as error:
            raise GeometryError(f"layer {number}: {error}") from None


def _integers(name: str, given: Any) -> tuple[int, ...]:
    if isinstance(given, str | int) or not given:
        raise SettingsError(f"{name}: expected one number for each layer, got {given!r}")
    for value in given:
        _check_integer(name, value, 1)
    return tuple(given)


def _check_integer(name: str, value: Any, lowest: int) -> None:
    check_whole_number(name, value, lowest, "an integer")
