"""The protocol: what is shown when, and which spaces are disinhibited, as arrays over time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from brian2 import Hz, Quantity, ms, second

from models.mueller2020.settings import N_PATTERNS, RATE_CLEAR, RATE_OFF, RATE_ON

__all__ = ["BIN", "MOST_BINS", "SPACES", "Protocol", "Window"]

#: All times of the protocol are multiples of it
BIN = 50 * ms
#: The program has room for so many
MOST_BINS = 6000
#: Content space and two neural spaces
SPACES = "CVU"


@dataclass(frozen=True)
class Window:
    """
    Say when something was measured.

    Parameters
    ----------
    kind : str
        What for.
    pattern : int
        Which one is expected.
    start, stop : float
        In seconds.
    other : int
        The pattern of the other space in a comparison.
    """

    kind: str
    pattern: int
    start: float
    stop: float
    other: int = -1


@dataclass
class Protocol:
    """
    Collect phases, one after the other.

    Attributes
    ----------
    windows : list of Window
        What is measured.
    """

    windows: list[Window] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._bins = 0
        self._rates = np.full((MOST_BINS, N_PATTERNS + 1), float(RATE_CLEAR / Hz))
        self._open = np.zeros((MOST_BINS, len(SPACES)))
        self._trains = np.zeros(MOST_BINS)
        self._keeps = np.ones(MOST_BINS)

    @property
    def now(self) -> float:
        """Time of the next phase, in seconds."""
        return self._bins * float(BIN / second)

    @property
    def duration(self) -> Quantity:
        """Of all phases."""
        return self._bins * BIN

    def phase(
        self, duration: Quantity, spaces: str, pattern: int | None = None, *, trains: bool = False
    ) -> tuple[float, float]:
        """
        Add a phase.

        Parameters
        ----------
        duration : Quantity
            Of the phase.
        spaces : str
            Those that are disinhibited, such as ``"CV"``.
        pattern : int, optional
            What is shown; nothing by default ("clear").
        trains : bool
            Whether the synapses of the content space learn.

        Returns
        -------
        tuple of float
            Start and end, in seconds.
        """
        start, n = self._bins, round(float(duration / BIN))
        if start + n > MOST_BINS:
            raise ValueError(f"the protocol is longer than {MOST_BINS * BIN}: raise MOST_BINS")
        now = slice(start, start + n)
        self._open[now] = [space in spaces for space in SPACES]
        self._trains[now] = trains
        if pattern is not None:
            self._rates[now] = float(RATE_OFF / Hz)
            self._rates[now, pattern] = float(RATE_ON / Hz)
        self._bins += n
        return start * float(BIN / second), self.now

    def forget(self) -> None:
        """Set all excitability to its rest, now."""
        self._keeps[self._bins] = 0

    def measure(self, kind: str, pattern: int, span: tuple[float, float], other: int = -1) -> None:
        """Say that a span of time is measured."""
        self.windows.append(Window(kind, pattern, *span, other))

    def values(self) -> Mapping[str, np.ndarray]:
        """Return the arrays by the names that they have in the program."""
        return {
            "input_rate.values": self._rates,
            "disinhibited.values": self._open,
            "trains.values": self._trains,
            "keeps.values": self._keeps,
        }

    def train(self, order: np.ndarray) -> None:
        """Train the content space: each pattern for 200 ms, then 200 ms of nothing; then test."""
        for pattern in order:
            self.phase(200 * ms, "C", pattern, trains=True)
            self.phase(200 * ms, "C", trains=True)
        self.rest = self.phase(1 * second, "C")
        for pattern in range(N_PATTERNS):
            self.phase(200 * ms, "C")
            self.measure("content", pattern, self.phase(200 * ms, "C", pattern))

    def create(self, space: str) -> None:
        """CREATE an assembly for each pattern in a neural space."""
        for pattern in range(N_PATTERNS):
            self.phase(1 * second, "C")
            self.measure(f"create {space}", pattern, self.phase(1 * second, "C" + space, pattern))
            self.forget()

    def load(self, space: str, pattern: int) -> None:
        """LOAD (the authors' STORE) a content into a neural space."""
        self.phase(1 * second, "C")
        self.forget()
        self.measure("load", pattern, self.phase(200 * ms, "C" + space, pattern))

    def recall(self, space: str) -> tuple[float, float]:
        """RECALL: the neural space wakes 50 ms before the content space; return the whole span."""
        start, _ = self.phase(50 * ms, space)
        _, stop = self.phase(150 * ms, "C" + space)
        return start, stop

    def load_and_recall(self, pattern: int, delay: Quantity) -> None:
        """LOAD a content, wait with all spaces inhibited, and RECALL it."""
        self.load("V", pattern)
        self.phase(delay, "")
        self.measure("recall", pattern, self.recall("V"))

    def copy(self, pattern: int) -> None:
        """COPY a content from V to U through the content space, and recall it from there."""
        self.load("V", pattern)
        self.phase(400 * ms, "")
        self.phase(50 * ms, "V")
        self.phase(100 * ms, "CVU")
        self.phase(400 * ms, "")
        self.measure("copy", pattern, self.recall("U"))

    def compare(self, first: int, second: int) -> None:
        """COMPARE: load V, then U; recall U, then V, whose response is measured."""
        self.load("V", first)
        self.phase(50 * ms, "")
        self.phase(200 * ms, "CU", second)
        self.phase(50 * ms, "")
        self.recall("U")
        self.measure("compare", first, self.recall("V"), second)
