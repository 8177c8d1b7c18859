"""What is read from the spikes and weights of a run."""

from collections.abc import Mapping

import numpy as np
from brian2 import second

from models.mueller2020 import settings as s
from models.mueller2020.protocol import BIN, SPACES, Protocol, Window

__all__ = ["Recording", "area_under_curve", "connection_means", "memberships", "succeeds"]

#: A cell belongs to an assembly if it fires faster in the second half of a window (authors' code)
FAST = 50.0
#: Of a recalled assembly, relative to the one that is expected (authors' code)
LEAST_SHARED, MOST_EXCESS = 0.8, 0.2


class Recording:
    """
    Read what a run of the program kept.

    Parameters
    ----------
    protocol : Protocol
        Of the run.
    record : mapping of str to array
        What the program returned.
    n : int
        Excitatory cells of each space.
    """

    def __init__(self, protocol: Protocol, record: Mapping[str, np.ndarray], n: int) -> None:
        self.protocol, self.record, self.n = protocol, record, n

    def spikes(self, start: float, stop: float, space: str) -> tuple[np.ndarray, np.ndarray]:
        """Return times in seconds and cells of the spikes of a space, ``start <= t < stop``."""
        t, cells = self.record["spikes.t"], self.record["spikes.i"]
        half = 0.5 * float(s.DT / second)
        first, last = np.searchsorted(t, [start - half, stop - half])
        cells = cells[first:last] - SPACES.index(space) * self.n
        here = (cells >= 0) & (cells < self.n)
        return t[first:last][here], cells[here]

    def rate(self, span: tuple[float, float], space: str) -> float:
        """Return the mean rate of a cell, in Hz."""
        return len(self.spikes(*span, space)[0]) / self.n / (span[1] - span[0])

    def assembly(self, window: Window, space: str) -> np.ndarray:
        """Return the cells that fire fast in the second half of a window."""
        half = (window.start + window.stop) / 2
        counts = np.bincount(self.spikes(half, window.stop, space)[1], minlength=self.n)
        return np.flatnonzero(counts > FAST * (window.stop - half))

    def windows(self, kind: str) -> list[Window]:
        """Return the windows of a kind."""
        return [window for window in self.protocol.windows if window.kind == kind]

    def assemblies(self, kind: str, space: str) -> list[np.ndarray]:
        """Return the assembly of each window of a kind."""
        return [self.assembly(window, space) for window in self.windows(kind)]

    def overlaps(self, kind: str, content: list[np.ndarray]) -> np.ndarray:
        """
        Compare the recalled assemblies of the content space with the expected ones.

        Returns
        -------
        array
            A line for each recall: shared and excess cells, over the cells of the expected one.
        """
        lines = []
        for window in self.windows(kind):
            expected, found = content[window.pattern], self.assembly(window, "C")
            shared = len(np.intersect1d(expected, found))
            lines.append([shared / len(expected), (len(found) - shared) / len(expected)])
        return np.array(lines).reshape(-1, 2)

    def responses(self) -> tuple[np.ndarray, np.ndarray]:
        """
        Return the second response of each comparison, where contents are the same or differ.

        It is the synaptic resource that a cell's synapses release, summed over the content space.
        """
        total = self.record["released"].reshape(-1, s.N_READOUT).sum(axis=1)
        total /= s.N_READOUT * s.P["readout"]
        found: tuple[list[float], list[float]] = ([], [])
        for window in self.windows("compare"):
            start, stop = (round(t / float(BIN / second)) for t in (window.start, window.stop))
            # after the last spike of a window comes the first moment of the next
            after = total[stop] if stop < len(total) else total[-1]
            found[int(window.pattern != window.other)].append(after - total[start])
        return np.array(found[0]), np.array(found[1])

    def answers(self) -> tuple[float, float]:
        """Return the mean spikes of the read-out, where contents are the same or differ."""
        counts: tuple[list[int], list[int]] = ([], [])
        for window in self.windows("compare"):
            first, last = np.searchsorted(self.record["answers.t"], [window.start, window.stop])
            counts[int(window.pattern != window.other)].append(last - first)
        return float(np.mean(counts[0])), float(np.mean(counts[1]))


def succeeds(overlaps: np.ndarray) -> np.ndarray:
    """Say which recalls have enough of the expected assembly, and little else."""
    return (overlaps[:, 0] > LEAST_SHARED) & (overlaps[:, 1] <= MOST_EXCESS)


def memberships(assemblies: list[np.ndarray], n: int) -> np.ndarray:
    """Count to how many assemblies each cell belongs."""
    return np.bincount(np.concatenate(assemblies), minlength=n)


def connection_means(
    recording: Recording, name: str, sources: list[np.ndarray], targets: list[np.ndarray]
) -> np.ndarray:
    """Return the mean weight of the synapses from each assembly (a column) to each (a row)."""
    w, i, j = (recording.record[f"{name}.{part}"] for part in ("w", "i", "j"))
    means = np.full((len(targets), len(sources)), np.nan)
    for row, target in enumerate(targets):
        to_target = np.isin(j, target)
        for column, source in enumerate(sources):
            means[row, column] = w[to_target & np.isin(i, source)].mean()
    return means


def area_under_curve(smaller: np.ndarray, larger: np.ndarray) -> float:
    """Return how often a value of the second kind exceeds one of the first, ties counting half."""
    above = larger[:, None] - smaller[None, :]
    return float(np.mean((above > 0) + 0.5 * (above == 0)))
