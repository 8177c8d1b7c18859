"""SoftHebb: read-outs against others', learning in parts, and the quick run."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge

from hebbsim.experiments.figures import save_picture
from hebbsim.experiments.preferences import run_preferences
from models.common.claim import failing
from models.softhebb2023.ablations.__main__ import MODEL as ABLATIONS_MODEL
from models.softhebb2023.claims import CLAIMS
from models.softhebb2023.experiment import features, learn, run
from models.softhebb2023.figures import pictures
from models.softhebb2023.images import load_images
from models.softhebb2023.model import ABLATIONS, build, layers
from models.softhebb2023.readout import by_gradients, ridge
from models.softhebb2023.settings import FULL, PRESETS, QUICK


def classes(n, n_features, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    means = np.random.default_rng(9).standard_normal((3, n_features)) * 2 / np.sqrt(n_features)
    return 2 + means[labels] + rng.standard_normal((n, n_features)), labels


@pytest.mark.parametrize(("n", "n_features"), [(1500, 20), (1100, 1300)])
def test_ridge_is_scikit_learns(n, n_features):
    """By features and by images; more of both than are computed with at a time."""
    train, labels = classes(n, n_features, 0)
    test, truth = classes(1200, n_features, 1)
    total = ((train - train.mean(0)) ** 2).sum()
    model = Ridge(alpha=0.01 * total).fit(train, np.eye(3)[labels])
    expected = model.predict(test).argmax(1)
    found = ridge(train, labels, test, 0.01)
    assert (found == expected).mean() > 0.998  # in single precision
    assert 0.5 < (found == truth).mean() < 1


@pytest.mark.parametrize("n", [30, 80])
def test_ridge_asks_for_finite_features(n):
    train, labels = classes(n, 50, seed=1)
    train[3, 4] = np.inf
    expected = pytest.raises(ValueError, match="expected finite features")
    with np.errstate(invalid="ignore"), expected:
        ridge(train, labels, train, 1e-3)


def test_the_classifier_learns_from_features_in_half_precision():
    train, labels = classes(2000, 40, 0)
    test, truth = classes(1000, 40, 1)
    guessed = by_gradients(train.astype(np.float16), labels, test.astype(np.float16), 30, seed=0)
    best = (ridge(train, labels, test, 1e-3) == truth).mean()
    assert (guessed == truth).mean() > best - 0.05 > 0.6
    again = by_gradients(train.astype(np.float16), labels, test.astype(np.float16), 30, seed=0)
    assert_array_equal(guessed, again)


def test_sizes_are_those_of_the_preset():
    shape = (3, 32, 32)
    sizes = []
    for layer in layers("cifar10", FULL.channels, ABLATIONS["one layer"].__class__()):
        shape = layer.output_shape(shape)
        sizes.append(shape)
    assert sizes == [(96, 16, 16), (384, 8, 8), (1536, 4, 4)]
    assert len(layers("cifar10", FULL.channels, ABLATIONS["two layers"])) == 2
    shape = (3, 96, 96)
    stl = [layer.channels for layer in PRESETS["stl10"]]
    for layer in layers("stl10", stl, ABLATIONS["one layer"].__class__()):
        shape = layer.output_shape(shape)
    assert shape == (6144, 6, 6)


@pytest.mark.parametrize("layer_by_layer", [False, True])
def test_what_was_stopped_goes_on_from_the_last_part(layer_by_layer, tmp_path):
    images = load_images(replace(QUICK, n_train=60, n_test=20))

    def stop(text):
        if "part 3" in text and ("[1]" in text or not layer_by_layer):
            raise KeyboardInterrupt

    how = {"parts": 3, "layer_by_layer": layer_by_layer}
    with run_preferences(1, "float32"):
        networks = [
            build(replace(QUICK, channels=(6, 8)), images.shape, 0, ABLATIONS["two layers"])
            for _ in range(3)
        ]
        assert learn(networks[0], images.shown, **how) == 1
        state = tmp_path / "state.npz"
        with pytest.raises(KeyboardInterrupt):
            learn(networks[1], images.shown, **how, checkpoint=state, announce=stop)
        left = learn(networks[2], images.shown, **how, checkpoint=state)
        assert left == pytest.approx(1 / 6 if layer_by_layer else 1 / 3)
        whole, resumed = (features(networks[n], images.test) for n in (0, 2))
    assert_array_equal(whole, resumed)
    assert whole.dtype == np.float16
    assert whole.shape == (20, 8 * 8 * 8)
    assert whole.astype(float).std() > 0


def test_an_image_and_its_mirror_image_have_the_same_mean_features():
    images = load_images(replace(QUICK, n_train=30, n_test=20)).test
    with run_preferences(1, "float32"):
        network = build(replace(QUICK, channels=(6, 8)), images.shape[1:], 0)
        both = [np.ascontiguousarray(images[..., ::step]) for step in (1, -1)]
        alone = [features(network, of) for of in both]
        together = [features(network, of, mirrored=True) for of in both]
    assert_array_equal(together[0], together[1])
    assert np.abs(alone[0].astype(float) - alone[1]).max() > 0.1 * alone[0].max()
    assert_allclose(together[0], np.mean(alone, 0, dtype=float), rtol=2e-3)  # in half precision


@pytest.mark.slow
def test_quick_run_goes_on_where_it_was_stopped(tmp_path):
    state = tmp_path / "seed0.npz"

    def stop(text):
        if text.endswith("ridge"):
            raise KeyboardInterrupt

    with run_preferences(1, "float32"):
        with pytest.raises(KeyboardInterrupt):
            run(QUICK, 0, stop, state)
        told = []
        found = run(QUICK, 0, told.append, state)
    assert told == [
        "loading",
        "all at once: features of layer 3",
        "all at once: layer 3, ridge",
    ]
    assert failing(CLAIMS, [dict(found.numbers)], quick=True) == []
    draw(QUICK, found, tmp_path, 2)


@pytest.mark.slow
def test_each_layer_schedule_and_ablation_is_a_row(tmp_path):
    images = {"n_train": 200, "n_test": 100, "n_ablation": 100, "n_ablation_test": 50}
    small = {"channels": (4, 6, 8), "epochs": 2, "ablations": ("hard winners", "two layers")}
    settings = replace(ABLATIONS_MODEL.full, data="stand-in", **images, **small)
    with run_preferences(1, "float32"):
        found = run(settings, 0)
    quantities = {claim.quantity for claim in ABLATIONS_MODEL.claims}
    left = {name for name in quantities if name not in found.numbers}
    assert all("ablation" in name or "trained -" in name for name in left)
    assert len(quantities & found.numbers.keys()) == 12 + 1 + 2 * 2
    draw(settings, found, tmp_path, 4)


@pytest.mark.slow
def test_quick_ablations_go_on_where_they_were_stopped(tmp_path):
    state = tmp_path / "seed0.npz"

    def stop(text):
        if text == "untrained":
            raise KeyboardInterrupt

    settings, told = ABLATIONS_MODEL.quick, []
    with run_preferences(1, "float32"):
        with pytest.raises(KeyboardInterrupt):
            run(settings, 0, stop, state)
        found = run(settings, 0, told.append, state)
    assert told == ["loading", "untrained"]
    assert failing(ABLATIONS_MODEL.claims, [dict(found.numbers)], quick=True) == []
    assert found.numbers["trained - untrained"] != 0
    draw(settings, found, tmp_path, 1)


def draw(settings, found, folder, n):
    for name, figure in pictures(settings, [found]).items():
        save_picture(figure, folder / name)
    assert len(list(folder.glob("*.png"))) == n
