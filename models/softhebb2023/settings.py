"""Every number of the model; those of ``presets.json`` where no other source is named."""

from dataclasses import dataclass

from hebbsim.experiments.settings import SavedSettings, check_choice, check_whole_number

__all__ = [
    "FULL",
    "NORM",
    "PENALTY",
    "PRESETS",
    "QUICK",
    "READ_OUT",
    "SCHEDULES",
    "Layer",
    "ReadOut",
    "Settings",
]

TOGETHER = "all at once"
LAYER_BY_LAYER = "layer by layer"
SCHEDULES = (TOGETHER, LAYER_BY_LAYER)

#: Of a filter at the start, about: weights are drawn from N(0, 25/sqrt(fan in))
NORM = 25.0


@dataclass(frozen=True)
class Layer:
    """
    Describe a layer.

    Parameters
    ----------
    channels, kernel_size : int
        Filters and their side; the input is reflected at its border by half of that.
    inverse_temperature : float
        ``t`` of the softmax, which the paper calls temperature.
    rate : float
        Share of the largest change that a weight of norm 2 or 0 moves by.
    power : float
        Of the triangle that it hands on.
    pooling : {'max', 'average'}
        Of what it hands on.
    pool_size, pool_stride, pool_padding : int
        Windows of it.
    """

    channels: int
    kernel_size: int
    inverse_temperature: float
    rate: float
    power: float
    pooling: str
    pool_size: int = 4
    pool_stride: int = 2
    pool_padding: int = 1


PRESETS = {
    "cifar10": (
        Layer(96, 5, 1.0, 0.08, 0.7, "max"),
        Layer(384, 3, 0.65, 0.005, 1.4, "max"),
        Layer(1536, 3, 0.25, 0.01, 1.0, "average", 2, 2, 0),
    ),
    "stl10": (
        Layer(96, 5, 1.0, 0.08, 0.7, "average"),
        Layer(384, 3, 0.65, 0.005, 0.7, "max"),
        Layer(1536, 3, 0.45, 0.01, 1.4, "average"),
        Layer(6144, 3, 0.25, 0.01, 1.0, "average", 2, 2, 0),
    ),
}


@dataclass(frozen=True)
class ReadOut:
    """
    Describe the classifier that is trained by gradients.

    Parameters
    ----------
    dropout : float
        Share of the features that each image lacks.
    rate : float
        Of Adam.
    halved_after : tuple of float
        Shares of the epochs after which the rate is halved: 10, 17, 25, 30, 35, 40, 45 of 50.
    batch_size : int
        Of images.
    largest_start : float
        Weights start between 0 and this (``layer.py``).
    """

    dropout: float = 0.5
    rate: float = 1e-3
    halved_after: tuple[float, ...] = (0.2, 0.34, 0.5, 0.6, 0.7, 0.8, 0.9)
    batch_size: int = 64
    largest_start: float = 0.1105


READ_OUT = ReadOut()
#: Of ridge regression, as a share of the sum of squared centred features: of 3e-6 to 3e-4 the best
#: on 5,000 of the training images (79.5, 80.5, 79.1, 77.6, 74.8 %; with mirror images 83.0 %)
PENALTY = 1e-5


@dataclass(frozen=True)
class Settings(SavedSettings):
    """
    Hold what the sizes differ in.

    Parameters
    ----------
    data : {'cifar10', 'stl10', 'stand-in'}
        Images; the stand-in are digits on photographs, made of what scikit-learn brings.
    preset : {'cifar10', 'stl10'}
        Whose layers.
    channels : tuple of int
        Filters of each layer.
    n_train, n_test : int
        The first images of each split; 0 for all.
    validation : int
        So many images at the end of the training split take the place of the test split.
    batch_size : int
        Images of a step (``presets.json``, ``bs``).
    parts : int
        Into so many the images are cut, and after each the state is written.
    schedules : tuple of str
        Some of `SCHEDULES`, a network for each.
    all_layers : bool
        Whether each layer is read out, or the last alone.
    mirrored : bool
        Whether classifiers read the mean of the features of an image and of its mirror image; not
        those of ablations.
    epochs : int
        Of the classifier that is trained by gradients.
    n_ablation, n_ablation_test : int
        Images of the ablations, and of the network that they are compared with.
    ablations : tuple of str
        What is compared with the network as published: some of
        `models.softhebb2023.model.ABLATIONS`, and ``'Miconi'``.
    data_root : str, optional
        Folder of data sets; by default where HEBBSIM_DATA_ROOT says.
    """

    data: str = "cifar10"
    preset: str = "cifar10"
    channels: tuple[int, ...] = (96, 384, 1536)
    n_train: int = 0
    n_test: int = 0
    validation: int = 0
    batch_size: int = 10
    parts: int = 20
    schedules: tuple[str, ...] = (TOGETHER,)
    all_layers: bool = False
    mirrored: bool = False
    epochs: int = 50
    n_ablation: int = 10_000
    n_ablation_test: int = 2000
    ablations: tuple[str, ...] = ()
    data_root: str | None = None

    def __post_init__(self) -> None:
        check_choice("data set", self.data, ("cifar10", "stl10", "stand-in"))
        check_choice("preset", self.preset, PRESETS)
        for schedule in self.schedules:
            check_choice("schedule", schedule, SCHEDULES)
        for name in ("batch_size", "parts", "epochs", "n_ablation", "n_ablation_test"):
            check_whole_number(name, getattr(self, name), 1)
        for name in ("n_train", "n_test", "validation"):
            check_whole_number(name, getattr(self, name), 0)


FULL = Settings()
QUICK = Settings(
    data="stand-in",
    channels=(24, 48, 96),
    n_train=1500,
    n_test=1000,
    parts=2,
    epochs=20,
    n_ablation=1500,
    n_ablation_test=1000,
)
