"""Checkpoints that can't be gone on with."""

import json
from dataclasses import replace

import numpy as np
import pytest
from brian2 import Hz, NeuronGroup, StateMonitor, ms, prefs
from networks_cases import SHAPE, assert_same, images, kernels, spiking_network, two_layers

from hebbsim import ConvLayer, ConvNetwork, SpikingNetwork, rules
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


# What goes on in another network


def reward_network():
    """Delays, thresholds, a running mean of the reward, Poisson spikes."""
    rule = rules.RewardGated(rules.PairSTDP(1, mu=0.5), 1e3 * ms, 100 * ms, trial_by_trial=True)
    layer = replace(spiking_network(delay=3 * ms).layers[0], rule=rule, out_channels=2)
    return SpikingNetwork(
        SHAPE, [layer], batch_size=10, duration=20 * ms, encoding="poisson", max_rate=300 * Hz
    )


@pytest.mark.parametrize(
    ("build", "more"),
    [
        (two_layers, {}),
        (lambda: spiking_network(delay=2 * ms), {}),
        (reward_network, {"labels": np.arange(60) % 2}),
    ],
)
def test_the_networks_life_goes_on_after_a_resume(tmp_path, build, more):
    """Clock, counts and what is drawn: evaluation and further fits are the same."""
    path, whole, resumed = tmp_path / "state.npz", build(), build()
    settings = {"progress": False, **more}
    whole.fit(images(), **settings)
    whole.fit(images(), checkpoint=path, **settings)
    resumed.fit(images(), checkpoint=path, resume=True, **settings)
    assert_same(resumed, whole)
    assert resumed.time == float(resumed.brian2.t) == whole.time > 0
    assert resumed.clock.timestep == whole.clock.timestep
    np.testing.assert_array_equal(resumed.transform(images(10)), whole.transform(images(10)))
    for network in (whole, resumed):
        network.fit(images(), **settings)
    assert_same(resumed, whole)
    assert resumed.learned.epochs == 3
    assert resumed.learned.batches == 18


def with_running_mean():
    network = two_layers()
    mean = NeuronGroup(1, "m : 1\ndv/dt = -v/(9*ms) : 1", clock=network.clock, name="mean")
    mean.run_regularly("m += rand()\nv += m", clock=network.clock)
    network.brian2.add(mean)
    return network


def test_what_was_added_to_the_network_goes_on_or_is_missed(tmp_path):
    prefs.codegen.target = "numpy"
    path, whole, resumed = tmp_path / "state.npz", with_running_mean(), with_running_mean()
    whole.fit(images(20), checkpoint=path, progress=False)
    resumed.fit(images(20), checkpoint=path, resume=True, progress=False)
    monitor = StateMonitor(resumed.brian2["mean"], "m", record=True, name="seen")
    resumed.brian2.add(monitor)  # has no say
    for network in (whole, resumed):
        network.fit(images(20), epochs=2, progress=False)
    assert_same(whole, resumed)
    assert whole.state_variables()["mean.m"].get_value()[0] > 1
    with pytest.raises(CheckpointError, match=r"holds 'mean\..', which this network lacks; add"):
        load_checkpoint(two_layers(), path)
    save_checkpoint(two_layers(), path, Position())
    with pytest.raises(CheckpointError, match=r"holds no 'mean\.[mv]' of this network; leave out"):
        load_checkpoint(with_running_mean(), path)


@pytest.mark.parametrize("build", [two_layers, spiking_network])
def test_another_time_step_is_not_gone_on_with(tmp_path, build):
    path, network, other = tmp_path / "state.npz", build(), build()
    network.clock.dt = 0.5 * ms
    network.fit(images(20), checkpoint=path, progress=False)
    with pytest.raises(CheckpointError, match=r"dt\.seconds is 0\.0005 there and 0\.001 here"):
        other.fit(images(20), checkpoint=path, resume=True, progress=False)
    other.clock.dt = 0.5 * ms
    other.fit(images(20), checkpoint=path, resume=True, progress=False)
    assert_same(other, network)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": [0]}, r"layers is \[0, 1\] there and \[0\] here"),
        ({"layerwise": True}, "layerwise is False there and True here"),
        ({"burn_in": 1}, "burn_in is 0 there and 1 here"),
    ],
)
def test_a_finished_fit_is_not_gone_on_with_in_another_way(tmp_path, changes, message):
    path = tmp_path / "state.npz"
    two_layers().fit(images(20), checkpoint=path, progress=False)
    with pytest.raises(CheckpointError, match=message):
        two_layers().fit(
            images(20), checkpoint=path, resume=True, epochs=5, progress=False, **changes
        )


def test_numbers_of_numpy_are_settings_like_others(tmp_path):
    path = tmp_path / "state.npz"
    layer = ConvLayer(np.int64(3), np.int32(3), rules.Oja("2/n_shared"), k=np.int64(1))
    network, again = (
        ConvNetwork(tuple(np.array(SHAPE)), [layer], batch_size=np.int64(10), seed=np.uint8(1))
        for _ in range(2)
    )
    given = {"epochs": np.int64(2), "layers": np.array([0]), "burn_in": np.int32(1)}
    network.fit(images(20), checkpoint=path, progress=False, **given)
    given = {"epochs": 2, "layers": [0], "burn_in": 1}
    again.fit(images(20), checkpoint=path, resume=True, progress=False, **given)
    assert_same(again, network)
    spiking = spiking_network(seed=np.int64(2), duration=np.float32(20) * ms)
    spiking.fit(images(20), checkpoint=tmp_path / "spiking.npz", epochs=np.int8(1), progress=False)
    for size in (True, 2.5, 0):
        with pytest.raises(ValueError, match="batch_size: expected a positive integer, got"):
            ConvNetwork(SHAPE, [layer], batch_size=size)


# What was damaged, and what can't be written


def test_fifty_damaged_checkpoints_are_refused_by_name_or_right(begun):
    whole, generator = begun.read_bytes(), np.random.default_rng(0)
    network = two_layers()
    right = two_layers()
    load_checkpoint(right, begun)
    refused = []
    for number in range(50):
        place = int(generator.integers(len(whole)))
        flipped = bytes([whole[place] ^ (1 << int(generator.integers(8)))])
        damaged = whole[:place] + (flipped + whole[place + 1 :] if number % 2 else b"")
        begun.write_bytes(damaged)
        try:
            load_checkpoint(network, begun)
        except CheckpointError as error:
            refused.append(str(error))
        else:  # a bit that means nothing, such as of a date
            assert_same(network, right)
    assert len(refused) > 40
    assert all(str(begun) in said and "to start anew" in said for said in refused)


@pytest.mark.parametrize("byte", [8, 9, 10])
def test_an_unknown_compression_is_a_damage(begun, byte):
    """In the header of each part and in the list at the end, which agree."""
    content = bytearray(begun.read_bytes())
    for signature, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = content.find(signature)
        while start >= 0:
            content[start + place] = byte + 60
            start = content.find(signature, start + 4)
    begun.write_bytes(bytes(content))
    with pytest.raises(CheckpointError, match=r"state\.npz is no readable .*to start anew"):
        load_checkpoint(two_layers(), begun)


@pytest.mark.parametrize("how", [{"resume": True}, {"overwrite": True}])
def test_a_read_only_checkpoint_is_found_before_anything_is_learned(begun, how):
    begun.chmod(0o444)
    network = two_layers()
    with pytest.raises(CheckpointError, match=r"state\.npz is read-only, .* make it writable"):
        network.fit(images(), checkpoint=begun, **FIT, **how)
    assert_same(network, two_layers())


def test_a_place_that_cant_be_written_to_is_found_before_anything_is_learned(tmp_path):
    place = tmp_path / f"{'x' * 250}.npz"  # a name that is too long
    network = two_layers()
    with pytest.raises(OSError, match=r"nothing is written there") as error:
        network.fit(images(), checkpoint=place, **FIT)
    assert error.value.filename == str(place)
    assert_same(network, two_layers())
