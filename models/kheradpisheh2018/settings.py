"""Every number of the model; those of the authors' torch port where no other source is named."""

from dataclasses import dataclass, replace
from typing import Self

from hebbsim.experiments.settings import SavedSettings

__all__ = [
    "FULL",
    "LAYERS",
    "N_BINS",
    "QUICK",
    "RADIUS",
    "WINDOWS",
    "DigitSettings",
    "Layer",
    "Settings",
]

#: Size and sigmas of centre and surround, in pixels: ON and OFF
WINDOWS = ((7, 1.0, 2.0), (7, 2.0, 1.0))
#: Surroundings by whose mean an answer is divided
RADIUS = 8
#: Time steps in which the input spikes
N_BINS = 15
#: What the classifiers' strengths are chosen from
PENALTIES = (0.003, 0.03, 0.3)
ALPHAS = (1e-6, 1e-5, 1e-4)


@dataclass(frozen=True)
class Layer:
    """
    Describe a layer and how it learns.

    Parameters
    ----------
    channels, kernel_size, padding : int
        Of the convolution.
    threshold : float
        Of the potential, the sum of the weights of all inputs that have spiked.
    k, radius : int
        How many neurons learn from an image, and within which distance of them no other.
    a_plus, a_minus : float
        Rates of potentiation and depression at the start.
    one_a_position : bool
        Whether at each position of the input the first spike alone counts while the layer learns.
    pool, pool_padding : int
        Size and step of the windows of pooling, and its padding.
    """

    channels: int
    kernel_size: int
    padding: int
    threshold: float
    k: int
    radius: int
    a_plus: float = 0.004
    a_minus: float = 0.003
    one_a_position: bool = False
    pool: int = 2
    pool_padding: int = 1


LAYERS = (
    Layer(32, 5, 2, threshold=10, k=5, radius=2),
    Layer(150, 2, 1, threshold=1, k=8, radius=1, one_a_position=True),
)


@dataclass(frozen=True)
class DigitSettings(SavedSettings):
    """
    Hold which images are shown to the network and its controls, and how often.

    Parameters
    ----------
    data : {'mnist', 'digits'}
        Images; those of scikit-learn are enlarged from 8x8 to 28x28.
    n_train, n_test : int
        The first of each split; 0 for all.
    n_control : int
        Training images of the controls, and of the network that they are compared with.
    epochs : (int, int)
        Most that each layer learns without labels.
    control_epochs : (int, int)
        Of the controls.
    doubling_every : (int, int)
        Images after which the rates of each layer double, up to 0.15; 0: never.
    all_controls : bool
        Or those alone of which something is asked.
    data_root : str, optional
        Folder of data sets; by default where HEBBSIM_DATA_ROOT says.
    """

    data: str = "mnist"
    n_train: int = 0
    n_test: int = 0
    n_control: int = 5000
    epochs: tuple[int, int] = (2, 20)
    control_epochs: tuple[int, int] = (2, 8)
    doubling_every: tuple[int, int] = (500, 0)
    all_controls: bool = True
    data_root: str | None = None

    @property
    def of_controls(self) -> Self:
        """The same with the images of the controls alone."""
        n_train, n_test = (
            min(self.n_control, n or self.n_control) for n in (self.n_train, self.n_test)
        )
        return replace(self, n_train=n_train, n_test=n_test)

    @property
    def controls_are_whole(self) -> bool:
        """Whether the controls are as large as the network itself."""
        return (self.n_train, self.epochs) == (self.n_control, self.control_epochs)


@dataclass(frozen=True)
class Settings(DigitSettings):
    """
    Hold what the full size and the quick one differ in, beside the images.

    Parameters
    ----------
    competing : bool
        Whether winners exclude each other from learning, as published.
    converged : float
        Mean of w(1 - w) at which the second layer has, and stops (Kheradpisheh et al. 2018, section
        2.5).
    penalties : tuple of float
        C of the linear support vector machine: that is chosen which knows most of a fifth of the
        training images when it has learned from others.
    alphas : tuple of float
        Likewise the regularisation of the averaged perceptron with hinge loss, reconstructed here.
    """

    competing: bool = True
    converged: float = 0.01
    penalties: tuple[float, ...] = PENALTIES
    alphas: tuple[float, ...] = ALPHAS


FULL = Settings()
QUICK = Settings(
    data="digits",
    n_train=600,
    n_test=300,
    n_control=600,
    epochs=(1, 2),
    control_epochs=(1, 2),
    doubling_every=(20, 20),  # so few images need high rates: reconstructed
    all_controls=False,
    penalties=(0.03,),
    alphas=(1e-5,),
)
