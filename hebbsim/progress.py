"""A progress bar that says what is being done."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from rich import get_console
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["Bar", "can_draw", "progress_bar"]


def can_draw(console: Console | None = None) -> bool:
    """Whether a progress bar can be drawn: in a notebook that takes ipywidgets.

    Without them rich warns with each bar, and draws none.

    Parameters
    ----------
    console : Console, optional
        Where the bar would be; by default rich's own.
    """
    console = get_console() if console is None else console
    return not console.is_jupyter or find_spec("ipywidgets") is not None


class Bar:
    """
    Move a progress bar on.

    Parameters
    ----------
    progress : Progress
        What shows it.
    task : TaskID
        Which of its bars it is.
    """

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def announce(self, text: str) -> None:
        """Say what is being done."""
        self._progress.update(self._task, description=text)

    def advance(self, n: int = 1) -> None:
        """Count what is done."""
        self._progress.advance(self._task, n)


@contextmanager
def progress_bar(
    text: str, total: int, *, show: bool = True, console: Console | None = None
) -> Iterator[Bar]:
    """
    Show a progress bar for the time being.

    Parameters
    ----------
    text : str
        What is done first.
    total : int
        How much there is to do.
    show : bool
        Without it nothing is shown, and the bar can be moved all the same.
    console : Console, optional
        Where to show it.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    shown = show and can_draw(console)
    with Progress(*columns, console=console, disable=not shown, transient=True) as progress:
        yield Bar(progress, progress.add_task(text, total=total))
