"""Every number, all of them chosen here: the paper's were not at hand."""

from dataclasses import dataclass, replace

from hebbsim.experiments.settings import SavedSettings

__all__ = ["FULL", "QUICK", "Settings"]


@dataclass(frozen=True)
class Settings(SavedSettings):
    """
    Say how large the networks are, how they learn, and for how long.

    All are of the reconstruction: the abstract names the ingredients, and no numbers. They were
    chosen on other seeds than those that are reported.

    Parameters
    ----------
    n_networks : int
        Networks side by side in each condition: the positions of the maps.
    n_inputs, n_hidden : int
        Units of the input and of each hidden layer.
    flip : float
        Probability that an input bit is wrong, in each trial.
    temperature : float
        ``T``, the stochasticity of units and choice.
    learning_rate, slow_rate : float
        ``eta``, and the one at which relearning takes about the published 30 trials.
    stop : float
        Drive beyond which a rewarded neuron learns no more.
    block : int
        Presentations of each picture until the mapping changes.
    slow_block : int
        The same at the slow rate, which takes longer to settle.
    slow_networks, slow_n_blocks : int
        Networks and blocks at the slow rate, where networks differ more.
    n_blocks, n_dropped : int
        Blocks of a run, and the first of them, which are left out of what is reported.
    lie_at : int
        Presentation in a block after which the next correct choice is punished.
    versions : int
        Shifted and noisy versions of a real picture that are shown while it is learned.
    pictures : tuple of str
        Two image files of the user's; by default scikit-learn's sample photographs.
    """

    n_networks: int = 2
    n_inputs: int = 100
    n_hidden: int = 100
    flip: float = 0.02
    temperature: float = 0.02
    learning_rate: float = 0.03
    slow_rate: float = 0.007
    stop: float = 0.1
    block: int = 40
    slow_block: int = 50
    slow_networks: int = 10
    slow_n_blocks: int = 10
    n_blocks: int = 5
    n_dropped: int = 2
    lie_at: int = 25
    versions: int = 60
    pictures: tuple[str, ...] = ()


FULL = Settings()
QUICK = replace(
    FULL,
    n_networks=4,
    n_blocks=3,
    n_dropped=1,
    block=32,
    slow_block=32,
    slow_networks=4,
    slow_n_blocks=3,
    lie_at=15,
    versions=30,
)
