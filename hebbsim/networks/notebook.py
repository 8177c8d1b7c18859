"""Where a progress bar can be drawn."""

from importlib.util import find_spec

from rich import get_console
from rich.console import Console

__all__ = ["can_draw"]


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
