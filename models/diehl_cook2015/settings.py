"""Every number of the model; those of the script in Brian2's documentation if nothing is said."""

from dataclasses import dataclass

from brian2 import Quantity, ms

from hebbsim.errors import SettingsError
from hebbsim.experiments.settings import SavedSettings

__all__ = [
    "DT",
    "FULL",
    "LONGEST_DELAY",
    "NETWORK",
    "QUICK",
    "REST",
    "SHOWN",
    "Network",
    "Settings",
]

#: Of all clocks; the script's is 0.1 ms
DT: Quantity = 0.5 * ms
#: An image is shown, and then nothing is
SHOWN: Quantity = 350 * ms
REST: Quantity = 150 * ms
#: Of the inputs' spikes; each synapse's delay is drawn between 0 and this
LONGEST_DELAY: Quantity = 10 * ms


@dataclass(frozen=True)
class Network:
    """
    Hold what the network is made of.

    Parameters
    ----------
    exc_inh, inh_exc : float
        Weights between the two populations.
    sum_of_weights : float
        Onto each neuron, when an image starts.
    a_minus, a_plus : float
        Of depression by an input's spike, and of potentiation by the neuron's.
    first_intensity : int
        An intensity is what ``pixel/8`` is multiplied with, in Hz.
    last_intensity : int
        Beyond which an image is taken for one that nobody can answer.
    least_spikes : int
        Of all neurons together; with fewer an image is shown again, an intensity higher.
    """

    exc_inh: float = 10.4
    inh_exc: float = 17.0
    sum_of_weights: float = 78.0
    a_minus: float = 0.0001
    a_plus: float = 0.01
    first_intensity: int = 2
    last_intensity: int = 64
    least_spikes: int = 5


NETWORK = Network()


@dataclass(frozen=True)
class Settings(SavedSettings):
    """
    Hold what the full size and the quick one differ in.

    Parameters
    ----------
    data : {'mnist', 'digits'}
        Images; those of scikit-learn are enlarged from 8x8 to 28x28.
    n_neurons : int
        Excitatory neurons, and as many inhibitory ones.
    n_train, n_test : int
        The first of each split; 0 for all.
    n_labelled : int
        Training images, the last ones, by which neurons get their labels.
    passes : int
        Through the training images.
    n_control : int
        Training images of the controls, shown once, and of the network that they are compared with.
    every : int
        Images in one run, after which the state is written.
    data_root : str, optional
        Folder of data sets; by default where HEBBSIM_DATA_ROOT says.
    """

    data: str = "mnist"
    n_neurons: int = 400
    n_train: int = 0
    n_test: int = 0
    n_labelled: int = 10000
    passes: int = 3
    n_control: int = 5000
    every: int = 1000
    data_root: str | None = None

    def __post_init__(self) -> None:
        for name in ("n_neurons", "n_labelled", "passes", "n_control", "every"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name}: expected at least 1, got {getattr(self, name)}")


FULL = Settings()
QUICK = Settings(
    data="digits",
    n_neurons=50,
    n_train=400,
    n_test=200,
    n_labelled=400,
    passes=1,
    n_control=400,
    every=200,
)
