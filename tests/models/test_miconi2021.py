"""Miconi 2021, reproduced in models/miconi2021."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch.nn.functional import avg_pool2d, conv2d
from typer.testing import CliRunner

from hebbsim import rules
from hebbsim.compare.comparison import preferences
from hebbsim.compare.settings import CompareSettings
from hebbsim.errors import SettingsError
from hebbsim.experiments.results import ResultsError
from models.miconi2021 import CONDITIONS, Condition, Settings, build, experiment, run
from models.miconi2021.cli import app
from models.miconi2021.figures import receptive_fields
from models.miconi2021.images import fitted_zca, load_images, mirrored, whitened
from models.miconi2021.results import PIXELS, Results
from models.miconi2021.settings import named_conditions, own_condition
from models.miconi2021.standin import digits_on_photographs

SMALL = (5, 6, 7)
TINY = {"channels": SMALL, "n_train": 200, "n_test": 50, "epochs": 2, "burn_in": 1}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache" / "hebbsim"
    monkeypatch.setattr("models.miconi2021.images.cache_folder", lambda: folder)
    return folder


def tiny(**given):
    return Settings.quick(None, **{**TINY, "batch_size": 50, "threads": 1, **given})


# --- one step, against the update by hand -------------------------------------------------------


def standardized(x):
    return (x - x.mean((1, 2, 3), keepdims=True)) / x.std((1, 2, 3), keepdims=True)


def step_by_hand(x, kernels, thresholds, condition, masks):
    """Compute one step as the paper's formulas say, in numpy: new kernels and thresholds."""
    new_kernels, new_thresholds = [], []
    for w, theta, mask, rate in zip(kernels, thresholds, masks, condition.rates, strict=True):
        x = standardized(x)
        patches = sliding_window_view(x, w.shape[2:], axis=(2, 3))  # n, channels, r, c, kr, kc
        u = np.einsum("ncijab,ocab->noij", patches, w)
        z = u - theta[:, None, None]
        y = (np.arange(len(w))[:, None, None] == z.argmax(1)[:, None]) & (z > 0)
        sum_x = np.einsum("noij,ncijab->ocab", y, patches)
        n_wins = y.sum((0, 2, 3))[:, None, None, None]
        decay = {
            "hebb": 0,
            "instar": n_wins * w,
            "oja": (y**2.0).sum((0, 2, 3))[:, None, None, None] * w,
        }
        w_new = mask * (w + rate * (sum_x - decay[condition.rule]))
        norm = np.sqrt((w_new**2).sum((1, 2, 3), keepdims=True))
        new_kernels.append(w_new / np.where(norm > 0, norm, 1))
        new_thresholds.append(theta + 3.0 * (y.mean((0, 2, 3)) - 1 / len(w)))
        out = np.maximum(z - z.mean(1, keepdims=True), 0) if condition.output == "triangle" else y
        n, channels, rows, cols = out.shape
        x = out.reshape(n, channels, rows // 2, 2, cols // 2, 2).mean((3, 5))
    return new_kernels, new_thresholds


@pytest.mark.parametrize("output", ["wta", "triangle"])
@pytest.mark.parametrize("rule", ["hebb", "instar", "oja"])
def test_a_step_is_the_update_by_hand(rule, output):
    condition = Condition(rule, output, prune=0.5, rates=(1e-3, 1e-3, 1e-2))
    network = build(condition, SMALL, (3, 32, 32), batch_size=4, seed=1)
    batches = np.random.default_rng(0).standard_normal((4, 4, 3, 32, 32))
    network.present(batches[:3], 3, learning=[True] * 3, frozen=True)  # thresholds adapt
    before = [stage.conv.get_kernel("w") for stage in network.stages]
    thresholds = [stage.thresholds for stage in network.stages]
    masks = [np.ones_like(before[0])] + [(w != 0) for w in before[1:]]
    network.present(batches[3:], 1, learning=[True] * 3)
    kernels, adapted = step_by_hand(batches[3], before, thresholds, condition, masks)
    for stage, old, w, theta in zip(network.stages, before, kernels, adapted, strict=True):
        assert np.abs(w - old).max() > 1e-3
        np.testing.assert_allclose(stage.conv.get_kernel("w"), w, rtol=0, atol=1e-5)
        np.testing.assert_allclose(stage.thresholds, theta, rtol=0, atol=1e-5)


@pytest.mark.parametrize("rule", ["hebb", "instar", "oja"])
def test_the_update_is_the_gradient_of_the_papers_loss(rule):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((4, 3, 8, 8)))
    w = torch.from_numpy(rng.standard_normal((6, 3, 3, 3)) / 5).requires_grad_()
    u = conv2d(x, w)
    y = torch.zeros_like(u).scatter(1, u.argmax(1, keepdim=True), 1) * (u > 0)
    half_norm = (w**2).sum((1, 2, 3))[:, None, None] / 2
    f = u - {"hebb": 0, "instar": half_norm, "oja": half_norm * y}[rule]
    f = f + (y - f).detach()  # the value of y with the graph of f
    (-(f**2).sum() / 2).backward()
    patches = sliding_window_view(x.numpy(), (3, 3), axis=(2, 3))
    dw = np.einsum("noij,ncijab->ocab", y.numpy(), patches)
    if rule != "hebb":
        dw -= y.sum((0, 2, 3)).numpy()[:, None, None, None] * w.detach().numpy()
    np.testing.assert_allclose(-w.grad.numpy(), dw, rtol=0, atol=1e-5)


# --- the network --------------------------------------------------------------------------------


def test_published_size():
    network = build(Condition(prune=0.99))
    shapes = [(tuple(s.feature_map.shape), tuple(s.output.shape)) for s in network.stages]
    assert shapes == [
        ((100, 28, 28), (100, 14, 14)),
        ((196, 12, 12), (196, 6, 6)),
        ((400, 4, 4), (400, 2, 2)),
    ]
    kept = [np.mean(stage.conv.get_kernel("w") != 0) for stage in network.stages]
    assert kept == [1, pytest.approx(0.01, rel=0.1), pytest.approx(0.01, rel=0.1)]
    assert [layer.rule for layer in network.layers] == [rules.Instar(r) for r in (1e-4, 1e-4, 1e-3)]
    settings = Settings.full("somewhere")
    assert (settings.epochs, settings.burn_in, settings.batch_size) == (20, 201, 100)
    assert (settings.n_train, settings.n_test, settings.n_zca) == (50_000, 10_000, 9000)


def test_learning_keeps_norms_and_masks_and_the_untrained_keep_kernels(cache):
    settings = tiny()
    images = load_images(settings)
    for condition in (Condition(prune=0.8), Condition(rule=None)):
        network = build(condition, SMALL, images.raw.shape, batch_size=50)
        before = [stage.conv.get_kernel("w") for stage in network.stages]
        experiment.train(network, images.train, settings)
        after = [stage.conv.get_kernel("w") for stage in network.stages]
        for old, new, stage in zip(before, after, network.stages, strict=True):
            np.testing.assert_allclose((new**2).sum((1, 2, 3)), 1, atol=1e-5)
            np.testing.assert_array_equal(new == 0, old == 0)
            assert np.array_equal(new, old) == (condition.rule is None)
            assert np.any(stage.thresholds != 0)


def test_receptive_fields_are_the_linear_response():
    rng = np.random.default_rng(0)
    shapes = [(4, 3, 5, 5), (5, 4, 3, 3), (6, 5, 3, 3)]
    kernels = [rng.standard_normal(shape) for shape in shapes]
    fields = receptive_fields(kernels)
    assert [field.shape for field in fields] == [(4, 3, 5, 5), (5, 3, 10, 10), (6, 3, 20, 20)]
    image = torch.from_numpy(rng.standard_normal((1, 3, 20, 20)))
    response = image
    for number, kernel in enumerate(kernels):
        response = avg_pool2d(response, 2) if number else response
        response = conv2d(response, torch.from_numpy(kernel))
    expected = np.einsum("ocij,cij->o", fields[2], image[0].numpy())
    np.testing.assert_allclose(response[0, :, 0, 0].numpy(), expected)


# --- images -------------------------------------------------------------------------------------


def test_whitening_is_the_papers_and_commutes_with_mirroring(cache):
    images = digits_on_photographs(150, 10).train_images[:, :, :8, :8].copy()
    zca = fitted_zca(images)
    assert [file.suffix for file in cache.iterdir()] == [".npz"]
    x = standardized(images.astype(float))
    x = np.concatenate([x, x[..., ::-1]]).reshape(300, -1)
    values, vectors = np.linalg.eigh(x.T @ x / 2 / 64 + 1e-3 * np.eye(64))
    np.testing.assert_allclose(
        zca.whitening_, (vectors / np.sqrt(values)) @ vectors.T, rtol=1e-3, atol=1e-3
    )
    direct, flipped = whitened(images, zca), whitened(images[..., ::-1], zca)
    np.testing.assert_allclose(direct[..., ::-1], flipped, atol=1e-4)


def test_whitening_is_cached_by_content_and_mended(cache):
    images = digits_on_photographs(40, 10).train_images[:, :, :6, :6].copy()
    first = fitted_zca(images)
    (file,) = cache.iterdir()
    written = file.stat().st_mtime_ns
    np.testing.assert_array_equal(fitted_zca(images).whitening_, first.whitening_)
    assert file.stat().st_mtime_ns == written
    file.write_bytes(b"damaged")
    np.testing.assert_array_equal(fitted_zca(images).whitening_, first.whitening_)
    fitted_zca(1 - images)
    assert len(list(cache.iterdir())) == 2


def test_whitening_sees_no_test_or_validation_images(cache, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "models.miconi2021.images.fitted_zca",
        lambda images: seen.append(images) or fitted_zca(images),
    )
    everything = load_images(tiny())
    part = load_images(tiny(n_train=200, n_test=30, validation=40))
    assert len(seen[0]) == len(seen[1]) == 200
    np.testing.assert_array_equal(seen[1], part.raw.train_images)
    np.testing.assert_array_equal(seen[0], everything.raw.train_images)
    assert len(part.test) == 30
    drawn = digits_on_photographs(240, 10)
    np.testing.assert_array_equal(part.raw.test_images, drawn.train_images[200:230])
    monkeypatch.setattr("models.miconi2021.images.load_dataset", lambda *_: drawn)
    with pytest.raises(SettingsError, match="200 training images beside"):
        load_images(Settings.full("x", validation=40, n_train=240))


def test_layers_are_read_out_together():
    rng = np.random.default_rng(0)
    layers = [rng.random((5, 3, 2, 2)), rng.random((5, 4, 2, 2))]
    joined = experiment.together(layers)
    assert joined.shape == (5, 28)
    np.testing.assert_array_equal(joined[:, :12].reshape(5, 3, 2, 2), layers[0])
    np.testing.assert_array_equal(joined[:, 12:].reshape(5, 4, 2, 2), layers[1])


def test_mirroring():
    batch = np.random.default_rng(0).random((200, 3, 4, 5))
    result = mirrored(batch.copy(), np.random.default_rng(1))
    flipped = (result == batch[..., ::-1]).all((1, 2, 3))
    np.testing.assert_array_equal(result[~flipped], batch[~flipped])
    assert 70 < flipped.sum() < 130


def test_stand_in_is_repeatable():
    first, again = digits_on_photographs(20, 10), digits_on_photographs(20, 10)
    np.testing.assert_array_equal(first.train_images, again.train_images)
    assert first.shape == (1, 32, 32)
    assert not np.array_equal(first.train_images[:10], first.test_images)


# --- runs ---------------------------------------------------------------------------------------


def accuracies(rows, by="hebbsim"):
    return {(r.condition, r.layer): r.accuracy for r in rows if r.computed_by == by}


def sum_w4(rows, condition):
    return next(r.sum_w4 for r in rows if (r.condition, r.layer) == (condition, 3))


@pytest.mark.slow  # a minute; part of `make models`
def test_quick_mode_shows_the_papers_trends(tmp_path, cache):
    names = ["base", "triangle", "pruned"]
    settings = Settings.quick(None, threads=1)
    folder = tmp_path / "results"
    run(settings, named_conditions(names[:2], 0.95), [0], folder, progress=False)
    how = {"resume": True, "check_torch": True, "progress": False}
    rows = run(settings, named_conditions(names, 0.95), [0], folder, **how)
    found = accuracies(rows)
    assert found["base", 3] < found["base", 1] - 0.08
    assert found["triangle", 3] > found["base", 3] + 0.15
    assert found["pruned", 3] > found["pruned", 1] + 0.03
    assert sum_w4(rows, "pruned") > 20 * sum_w4(rows, "triangle")
    # the exported network says the same in torch
    exported = accuracies(rows, "torch")
    assert len(exported) == 4
    for key, accuracy in exported.items():
        assert accuracy == pytest.approx(found[key], abs=0.005)
    results = Results(folder)
    assert accuracies(results.read()) == found
    text = results.table.read_text()
    assert f"{100 * found['pruned', 3]:.2f}" in text
    for figure in (results.accuracy, results.histogram, *map(results.receptive_fields, names)):
        assert figure.read_bytes()[1:4] == b"PNG"


@pytest.mark.slow
@pytest.mark.skipif("HEBBSIM_DATA_ROOT" not in os.environ, reason="no data root")
def test_reduced_size_on_cifar10(tmp_path):
    names = ["untrained", "base", "triangle", "pruned"]
    settings = Settings.quick(os.environ["HEBBSIM_DATA_ROOT"], threads=1)
    assert settings.data == "cifar10"
    rows = run(settings, named_conditions(names, 0.95), [1], tmp_path / "r", progress=False)
    found = accuracies(rows)
    assert found["base", 3] < found["base", 1] - 0.08
    assert found["triangle", 3] > found["base", 3] + 0.15
    assert found["triangle", 1] > found["untrained", 1] + 0.03
    assert found["triangle", 3] > found["triangle", 1]
    assert sum_w4(rows, "pruned") > 20 * sum_w4(rows, "triangle")


def test_interrupted_run_goes_on_where_it_was(tmp_path, cache, monkeypatch):
    settings, conditions = tiny(), named_conditions(["triangle"], 0.9)
    whole = run(settings, conditions, [0, 1], tmp_path / "whole", progress=False)

    shown = []

    def interrupting(batch, rng):
        shown.append(len(batch))
        if len(shown) == 6:  # in the second epoch
            signal.raise_signal(signal.SIGINT)
        return mirrored(batch, rng)

    monkeypatch.setattr(experiment, "mirrored", interrupting)
    with pytest.raises(KeyboardInterrupt):
        run(settings, conditions, [0, 1], tmp_path / "parts", progress=False)
    rows = run(settings, conditions, [0, 1], tmp_path / "parts", resume=True, progress=False)
    assert len(shown) == 16  # of two seeds, two epochs of four batches: none twice
    assert [(r.condition, r.seed, r.layer, r.accuracy, r.sum_w4) for r in rows[1:]] == [
        (r.condition, r.seed, r.layer, r.accuracy, r.sum_w4) for r in whole[1:]
    ]
    for seed in (0, 1):
        for layer in (1, 2, 3):
            kernels = [
                Results(tmp_path / name).kernel("triangle", seed, layer)
                for name in ("whole", "parts")
            ]
            np.testing.assert_array_equal(*kernels)


@pytest.mark.slow
def test_a_program_reads_out_the_same(tmp_path, cache):
    conditions = named_conditions(["pruned"], 0.5)
    rows = {}
    for device in ("runtime", "cpp"):
        settings = tiny(device=device, threads=2)
        found = run(settings, conditions, [0], tmp_path / device, progress=False)
        rows[device] = [row for row in found if row.condition != PIXELS]
    for ours, theirs in zip(rows["cpp"], rows["runtime"], strict=True):
        assert replace(ours, seconds=theirs.seconds) == theirs
    with pytest.raises(SettingsError, match="device 'gpu'"):
        tiny(device="gpu")


def test_resume_adds_conditions_and_refuses_other_settings(tmp_path, cache):
    folder = tmp_path / "r"
    rows = run(tiny(), named_conditions(["base"], 0.9), [0], folder, progress=False)
    more = named_conditions(["base", "pruned-hebb"], 0.9)
    both = run(tiny(threads=2), more, [0], folder, resume=True, progress=False)
    assert len(both) == len(rows) + 4
    assert [r.condition for r in both].count(PIXELS) == 1
    before = {file: file.read_bytes() for file in Results(folder).written()}
    with pytest.raises(ResultsError, match=r"holds results .*--resume"):
        run(tiny(), more, [0], folder, progress=False)
    with pytest.raises(ResultsError, match="epochs is 2 there and 3 here"):
        run(tiny(epochs=3), more, [0], folder, resume=True, progress=False)
    with pytest.raises(ResultsError, match=r"'pruned-hebb' with prune 0\.9"):
        run(
            tiny(), named_conditions(["pruned-hebb"], 0.5), [0], folder, resume=True, progress=False
        )
    assert {file: file.read_bytes() for file in Results(folder).written()} == before
    Results(folder).csv.write_text("something else")
    with pytest.raises(ResultsError, match="its columns are not"):
        run(tiny(), more, [0], folder, resume=True, progress=False)


def test_single_precision_and_threads_are_set_and_put_back(cache):
    from brian2 import prefs

    with preferences(CompareSettings(threads=2)):
        assert build(Condition(), SMALL).stages[0].conv.get_kernel("w").dtype == np.float32
    assert prefs.core.default_float_dtype == np.float64


# --- names and the command line -----------------------------------------------------------------


def test_conditions_by_name_and_by_value():
    everything = named_conditions(["all"], 0.99)
    assert list(everything) == list(CONDITIONS)
    assert everything["untrained"].rule is None
    assert everything["triangle"].prune == 0
    assert own_condition("instar", "triangle", 0.99) == {"pruned": everything["pruned"]}
    assert list(own_condition("instar", "wta", 0.0)) == ["base"]
    assert list(own_condition("oja", "wta", 0.5)) == ["oja-wta-pruned"]
    variants = named_conditions(["search"], 0.95)
    assert variants["published"] == Condition(prune=0.95)
    assert len(set(variants.values())) == len(variants)
    network = build(variants["activity-softmax-0.3"], SMALL)
    assert [layer.temperature for layer in network.layers] == [0.3] * 3


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--rule", "ojaa"], ["unknown rule 'ojaa'", "'oja'"]),
        (["--layer-output", "wto"], ["unknown output", "'wta'"]),
        (["--prune", "1"], ["prune", "below 1", "1.0"]),
        (["--epochs", "0"], ["epochs", "from 1 on", "0"]),
        (["--seed", "0,0"], ["--seed", "'0,0'"]),
        (["--seed", "x"], ["--seed", "'x'"]),
        (["--conditions", "bas"], ["unknown condition", "'base'"]),
        (["--conditions", "all", "--rule", "oja"], ["leave out --rule"]),
        (["--data-root", "/nowhere"], ["'/nowhere'", "no folder"]),
        (["--validation", "-1"], ["validation", "-1"]),
        ([], ["holds results", "--resume", "--overwrite"]),
    ],
)
def test_a_bad_option_changes_nothing(arguments, parts, tmp_path, monkeypatch, cache):
    monkeypatch.delenv("HEBBSIM_DATA_ROOT", raising=False)
    (tmp_path / "table.md").write_text("kept")
    given = [*arguments, "--quick", "--output", str(tmp_path)]
    result = CliRunner().invoke(app, [*given, "--overwrite"] if arguments else given)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line
    assert (tmp_path / "table.md").read_text() == "kept"
    assert [file.name for file in tmp_path.iterdir() if file.name != "cache"] == ["table.md"]


def test_full_mode_needs_a_data_root(monkeypatch, tmp_path):
    monkeypatch.delenv("HEBBSIM_DATA_ROOT", raising=False)
    result = CliRunner().invoke(app, ["--output", str(tmp_path / "r")])
    assert result.exit_code == 2
    assert "--data-root" in result.stderr
    assert not (tmp_path / "r").exists()


def test_command_line_runs_and_reports(monkeypatch, tmp_path, cache):
    monkeypatch.delenv("HEBBSIM_DATA_ROOT", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("models.miconi2021.settings._QUICK", TINY | {"n_train": 300})
    arguments = ["--quick", "--rule", "oja", "--prune", "0.5", "--output", str(tmp_path / "r")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "1 of 1: pruned-oja, seed 0" in result.output
    assert "raw pixels" in result.output
    assert "written to" in result.output
    rows = Results(tmp_path / "r").read()
    assert [(r.condition, r.rule, r.prune, r.layer) for r in rows[1:]] == [
        ("pruned-oja", "oja", 0.5, n) for n in (1, 2, 3, 0)
    ]
