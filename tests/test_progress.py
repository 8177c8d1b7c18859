"""Progress bars in notebooks."""

import warnings

import numpy as np
import pytest
from rich import console as rich_console

from hebbsim import progress, rules
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork
from hebbsim.networks.fitting import _progress


@pytest.fixture
def in_a_notebook(monkeypatch):
    """Let rich take this for a notebook without ipywidgets."""
    console = rich_console.Console(force_jupyter=True)
    monkeypatch.setattr("rich._console", console)
    monkeypatch.setattr(progress, "find_spec", lambda name: None)
    return console


def test_no_bar_asks_for_ipywidgets(in_a_notebook):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*ipywidgets")
        with progress.progress_bar("learning", 3) as bar:
            bar.advance()
        with progress.progress_bar("learning", 3, console=in_a_notebook) as bar:
            bar.announce("more")
        with _progress(True, 3) as advance:
            advance(1)
        network = ConvNetwork((1, 3, 3), [ConvLayer(2, 2, rules.Oja())], batch_size=2)
        network.fit(np.ones((2, 1, 3, 3)))


def test_elsewhere_and_with_ipywidgets_bars_are_drawn(in_a_notebook, monkeypatch):
    assert not progress.can_draw()
    assert progress.can_draw(rich_console.Console(force_jupyter=False))
    monkeypatch.setattr(progress, "find_spec", lambda name: object())
    assert progress.can_draw()
