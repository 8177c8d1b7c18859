"""A model of a paper: settings, a protocol, claims and figures; and its run over seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from time import perf_counter

import numpy as np
from matplotlib.animation import Animation
from matplotlib.figure import Figure
from rich.console import Console

from hebbsim.errors import SettingsError, needed
from hebbsim.experiments.figures import save_picture
from hebbsim.experiments.preferences import cores, run_preferences
from hebbsim.experiments.settings import SavedSettings
from hebbsim.progress import progress_bar
from hebbsim.whole_file import write_text
from models.common.claim import Claim, claims_table
from models.common.folder import ModelFolder

__all__ = ["Announce", "Model", "Results", "silent"]

#: Says what is being done, for the progress bar
type Announce = Callable[[str], None]


def silent(text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Results:
    """
    Hold what one seed gave.

    Parameters
    ----------
    numbers : mapping of str to float
        What the claims are about, by quantity.
    arrays : mapping of str to array
        What the figures show.
    """

    numbers: Mapping[str, float]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Model[S: SavedSettings]:
    """
    Describe a model of a paper.

    Parameters
    ----------
    name : str
        Of its package.
    title : str
        Of its section in ``models/README.md``.
    full, quick : settings
        The published size, and one that takes less than a minute.
    run : callable
        ``run(settings, seed, announce)`` returns `Results`; it prints and writes nothing.
    claims : sequence of Claim
        What the paper says; the first one stands in the table of all models.
    figures : callable
        Takes the settings and the results of all seeds, and returns figures and animations by
        name.
    dtype : str
        Precision of the variables.
    goes_on : bool
        Whether a seed that was stopped goes on where it was: ``run(settings, seed, announce,
        state)`` gets the path of a file for that.
    needs_torch : bool
        Whether it can't do without torch, which is looked for before anything is run.
    """

    name: str
    title: str
    full: S
    quick: S
    run: Callable[..., Results]
    claims: Sequence[Claim]
    figures: Callable[[S, Sequence[Results]], Mapping[str, Figure | Animation]]
    dtype: str = "float64"
    goes_on: bool = False
    needs_torch: bool = False

    def run_seeds(
        self,
        seeds: Sequence[int],
        folder: str | Path,
        *,
        quick: bool = False,
        overwrite: bool = False,
        resume: bool = False,
        threads: int | None = None,
        console: Console | None = None,
    ) -> list[Results]:
        """
        Run the model with each seed, and write numbers, table and figures.

        Parameters
        ----------
        seeds : sequence of int
            Each is a run of its own.
        folder : path
            Where ``results.csv``, ``table.md``, ``settings.json``, arrays and figures are written,
            after each seed.
        quick : bool
            At the reduced size.
        overwrite, resume : bool
            Replace the results in the folder, or go on with them, with other seeds too.
        threads : int, optional
            OpenMP threads, 0 for none of OpenMP's; by default one for each core.
        console : Console, optional
            Where to show progress; by default nowhere.

        Returns
        -------
        list of Results
            Of all seeds in the folder, in their order.

        Raises
        ------
        ResultsError
            If the folder holds something else.
        FolderHeldError
            If another process writes to it.
        SettingsError
            If the number of threads is negative.
        MissingPackageError
            If torch is needed and isn't installed.
        """
        if self.needs_torch:
            with needed("torch", f"models.{self.name}", "hebbsim[torch]"):
                import_module("torch")
        n_threads = cores() if threads is None else threads
        if n_threads < 0:
            raise SettingsError(f"threads: expected 0 (without OpenMP) or more, got {threads}")
        settings = self.quick if quick else self.full
        kept = ModelFolder(folder)
        with kept.held():
            kept.check(settings, overwrite=overwrite, resume=resume)
            done = {row.seed for row in kept.begin(settings, resume=resume)}
            left = [seed for seed in seeds if seed not in done]
            show = console is not None
            with progress_bar(self.name, len(left), show=show, console=console) as bar:
                for seed in left:
                    start = perf_counter()
                    bar.announce(f"{self.name}, seed {seed}")
                    with run_preferences(n_threads, self.dtype):
                        own = (kept.state(seed),) if self.goes_on else ()
                        found = self.run(settings, seed, bar.announce, *own)
                    kept.add(seed, found.numbers, found.arrays, perf_counter() - start)
                    kept.state(seed).unlink(missing_ok=True)
                    bar.advance()
            results = [Results(*found) for found in kept.by_seed().values()]
            write_text(kept.table, self.table(results, quick=quick))
            for name, figure in self.figures(settings, results).items():
                save_picture(figure, kept.figure(name))
        return results

    def table(self, results: Sequence[Results], *, quick: bool = False) -> str:
        """Write a line for each claim in Markdown."""
        return claims_table(self.claims, [dict(r.numbers) for r in results], quick=quick)
