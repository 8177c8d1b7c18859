"""The figures: their parts, and that they can be read as files."""

import matplotlib
import numpy as np
import pytest
from matplotlib import _pylab_helpers
from PIL import Image

from hebbsim.compare.figures import accuracy_figure, filter_figure
from hebbsim.compare.results import Row
from hebbsim.experiments.figures import mosaic, save_figure

RNG = np.random.default_rng(0)


def kernels(channels=1, n=20):
    names = ("random", "Hebb", "Oja")
    return {name: RNG.standard_normal((n, channels, 5, 4)) for name in names}


def rows(seeds=3, layers=2, rules=("random", "Instar", "Oja")):
    found = [Row("digits", "pixels", 0, 0, 0.93, 64, 0.0, "ridge")]
    for number, rule in enumerate(rules):
        for layer in range(1, layers + 1):
            for seed in range(seeds):
                accuracy = 0.9 + 0.02 * number - 0.01 * layer + 0.004 * seed
                found.append(Row("digits", rule, layer, seed, accuracy, 9, 1.0, "ridge"))
    return found


def read(figure, tmp_path):
    path = tmp_path / "figure.png"
    save_figure(figure, path)
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def test_mosaic_lays_filters_out_in_rows():
    kernel = RNG.standard_normal((20, 1, 5, 4))
    image = mosaic(kernel)
    assert image.shape == (2 * 6 - 1, 16 * 5 - 1)
    np.testing.assert_allclose(image[:5, :4], kernel[0, 0] / np.abs(kernel[0]).max())
    np.testing.assert_allclose(image[6:, 5:9], kernel[17, 0] / np.abs(kernel[17]).max())
    assert np.isnan(image[5]).all()
    assert np.isnan(image[:, 4]).all()
    assert np.isnan(image[6:, 4 * 5 :]).all()  # the second row has four filters


def test_mosaic_of_colours():
    kernel = np.zeros((2, 3, 2, 2))
    kernel[0, 0] = 0.5  # red
    image = mosaic(kernel)
    assert image.shape == (2, 5, 4)
    np.testing.assert_allclose(image[0, 0], [1, 0.5, 0.5, 1])
    np.testing.assert_allclose(image[0, 3], [0.5, 0.5, 0.5, 1])  # a filter of zeros
    assert image[0, 2, 3] == 0  # what lies between is transparent


def test_mosaic_averages_other_channels_and_shows_the_first_filters():
    kernel = RNG.standard_normal((100, 2, 3, 3))
    image = mosaic(kernel)
    assert image.shape == (4 * 4 - 1, 16 * 4 - 1)
    mean = kernel[1].mean(axis=0)
    np.testing.assert_allclose(image[:3, 4:7], mean / np.abs(mean).max())


@pytest.mark.parametrize(("channels", "n_axes"), [(1, 4), (2, 4), (3, 3)])
def test_filter_figure_has_a_panel_for_each_rule(channels, n_axes, tmp_path):
    figure = filter_figure(kernels(channels))
    assert len(figure.axes) == n_axes  # with a scale where there are no colours
    panels = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title(loc="left") for ax in panels] == ["random kernels", "Hebb", "Oja"]
    pixels = read(figure, tmp_path)
    assert pixels.shape[1] == 1400
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50


def test_filters_keep_their_shape(tmp_path):
    figure = filter_figure(kernels())
    figure.draw_without_rendering()
    for ax in figure.axes[:3]:
        box = ax.get_window_extent()
        rows, cols = ax.images[0].get_array().shape
        assert box.height / box.width == pytest.approx(rows / cols, rel=0.01)


def test_accuracy_figure_shows_means_seeds_and_pixels(tmp_path):
    figure = accuracy_figure(rows())
    (ax,) = figure.axes
    (legend,) = figure.legends
    names = ["raw pixels", "random kernels", "Instar", "Oja"]
    assert sorted(text.get_text() for text in legend.get_texts()) == sorted(names)
    assert len(ax.containers) == 3 * 2  # rules and layers
    dots = [line for line in ax.lines if line.get_marker() == "."]
    assert [len(line.get_xdata()) for line in dots] == [3] * 6
    drawn = sorted(np.concatenate([line.get_ydata() for line in dots]))
    expected = sorted(100 * row.accuracy for row in rows() if row.layer)
    np.testing.assert_allclose(drawn, expected)
    (dashed,) = (line for line in ax.lines if line.get_linestyle() == "--")
    np.testing.assert_allclose(dashed.get_ydata(), 93)
    assert ax.get_ylabel() == "test accuracy (%)"
    assert read(figure, tmp_path).std() > 5


def test_rules_do_not_share_a_place():
    (ax,) = accuracy_figure(rows(rules=("random", "Hebb", "Instar", "Oja"), layers=3)).axes
    places = [container.lines[0].get_xdata()[0] for container in ax.containers]
    assert len({round(float(place), 6) for place in places}) == 4 * 3
    assert min(np.diff(sorted(places))) > 0.1


def test_a_single_seed_has_no_spread(tmp_path):
    figure = accuracy_figure(rows(seeds=1, layers=1))
    (ax,) = figure.axes
    assert not any(line.get_marker() == "." for line in ax.lines)
    assert not any(container.has_yerr for container in ax.containers)
    assert read(figure, tmp_path).std() > 5


def test_pyplot_keeps_nothing(tmp_path):
    backend = matplotlib.rcParams._get_backend_or_none()
    read(filter_figure(kernels()), tmp_path)
    read(accuracy_figure(rows()), tmp_path)
    assert _pylab_helpers.Gcf.get_num_fig_managers() == 0
    assert matplotlib.rcParams._get_backend_or_none() == backend
