"""The scripts of the documentation run as they stand, and its links lead somewhere."""

import re
from pathlib import Path

import numpy as np
import pytest
from brian2 import BrianLogger, prefs, start_scope

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "from_synapses.md").read_text(), re.S)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_scripts_run(number):
    """The first is whole; each later one takes the place of its convolution."""
    BrianLogger.suppress_name("resolution_conflict")
    setup, _, running = BLOCKS[0].partition("conv = ")
    convolution = f"conv = {running}"
    if number > 0:
        convolution = f"{BLOCKS[number]}\nconv.w = 0.008\nlayer.v = '2*rand()'\n"
    code = setup + convolution.replace("run(100*ms)", "")
    scope: dict[str, object] = {}
    start_scope()
    exec(f"{code}\nprefs.codegen.target = 'numpy'\nseed(1)\nrun(30*ms)", scope)
    weights = scope["conv"].w[:]
    assert np.isfinite(weights).all()
    assert np.any(weights != 0.008)


def test_the_first_rule_of_ones_own_runs(tmp_path, monkeypatch):
    """As it stands, but smaller."""
    page = (ROOT / "docs" / "start.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    prefs.codegen.target = "numpy"
    scope: dict[str, object] = {}
    code = code.replace("epochs=5", "progress=False").replace("ConvLayer(16", "ConvLayer(2")
    exec(code, scope)
    assert scope["network"].stages[0].conv.get_kernel("w").shape == (2, 1, 5, 5)
    assert (tmp_path / "own_rule.png").exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    """The build checks links into what it writes."""
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    for link in links:
        written = link.removeprefix("../").startswith(("gallery/", "models/", "tutorials/"))
        assert link.startswith("http") or written or (page.parent / link).exists(), link
