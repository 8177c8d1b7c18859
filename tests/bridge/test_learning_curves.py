"""Learning curves: a row an epoch, readable at any time, gone on with where a run is resumed."""

import csv
import importlib.util

import numpy as np
import pytest
from networks_cases import images, kernels, two_layers

from hebbsim import LearningCurves

LABELS = np.arange(60) % 3


@pytest.mark.usefixtures("numpy_target")
def test_a_row_an_epoch_holds_what_became_of_the_network(tmp_path):
    path, network = tmp_path / "curves.csv", two_layers()
    curves = LearningCurves(path, probe=(images(), LABELS))
    seen = []

    class Watched:
        def after_batch(self, network, depth):
            seen.append([stage.output.get_maps("output").copy() for stage in network.stages])
            curves.after_batch(network, depth)

        def after_epoch(self, network):
            curves.after_epoch(network)
            with path.open(newline="") as file:
                assert len(list(csv.DictReader(file))) == network.learned.epochs

    network.fit(images(), epochs=2, progress=False, callback=Watched())
    row = curves.rows[-1]
    assert [r["epoch"] for r in curves.rows] == [1, 2]
    for number, kernel in enumerate(kernels(network)):
        layer = f"layer{number + 1}"
        maps = np.concatenate([batch[number] for batch in seen[6:]])
        assert row[f"{layer}.rate"] == pytest.approx(maps.mean())
        active = (maps > 0).any(1)
        shares = [(maps.argmax(1)[active] == c).mean() for c in range(maps.shape[1])]
        assert row[f"{layer}.win_share"] == pytest.approx(max(shares))
        assert row[f"{layer}.silent"] == np.mean(np.array(shares) == 0)
        norms = np.linalg.norm(kernel.reshape(len(kernel), -1), axis=1)
        assert row[f"{layer}.norm"] == pytest.approx(norms.mean())
    assert 0 <= row["decoding"] <= 1

    plain = two_layers()
    plain.fit(images(), epochs=2, progress=False)
    for one, two in zip(kernels(plain), kernels(network), strict=True):
        np.testing.assert_array_equal(one, two)  # looking changes nothing

    with pytest.raises(FileExistsError, match="resume=True"):
        LearningCurves(path)
    resumed = LearningCurves(path, resume=True)
    assert resumed.rows == curves.rows
    network.fit(images(), layerwise=True, progress=False, callback=resumed)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[2]["layer2.rate"] == ""  # the second layer wasn't computed
    with pytest.raises(ValueError, match="has rows up to epoch 4, and the network learns its ep"):
        two_layers().fit(images(), progress=False, callback=resumed)
    assert path.read_text().splitlines()[-1].startswith("4,")
    path.write_text("epoch,rate\n1,what\n")
    with pytest.raises(ValueError, match="expected the table"):
        LearningCurves(path, resume=True)


@pytest.mark.usefixtures("numpy_target")
def test_the_probe_has_each_class_on_both_sides(tmp_path):
    """Of labels that alternate, every other one would be of other classes."""
    labels = np.arange(60) % 2
    probe = np.zeros((60, *images().shape[1:])) + labels[:, None, None, None]
    probe[..., :2] = 0.5
    curves = LearningCurves(tmp_path / "curves.csv", probe=(probe, labels))
    two_layers().fit(images(), progress=False, callback=curves)
    assert curves.rows[0]["decoding"] == 1
    with pytest.raises(ValueError, match="at least two classes"):
        LearningCurves(tmp_path / "other.csv", probe=(probe[:2], labels[:2] * 0))


@pytest.mark.usefixtures("numpy_target")
def test_a_callback_that_fails_or_is_none_loses_nothing(tmp_path):
    class Failing:
        def after_batch(self, network, depth):
            pass

        def after_epoch(self, network):
            raise OSError("no space left")

    state, network = tmp_path / "state.npz", two_layers()
    with pytest.raises(TypeError, match="expected an object with after_batch and after_epoch"):
        network.fit(images(), progress=False, callback=print)
    with pytest.raises(OSError, match="no space left"):
        network.fit(images(), epochs=2, progress=False, checkpoint=state, callback=Failing())
    again = two_layers()
    before = kernels(again)[0].copy()
    with pytest.raises(ValueError, match="expected a number of bytes"):
        again.fit(images(), epochs=2, checkpoint=state, resume=True, keep_outputs=-1)
    np.testing.assert_array_equal(kernels(again)[0], before)
    again.fit(images(), epochs=2, progress=False, checkpoint=state, resume=True)
    assert (network.learned.epochs, again.learned.epochs) == (1, 2)


def test_without_tensorboard_it_says_what_to_install(tmp_path):
    if importlib.util.find_spec("tensorboard"):
        pytest.skip("tensorboard is installed")
    with pytest.raises(
        ModuleNotFoundError, match=r"needs the package tensorboard.*pip install 'tensorboard'"
    ):
        LearningCurves(tmp_path / "curves.csv", tensorboard=tmp_path / "board")


@pytest.mark.usefixtures("numpy_target")
@pytest.mark.filterwarnings("ignore")  # tensorboard's own
def test_tensorboard_gets_the_same_values(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard isn't installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = LearningCurves(tmp_path / "curves.csv", tensorboard=tmp_path / "board")
    two_layers().fit(images(), progress=False, callback=curves)
    events = EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    (event,) = events.Scalars("layer1/rate")
    assert (event.step, event.value) == (1, pytest.approx(curves.rows[0]["layer1.rate"]))
