"""Learning from a data set: schedules, interruptions, streams."""

import os
import signal
from itertools import pairwise

import numpy as np
import pytest
from networks_cases import SHAPE, assert_same, images, kernels, two_layers

from hebbsim import rules
from hebbsim.networks.checkpoint import Position, save_checkpoint
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork
from hebbsim.synapses.update import NonFiniteWeightsError


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


def test_a_burn_in_of_more_than_an_epoch_goes_on():
    """Seven batches of six an epoch: the weights rest in the first of the second epoch too."""
    network, changed = two_layers(), []

    def spy(batch, rng):
        changed.append(kernels(network)[0])
        return batch

    network.fit(images(), burn_in=7, epochs=2, augment=spy, progress=False)
    changed.append(kernels(network)[0])
    moved = [(a != b).any() for a, b in pairwise(changed)]
    assert moved == [False] * 7 + [True] * 5


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
        network.fit(images(), epochs=3, checkpoint=path, overwrite=True, progress=False)
    assert path.read_bytes() == before


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
