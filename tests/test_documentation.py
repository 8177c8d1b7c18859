"""The documentation leaves nothing out; what it says is built and run by `make docs`."""

import re
from pathlib import Path

import pytest

import hebbsim
from hebbsim import rules

DOCS = Path(__file__).parents[1] / "docs"
#: Written by the build, each with an index of its own
GENERATED = {"tutorials/index", "gallery/index", "models/index"}


def listed_pages(page):
    """Return the pages in a page's toctrees, relative to `docs`."""
    blocks = re.findall(r"```\{toctree\}(.*?)```", page.read_text(), re.S)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    folder = page.parent.relative_to(DOCS)
    return [str(folder / line) for line in lines if line and not line.startswith(":")]


def test_the_reference_names_all_that_is_exported():
    text = (DOCS / "reference.rst").read_text()
    everything, of_rules = text.split(".. currentmodule:: hebbsim.rules")
    listed = re.findall(r"^   (\w+)$", everything, re.M)  # what has a dot is not exported
    assert sorted(listed) == sorted({*hebbsim.__all__} - {"rules", "Rule"})
    assert sorted(re.findall(r"^   (\w+)$", of_rules, re.M)) == sorted(rules.__all__)


@pytest.mark.parametrize("name", rules.__all__)
def test_every_rule_has_a_page_with_a_figure(name):
    page = (DOCS / "rules" / f"{name}.md").read_text()
    assert f"```{{rule}} {name}\n" in page
    assert f"autoclass:: hebbsim.rules.{name}\n" in page
    figures = (DOCS / "extensions" / "rule_figures.py").read_text()
    assert f'    "{name}": ' in figures.partition("FIGURES: ")[2]


def test_every_page_is_in_the_contents():
    sources = [*DOCS.glob("*.md"), *DOCS.glob("*.rst"), *(DOCS / "rules").glob("*.md")]
    pages = {str(source.relative_to(DOCS).with_suffix("")) for source in sources}
    pages -= {"sg_execution_times"}  # the build's
    listed = listed_pages(DOCS / "index.md") + listed_pages(DOCS / "rules" / "index.md")
    assert len(set(listed)) == len(listed)
    assert {*listed, "index"} == pages | GENERATED
