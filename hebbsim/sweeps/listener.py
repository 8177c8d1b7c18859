"""What people are told while a sweep runs."""

from rich.console import Console

from hebbsim.progress import Bar
from hebbsim.sweeps.unit import Unit
from hebbsim.sweeps.work import End, Outcome

__all__ = ["Listener"]


class Listener:
    """
    Note how units end, and tell it.

    Parameters
    ----------
    bar : Bar
        Moved on with each unit.
    console : Console
        Where news are printed.
    """

    def __init__(self, bar: Bar, console: Console) -> None:
        self._bar, self._console = bar, console
        self.outcomes: list[Outcome] = []
        self._told: set[str] = set()

    def started(self, unit: Unit) -> None:
        """Say which unit is at work."""
        self._bar.announce(unit.label)

    def waiting(self, what: str) -> None:
        """Say what is being waited for."""
        self._bar.announce(what)

    def lost(self, unit: Unit, tries: int, most: int) -> None:
        """Say that a worker died."""
        self._told.add(unit.key)
        self._print(
            f"a worker was killed while it computed {unit.label}: a new worker computes it again "
            f"(lost {tries} of at most {most} times)"
        )

    def ended(self, outcome: Outcome) -> None:
        """Note a unit that is not at work any more."""
        self.outcomes.append(outcome)
        if outcome.end is End.FAILED:
            self._print(f"failed: {outcome.unit.label}: {outcome.said}")
        elif outcome.end is End.ELSEWHERE:
            self._print(f"{outcome.unit.label} is at work in another process, and left to it")
        elif outcome.lost and outcome.unit.key not in self._told:
            self._print(f"{outcome.unit.label}: an earlier try was lost with its process")
        self._bar.advance()

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
