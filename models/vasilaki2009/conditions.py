"""Which networks are compared: what the paper asks for, and what fails without it."""

from dataclasses import dataclass, replace

from models.vasilaki2009.settings import Settings

__all__ = ["Condition", "conditions"]


@dataclass(frozen=True)
class Condition:
    """
    Describe a network and its task.

    Parameters
    ----------
    depth : int
        Hidden layers.
    learning_rate, temperature : float
        ``eta`` and ``T``.
    stop : float or None
        Drive at which success teaches no more.
    block, n_blocks : int
        Presentations of each picture until the mapping changes, and how often it does.
    n_networks : int
        Networks side by side.
    hebb : str
        A key of `models.vasilaki2009.model.HEBB`.
    pictures, actions : int
        Of the task.
    lies : bool
        Whether a correct choice in each block is punished.
    """

    depth: int
    learning_rate: float
    temperature: float
    stop: float | None
    block: int
    n_blocks: int
    n_networks: int
    hebb: str = "covariance"
    pictures: int = 2
    actions: int = 2
    lies: bool = False


def conditions(settings: Settings) -> dict[str, Condition]:
    """Return all conditions by their names."""
    one = Condition(
        depth=1,
        learning_rate=settings.learning_rate,
        temperature=settings.temperature,
        stop=settings.stop,
        block=settings.block,
        n_blocks=settings.n_blocks,
        n_networks=settings.n_networks,
    )
    slow = replace(
        one,
        learning_rate=settings.slow_rate,
        block=settings.slow_block,
        n_blocks=settings.slow_n_blocks,
        n_networks=settings.slow_networks,
    )
    return {
        "1 hidden layer": one,
        "no hidden layer": replace(one, depth=0),
        "2 hidden layers": replace(one, depth=2),
        "3 hidden layers": replace(one, depth=3),
        "slow": slow,
        "plain": replace(one, hebb="plain"),
        "plain faster": replace(one, hebb="plain faster"),
        "pre only": replace(one, hebb="pre only"),
        "post only": replace(one, hebb="post only"),
        "no stop": replace(one, stop=None),
        "no stop, 2 hidden layers": replace(one, depth=2, stop=None),
        "T = 0.05": replace(one, temperature=0.05),
        "T = 0.2": replace(one, temperature=0.2),
        "T = 0.5": replace(one, temperature=0.5),
        "lies": replace(one, lies=True),
        # where one lie makes the next choice a guess: chosen for that, on other seeds
        "lies, on the edge": replace(one, depth=2, learning_rate=0.05, stop=0.03, lies=True),
        "4 pictures, 2 actions": replace(one, pictures=4),
        "8 pictures, 2 actions": replace(one, pictures=8),
        "4 pictures, 4 actions": replace(one, pictures=4, actions=4),
        "8 pictures, 4 actions": replace(one, pictures=8, actions=4),
        "8 pictures, 4 actions, 2 hidden layers": replace(one, depth=2, pictures=8, actions=4),
    }
