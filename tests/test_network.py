"""A network of layers: presentation, learning, repeatability, interruption, checkpoints."""

import os
import signal

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from brian2 import StateMonitor, prefs, set_device

from hebbsim import StoredImages, rules
from hebbsim.geometry import GeometryError
from hebbsim.networks.checkpoint import CheckpointError, Position, load_checkpoint, save_checkpoint
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork
from hebbsim.synapses.update import NonFiniteWeightsError

SHAPE = (1, 8, 8)


def images(n=60, seed=0):
    return np.random.default_rng(seed).random((n, *SHAPE))


def two_layers(rule=None, **kwds):
    rule = rule or rules.Oja("2/n_shared")
    return ConvNetwork(
        SHAPE,
        [
            ConvLayer(6, 3, rule, threshold_step=0.5, pooling="average", pruned=0.2),
            ConvLayer(5, 2, rule, k=2, output="rectified"),
        ],
        batch_size=10,
        **kwds,
    )


def kernels(network):
    return [stage.conv.get_kernel("w") for stage in network.stages]


def assert_same(one, two):
    for name, variable in one.state_variables().items():
        np.testing.assert_array_equal(
            variable.get_value(), two.state_variables()[name].get_value(), err_msg=name
        )


def test_forward_map_is_torchs():
    network = two_layers()
    network.stages[0].groups[0].theta = np.linspace(-0.2, 0.3, 6)
    data = images(25)  # not a multiple of the batch
    first, second = network.transform_all(data)
    x = torch.tensor(data)
    for stage, found in zip(network.stages, (first, second), strict=True):
        x = x - x.mean((1, 2, 3), keepdim=True)
        x = x / x.pow(2).mean((1, 2, 3), keepdim=True).sqrt()
        w, theta = torch.tensor(stage.conv.get_kernel("w")), torch.tensor(stage.thresholds)
        z = F.conv2d(x, w) - theta[:, None, None]
        if stage.layer.output == "triangle":
            z = z - z.mean(1, keepdim=True)
        x = F.relu(z)
        if stage.layer.pooling:
            x = F.avg_pool2d(x, 2)
        np.testing.assert_allclose(found, x.numpy(), atol=1e-12)


def test_winners_learn_and_the_next_layer_sees_more():
    network = two_layers()
    data = images(10)
    y, u = (network.transform(data, 1, variable=name) for name in "yu")
    best = np.argsort(-u, axis=1, kind="stable")[:, :2]
    expected = np.zeros_like(u)
    np.put_along_axis(expected, best, 1, axis=1)
    np.testing.assert_array_equal(y, expected * (u > 0))
    assert (network.transform(data) > 0).mean() > (y > 0).mean()


def test_same_seed_same_bits_and_another_seed_other_kernels():
    one, two, other = two_layers(seed=3), two_layers(seed=3), two_layers(seed=4)
    for network in (one, two, other):
        network.fit(images(), epochs=2, progress=False)
    assert_same(one, two)
    assert np.abs(kernels(one)[0] - kernels(other)[0]).max() > 1e-3


def test_learning_changes_kernels_keeps_norms_and_pruning():
    network = two_layers()
    before = kernels(network)
    network.fit(images(), progress=False)
    for old, new in zip(before, kernels(network), strict=True):
        assert np.abs(new - old).max() > 1e-3
        np.testing.assert_allclose(np.sqrt((new**2).sum((1, 2, 3))), 1, atol=1e-12)
    pruned = before[0] == 0
    assert 0.1 < pruned.mean() < 0.3
    assert (kernels(network)[0][pruned] == 0).all()


def test_transform_changes_nothing():
    network = two_layers()
    network.fit(images(), progress=False)
    before = {name: v.get_value().copy() for name, v in network.state_variables().items()}
    first, again = network.transform(images()), network.transform(images())
    np.testing.assert_array_equal(first, again)
    for name, variable in network.state_variables().items():
        if not name.endswith(("dw", "win_rate")):
            np.testing.assert_array_equal(variable.get_value(), before[name], err_msg=name)


def test_layer_by_layer_learns_one_after_the_other():
    network = two_layers()
    changed = []
    original = network.present

    def spy(*args, learning=None, depth=None, **kwds):
        before = kernels(network)
        original(*args, learning=learning, depth=depth, **kwds)
        pairs = zip(before, kernels(network), strict=True)
        changed.append(([bool((a != b).any()) for a, b in pairs], depth))

    network.present = spy
    network.fit(images(), epochs=2, layerwise=True, progress=False)
    assert changed == [([True, False], 1)] * 2 + [([False, True], 2)] * 2


def test_burn_in_moves_thresholds_alone():
    network = two_layers()
    before = kernels(network)
    network.fit(images(), burn_in=100, progress=False)
    for old, new in zip(before, kernels(network), strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.abs(network.stages[0].thresholds).max() > 0


def test_data_are_streamed_and_bytes_read_as_0_to_1(tmp_path):
    data = (images(40) * 255).astype(np.uint8)
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, data.shape)
    mapped[:] = data
    one, two = two_layers(), two_layers()
    one.fit(mapped, progress=False)
    two.fit(data / np.float32(255), progress=False)
    assert_same(one, two)
    assert two.input.x[:].size == 10 * 64  # one batch, whatever the size of the data set


def test_augmentation_is_repeatable():
    def flip(batch, rng):
        return np.where(rng.random((len(batch), 1, 1, 1)) < 0.5, batch[..., ::-1], batch)

    one, two, plain = two_layers(), two_layers(), two_layers()
    one.fit(images(), augment=flip, progress=False)
    two.fit(images(), augment=flip, progress=False)
    plain.fit(images(), progress=False)
    assert_same(one, two)
    assert (kernels(one)[0] != kernels(plain)[0]).any()


class Interrupt:
    """Ctrl-C, sent to this process while a given batch is being presented."""

    def __init__(self, batch):
        self.left = batch

    def __call__(self, batch, rng):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return batch


@pytest.mark.parametrize("layerwise", [False, True])
@pytest.mark.parametrize("batch", [1, 6, 9])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path, batch, layerwise):
    settings = {"epochs": 2, "layerwise": layerwise, "burn_in": 3, "progress": False}
    whole, first, second = two_layers(), two_layers(), two_layers()
    whole.fit(images(), **settings)
    path = tmp_path / "state.npz"
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        first.fit(images(), checkpoint=path, augment=Interrupt(batch), **settings)
    assert signal.getsignal(signal.SIGINT) is handler
    second.fit(images(), checkpoint=path, resume=True, **settings)
    assert_same(whole, second)
    # and going on with the network that was interrupted is the same
    first.fit(images(), checkpoint=path, resume=True, **settings)


def test_an_interrupted_transform_returns_nothing():
    network = two_layers()
    data = images(60)

    def reduce(maps):
        os.kill(os.getpid(), signal.SIGINT)
        return maps

    with pytest.raises(KeyboardInterrupt):
        network.transform(data, reduce=reduce)
    assert network.transform(data).shape[0] == 60


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


def test_diverging_weights_stop_the_run_and_keep_the_checkpoint(tmp_path):
    path = tmp_path / "state.npz"
    network = ConvNetwork(
        SHAPE,
        [ConvLayer(4, 3, rules.Oja(50.0), activity="linear", normalize=None)],
        batch_size=10,
    )
    save_checkpoint(network, path, Position())
    before = path.read_bytes()
    with pytest.raises(
        NonFiniteWeightsError, match=r"epoch 1, batch \d of 6.*'w' of 'conv1'.*Oja.*t = \d+\. ms"
    ):
        network.fit(images(), epochs=3, checkpoint=path, progress=False)
    assert path.read_bytes() == before


def test_a_monitor_can_join_the_network():
    network = two_layers()
    monitor = StateMonitor(network.stages[0].conv, "w", record=[0, 1], clock=network.clock)
    network.brian2.add(monitor)
    network.fit(images(), progress=False)
    assert monitor.w.shape == (2, 6)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((20, 3, 8, 8)), r"\(n, 1, 8, 8\), got \(20, 3, 8, 8\)"),
        (np.zeros((20, 8, 8)), r"got \(20, 8, 8\)"),
        ([[1, 2]], "got list"),
        (np.zeros((5, 1, 8, 8)), "don't fill a batch of 10"),
        (np.full((20, 1, 8, 8), np.nan), "batch 0: .*nan at index"),
        (np.full((20, 1, 8, 8), np.inf), "batch 0: .*inf at index"),
    ],
)
def test_data_that_do_not_fit(data, message):
    network = two_layers()
    before = kernels(network)
    with pytest.raises(ValueError, match=message):
        network.fit(data, progress=False)
    for old, new in zip(before, kernels(network), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("kwds", [{"epochs": -1}, {"epochs": 1.5}, {"burn_in": -2}])
def test_schedules_that_are_refused(kwds):
    (name,) = kwds
    with pytest.raises(ValueError, match=f"{name}: expected a whole number from 0 on, got"):
        two_layers().fit(images(), progress=False, **kwds)


@pytest.mark.parametrize("layer", [2, -3])
def test_layers_that_are_not_there(layer):
    with pytest.raises(ValueError, match=f"layer {layer}: the network has 2, numbered 0 to 1"):
        two_layers().transform(images(), layer)


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="is a folder; name the checkpoint file in it"):
        load_checkpoint(two_layers(), tmp_path)


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([], ValueError, "at least one layer"),
        ([ConvLayer(4, 9)], GeometryError, "layer 1: the kernel covers 9x9"),
        ([ConvLayer(4, 3), ConvLayer(4, 7)], GeometryError, "layer 2: the kernel covers 7x7"),
        ([ConvLayer(4, 7, pooling="max", pool_size=3)], GeometryError, "layer 1: after a conv"),
        ([ConvLayer(4, 3, groups=2)], GeometryError, "layer 1: groups=2 must divide"),
    ],
)
def test_layers_that_do_not_fit(layers, error, message):
    with pytest.raises(error, match=message):
        ConvNetwork(SHAPE, layers)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("activity", "winer", "did you mean 'winners'"),
        ("output", "triangel", "did you mean 'triangle'"),
        ("pooling", "mean", "pooling"),
        ("pruned", 1.0, r"pruned must be in \[0, 1\)"),
        ("threshold_step", -1, "threshold_step must be >= 0"),
    ],
)
def test_layer_settings_that_are_refused(field, value, message):
    with pytest.raises(ValueError, match=message):
        ConvLayer(4, 3, **{field: value})


def test_standalone_learns_from_stored_images(tmp_path):
    def learned():
        network = two_layers()
        StoredImages(network.input, images())
        network.brian2.run(3 * network.clock.dt, namespace={})
        return kernels(network)

    expected = learned()
    set_device("cpp_standalone", directory=str(tmp_path / "x"))
    for found, kernel in zip(learned(), expected, strict=True):
        np.testing.assert_allclose(found, kernel, atol=1e-9)


def test_streaming_on_standalone_is_refused_by_name(tmp_path):
    set_device("cpp_standalone", directory=str(tmp_path / "x"))
    network = two_layers()
    with pytest.raises(NotImplementedError, match="show StoredImages on its input"):
        network.fit(images())


def test_numpy_target_learns_the_same():
    one, two = two_layers(), two_layers()
    one.fit(images(), progress=False)
    prefs.codegen.target = "numpy"
    two.fit(images(), progress=False)
    for a, b in zip(kernels(one), kernels(two), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
