"""The report of a comparison: one page with everything inside, that a browser shows."""

import re

import numpy as np
import pytest
from browser_cases import chromium

from hebbsim.compare.curves import CurveRow, Curves
from hebbsim.compare.figures import accuracy_figure, filter_figure, learning_figure
from hebbsim.compare.page import report_page
from hebbsim.compare.results import ResultsFolder, Row
from hebbsim.compare.settings import CompareSettings
from hebbsim.experiments.figures import save_figure

RULES = ("Hebb", "<Oja>")


def row(rule, layer, seed, accuracy):
    return Row("digits", rule, layer, seed, accuracy, 9, 1.0, "ridge")


@pytest.fixture
def results(tmp_path):
    folder = ResultsFolder(tmp_path)
    curves = [
        CurveRow(rule, layer, 0, epoch, 1 / epoch)
        for rule in RULES
        for layer in (1, 2)
        for epoch in (1, 2, 3)
    ]
    kernels = {rule: np.random.default_rng(0).normal(size=(4, 1, 3, 3)) for rule in RULES}
    save_figure(learning_figure(curves), folder.learning)
    save_figure(filter_figure(kernels), folder.filters)
    save_figure(accuracy_figure(rows()), folder.accuracy)
    return folder


def rows():
    found = [row("pixels", 0, 0, 0.9)]
    rules = (("random", 0.8), (RULES[0], 0.85), (RULES[1], 0.9125))
    return found + [row(rule, layer, 0, value) for rule, value in rules for layer in (1, 2)]


def test_the_page_holds_all_and_nothing_from_elsewhere(results):
    page = report_page(results, CompareSettings(), rows())
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert [s for s in sources if not s.startswith("data:")] == []
    assert len(re.findall(r'src="data:image/png;base64,[A-Za-z0-9+/=]{1000,}"', page)) == 3
    assert "//" not in re.sub(r"data:[^\"]*", "", page)
    assert "<td>91.25</td><td>+11.25</td><td>+1.25</td>" in page
    assert "&lt;Oja&gt;" in page
    assert "<Oja>" not in page
    best = re.findall(r'class="best">(.*?)</tr>', page)
    assert len(best) == 1
    assert "91.25" in best[0]
    assert "hebbsim compare --settings settings.json" in page
    for name in ("learning_rate", "n_train", "zca_epsilon"):
        assert f"<code>{name}</code>" in page


def test_without_curves_the_page_has_none(results):
    results.learning.unlink()
    assert "Learning curves" not in report_page(results, CompareSettings(), rows())


def test_curves_of_a_network_take_the_place_of_earlier_ones(tmp_path):
    curves = Curves(ResultsFolder(tmp_path))
    curves.append([CurveRow("Oja", 1, 0, 1, 0.5), CurveRow("Oja", 1, 0, 2, 0.25)])
    curves.append([CurveRow("Oja", 1, 1, 1, 0.125)])
    curves.append([CurveRow("Oja", 1, 0, 1, 0.75)])
    assert curves.read() == [CurveRow("Oja", 1, 1, 1, 0.125), CurveRow("Oja", 1, 0, 1, 0.75)]


@pytest.mark.parametrize("width", [1000, 390])
def test_a_browser_shows_the_page(results, width):
    results.report.write_text(report_page(results, CompareSettings(), rows()))
    with chromium() as browser:
        wrong = []
        page = browser.new_page(viewport={"width": width, "height": 800}, offline=True)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(results.report.as_uri())
        assert page.evaluate("[...document.images].every(i => i.naturalWidth > 100)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("img").count() == 3
        assert page.locator("tbody tr").count() >= 7
        assert wrong == []
