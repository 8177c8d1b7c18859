"""Checkpoints that can't be gone on with."""

import json
from dataclasses import replace

import numpy as np
import pytest
from brian2 import prefs
from networks_cases import SHAPE, assert_same, images, kernels, two_layers

from hebbsim import ConvNetwork, rules
from hebbsim.networks.checkpoint import CheckpointError, Position, load_checkpoint, save_checkpoint


def test_checkpoint_of_another_network_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    save_checkpoint(two_layers(seed=1), path, Position())
    other = two_layers(seed=2)
    before = kernels(other)
    with pytest.raises(CheckpointError, match=r"another network: seed is 1 there and 2 here"):
        load_checkpoint(other, path)
    with pytest.raises(CheckpointError, match=r"layers\[0\].rule.equations is"):
        load_checkpoint(two_layers(rules.Hebb("2/n_shared"), seed=1), path)
    for old, new in zip(before, kernels(other), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.98])
def test_truncated_checkpoint_is_refused_and_kept(tmp_path, keep):
    path = tmp_path / "state.npz"
    network = two_layers()
    save_checkpoint(network, path, Position())
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if keep < 1 else keep])
    left = path.read_bytes()
    with pytest.raises(CheckpointError, match="no readable checkpoint"):
        network.fit(images(), checkpoint=path, resume=True, progress=False)
    assert path.read_bytes() == left


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="is a folder; name the checkpoint file in it"):
        load_checkpoint(two_layers(), tmp_path)


FIT = {"epochs": 2, "burn_in": 3, "progress": False}


@pytest.fixture
def begun(tmp_path):
    """A checkpoint after the first of two epochs."""
    path = tmp_path / "state.npz"

    def interrupt(batch, rng):
        if path.exists():  # in the second epoch
            raise InterruptedError
        return batch

    with pytest.raises(InterruptedError):
        two_layers().fit(images(), checkpoint=path, augment=interrupt, **FIT)
    return path


def other_images():
    data = images()
    data[59, 0, 7, 7] = np.nextafter(data[59, 0, 7, 7], 1)
    return data


OTHER = {
    "another image": (other_images(), {}, r"images\.values is '[0-9a-f]{64}' there and '"),
    "images in another order": (images()[::-1], {}, r"images\.values is "),
    "fewer images": (images()[:50], {}, r"images\.shape\[0\] is 60 there and 50 here"),
    "more images": (images(70), {}, r"images\.shape\[0\] is 60 there and 70 here"),
    "bytes": ((255 * images()).astype(np.uint8), {}, "dtype is 'float64' there and 'uint8' here"),
    "single precision": (images().astype(np.float32), {}, "dtype is 'float64' there and 'float32'"),
    "layerwise": (images(), {"layerwise": True}, "layerwise is False there and True here"),
    "other layers": (images(), {"layers": [1]}, r"layers is \[0, 1\] there and \[1\] here"),
    "no burn-in": (images(), {"burn_in": 0}, "burn_in is 3 there and 0 here"),
    "longer burn-in": (images(), {"burn_in": 4}, "burn_in is 3 there and 4 here"),
    "fewer epochs": (images(), {"epochs": 1}, "epochs is 2 there and 1 here"),
}


@pytest.mark.parametrize("name", OTHER)
def test_another_fit_is_not_gone_on_with(begun, name):
    data, changes, message = OTHER[name]
    network, left = two_layers(), begun.read_bytes()
    with pytest.raises(CheckpointError, match=message) as error:
        network.fit(data, checkpoint=begun, resume=True, **(FIT | changes))
    assert "of other images or another schedule" in str(error.value)
    assert "overwrite=True to start anew, or another file" in str(error.value)
    assert_same(network, two_layers())
    assert network.time == 0
    assert begun.read_bytes() == left


def test_all_that_differs_is_named(begun):
    with pytest.raises(CheckpointError) as error:
        two_layers().fit(images(70), checkpoint=begun, resume=True, layerwise=True, progress=False)
    message = str(error.value)
    for said in ("burn_in is 3", "epochs is 2 there and 1", "images.shape[0] is 60 there and 70"):
        assert said in message
    assert "images.values is" in message
    assert "layerwise is False there and True here. Give" in message


def test_of_many_differences_the_first_are_named(begun):
    first, second = two_layers().layers
    other = replace(first, out_channels=7, padding=1, norm=2.0, activity="graded", output="linear")
    network = ConvNetwork(SHAPE, [other, second], batch_size=20)
    with pytest.raises(CheckpointError, match=r"batch_size is 10 .*channels is 6 .*; and 1 more\."):
        network.fit(images(), checkpoint=begun, resume=True, **FIT)


def test_the_same_images_elsewhere_are_the_same(begun, tmp_path):
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", float, (60, *SHAPE))
    mapped[:] = images()
    network, whole = two_layers(), two_layers()
    network.fit(mapped, checkpoint=begun, resume=True, **FIT)
    whole.fit(images(), **FIT)
    assert_same(network, whole)


@pytest.mark.parametrize("epochs", [3, 5])
def test_more_epochs_are_gone_on_for(begun, epochs):
    whole, network = two_layers(), two_layers()
    whole.fit(images(), **(FIT | {"epochs": epochs}))
    network.fit(images(), checkpoint=begun, resume=True, **(FIT | {"epochs": epochs}))
    assert_same(network, whole)
    # and what has come to its end is gone on with too
    again = two_layers()
    again.fit(images(), checkpoint=begun, resume=True, **(FIT | {"epochs": epochs + 1}))
    whole = two_layers()
    whole.fit(images(), **(FIT | {"epochs": epochs + 1}))
    assert_same(again, whole)
    with pytest.raises(CheckpointError, match=f"epochs is {epochs + 1} there and 2 here"):
        two_layers().fit(images(), checkpoint=begun, resume=True, **FIT)


def test_more_epochs_layer_by_layer_are_for_the_first_layer_alone(tmp_path):
    path, given = tmp_path / "state.npz", {"layerwise": True, "progress": False}
    two_layers().fit(images(), epochs=1, checkpoint=path, **given)
    with pytest.raises(CheckpointError, match="epochs is 1 there and 2 here"):
        two_layers().fit(images(), epochs=2, checkpoint=path, resume=True, **given)
    position = Position(0, 1)
    fitted = {"epochs": 1, "layerwise": True}
    save_checkpoint(two_layers(), path, position, fitted)
    more = {"epochs": 2, "layerwise": True}
    assert load_checkpoint(two_layers(), path, more) == position


def test_a_finished_run_has_nothing_left_to_learn(tmp_path):
    path, network = tmp_path / "state.npz", two_layers()
    network.fit(images(), checkpoint=path, **FIT)
    again = two_layers()
    again.fit(images(), checkpoint=path, resume=True, **FIT)
    assert_same(again, network)


def test_another_precision_is_refused(begun):
    prefs.core.default_float_dtype = np.float32
    network = two_layers()
    before = kernels(network)
    with pytest.raises(CheckpointError, match=r"holds '.*' in float64, and the .* in float32; set"):
        network.fit(images(), checkpoint=begun, resume=True, **FIT)
    for old, new in zip(before, kernels(network), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out_channels": 7}, r"layers\[0\]\.out_channels is 6 there and 7 here"),
        ({"kernel_size": 2}, r"layers\[0\]\.kernel_size is 3 there and 2 here"),
        ({"threshold_step": 0.4}, r"layers\[0\]\.threshold_step is 0\.5 there and 0\.4 here"),
        ({"rule": rules.Oja("3/n_shared")}, r"layers\[0\]\.rule\.learning_rate is '2/n_shared'"),
        ({"rule": None}, r"layers\[0\]\.rule is \{.*\} there and None here"),
    ],
)
def test_another_layer_is_not_gone_on_with(begun, changes, message):
    first, second = two_layers().layers
    network = ConvNetwork(SHAPE, [replace(first, **changes), second], batch_size=10)
    with pytest.raises(CheckpointError, match=rf"of another network: {message}"):
        network.fit(images(), checkpoint=begun, resume=True, **FIT)


# What is there isn't replaced without being told to


@pytest.mark.parametrize("content", [None, b"", b"something else"])
def test_a_file_that_is_there_is_left_alone(begun, content):
    if content is not None:
        begun.write_bytes(content)
    network, left = two_layers(), begun.read_bytes()
    with pytest.raises(CheckpointError, match=r"exists; give resume=True .*, overwrite=True to"):
        network.fit(images(), checkpoint=begun, **FIT)
    assert_same(network, two_layers())
    assert begun.read_bytes() == left


def test_overwriting_starts_anew(begun):
    network, whole = two_layers(), two_layers()
    network.fit(images(seed=1), checkpoint=begun, overwrite=True, **FIT)
    whole.fit(images(seed=1), **FIT)
    assert_same(network, whole)
    assert load_checkpoint(two_layers(), begun) == Position(0, 2)


def test_a_file_that_isnt_there_is_no_reason_to_stop(tmp_path):
    for number, how in enumerate(({}, {"resume": True}, {"overwrite": True})):
        path = tmp_path / "new" / f"{number}.npz"
        two_layers().fit(images(), checkpoint=str(path), **FIT, **how)
        assert path.exists()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"resume": True}, "resume=True: there is no checkpoint; give checkpoint="),
        ({"overwrite": True}, "overwrite=True: there is no checkpoint; give checkpoint="),
        ({"resume": True, "overwrite": True, "checkpoint": "x"}, "give one of them, not both"),
    ],
)
def test_options_that_mean_nothing(how, message):
    with pytest.raises(ValueError, match=message):
        two_layers().fit(images(), progress=False, **how)


def test_a_folder_in_its_place_is_found_before_anything_is_learned(tmp_path):
    for how in ({}, {"resume": True}, {"overwrite": True}):
        network = two_layers()
        with pytest.raises(CheckpointError, match="is a folder; name the checkpoint file in it"):
            network.fit(images(), checkpoint=tmp_path, **FIT, **how)
        assert_same(network, two_layers())


def test_a_folder_that_cant_be_made_is_found_before_anything_is_learned(tmp_path):
    (tmp_path / "file").write_text("")
    network = two_layers()
    with pytest.raises(OSError, match="file"):
        network.fit(images(), checkpoint=tmp_path / "file" / "state.npz", **FIT)
    assert_same(network, two_layers())


def own_rule(**constants):
    return rules.Rule(equations="dw = q*y_post*x_pre - w*y_post : 1 (summed)", constants=constants)


def test_what_a_checkpoint_cant_describe_is_found_before_anything_is_learned(tmp_path):
    network = two_layers(own_rule(q=np.array(2.0)))
    before = kernels(network)
    with pytest.raises(CheckpointError, match=r"what a checkpoint can't .*use plain numbers"):
        network.fit(images(), checkpoint=tmp_path / "state.npz", **FIT)
    for old, new in zip(before, kernels(network), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, float])
def test_numbers_of_any_type_are_described(tmp_path, kind):
    path, whole = tmp_path / "state.npz", two_layers(own_rule(q=kind(2)))
    whole.fit(images(), checkpoint=path, **FIT)
    again = two_layers(own_rule(q=2))
    again.fit(images(), checkpoint=path, resume=True, **FIT)
    assert_same(again, whole)
    with pytest.raises(CheckpointError, match=r"rule\.constants\.q is 2.* there and 3 here"):
        two_layers(own_rule(q=3)).fit(images(), checkpoint=path, resume=True, **FIT)


def test_a_header_that_lacks_something_is_no_checkpoint(begun):
    with np.load(begun) as file:
        arrays = dict(file)
    header = json.loads(str(arrays.pop("header")))
    for missing in ("fit", "network", "position", "time"):
        kept = {name: value for name, value in header.items() if name != missing}
        np.savez(begun, header=np.array(json.dumps(kept)), **arrays)
        with pytest.raises(CheckpointError, match=rf"no readable checkpoint \('{missing}'\)"):
            load_checkpoint(two_layers(), begun)
