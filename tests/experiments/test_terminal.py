"""Tables on a terminal of 80 columns are whole."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from hebbsim.experiments.tables import markdown_table
from hebbsim.experiments.terminal import print_markdown
from models.miconi2021.results import ALL_LAYERS, Row, table

WORDS = st.text("abcdefg-", min_size=1, max_size=12)
CELLS = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)


def printed(text, width=80):
    console = Console(width=width, file=io.StringIO())
    print_markdown(console, text)
    return console.file.getvalue()


def miconi():
    common = {"rule": "instar", "output": "triangle", "prune": 0.99, "seconds": 1.0}
    names = set(Row.__dataclass_fields__)
    rows = []
    for condition in ("untrained", "pruned-hebb"):
        for seed in range(3):
            for layer in (0, 1, 2, 3):
                values = {"condition": condition, "seed": seed, "layer": layer, **common}
                values |= {
                    "accuracy": 0.6 + 0.01 * seed,
                    "sum_w4": 0.123,
                    "features": "last" if layer else ALL_LAYERS,
                }
                values |= {"computed_by": "hebbsim", "n_features": 100}
                fields = {n: f.type for n, f in Row.__dataclass_fields__.items()}
                missing = {n: 0 if fields[n] in (int, float) else "" for n in names - set(values)}
                rows.append(Row(**{n: v for n, v in (values | missing).items() if n in names}))
    return table(rows)


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_heading_and_no_number_of_miconis_table_is_cut(width):
    shown = printed(miconi(), width)
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width
    words = {word for line in shown.splitlines() for word in line.split()}
    assert {"condition", "pruned-hebb", "features", "output", "0.123", "layer"} <= words
    assert "61.00 ± 1.00" in shown
    assert np.count_nonzero(["condition" in line for line in shown.splitlines()]) == (
        1 if width == 200 else 2
    )


@settings(max_examples=25)
@given(data=st.data(), n=st.integers(1, 9), width=st.integers(60, 120))
def test_every_word_is_whole(data, n, width):
    headings, *lines = data.draw(
        st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=2, max_size=4)
    )
    shown = printed(markdown_table(headings, lines, headings[:1]), width)
    assert max(map(len, shown.splitlines())) <= width
    words = {word for line in shown.splitlines() for word in line.split()}
    for line in (headings, *lines):
        for cell in line:
            assert set(cell.split()) <= words


def test_what_is_no_table_is_markdown():
    shown = printed("A **bold** word.\n\n| a | b |\n| :--- | ---: |\n| x | 1.0 |\n\nAfter.")
    assert "A bold word." in shown
    assert "After." in shown
    assert shown.index("bold") < shown.index("x") < shown.index("After")
