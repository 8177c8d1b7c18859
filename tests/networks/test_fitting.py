"""Learning from a data set: schedules, interruptions, streams."""

import os
import signal
from contextlib import nullcontext
from itertools import pairwise

import numpy as np
import pytest
from brian2 import prefs
from networks_cases import SHAPE, Stop, assert_same, images, kernels, spiking_network, two_layers

from hebbsim import rules
from hebbsim.networks.checkpoint import CheckpointError, Position, load_checkpoint, save_checkpoint
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork
from hebbsim.networks.interruption import StoppedError
from hebbsim.synapses.update import NonFiniteWeightsError


def test_layer_by_layer_learns_one_after_the_other():
    network = two_layers()
    changed = []
    original = network.present

    def spy(*args, learning=None, depth=None, **kwds):
        before = kernels(network)
        ended = original(*args, learning=learning, depth=depth, **kwds)
        pairs = zip(before, kernels(network), strict=True)
        changed.append(([bool((a != b).any()) for a, b in pairs], depth))
        return ended

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
    """A signal, sent to this process while a given batch is being presented."""

    def __init__(self, batch, number=signal.SIGINT):
        self.left, self.number = batch, number

    def __call__(self, batch, rng):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_write_a_checkpoint_too_and_end_with_their_status(tmp_path, number):
    prefs.codegen.target = "numpy"
    settings = {"epochs": 2, "progress": False}
    path, seen = tmp_path / "state.npz", []
    whole, first, second = two_layers(), two_layers(), two_layers()
    whole.fit(images(), **settings)
    before = signal.signal(number, lambda *given: seen.append(given[0]))
    try:
        with pytest.raises(SystemExit) as ended:
            first.fit(images(), checkpoint=path, augment=Interrupt(4, number), **settings)
        assert seen == [number]  # the user's own handler is called, and is there again
        signal.raise_signal(number)
        assert seen == [number] * 2
        signal.signal(number, signal.SIG_IGN)  # as under nohup
        two_layers().fit(images(), augment=Interrupt(2, number), **settings)
    finally:
        signal.signal(number, before)
    assert ended.value.code == 128 + number
    assert load_checkpoint(two_layers(), path) == Position(0, 0, 4)
    second.fit(images(), checkpoint=path, resume=True, **settings)
    assert_same(whole, second)


@pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")  # numpy says so too
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


# Another fit goes on


def shown_in(network, **kwds):
    """Fit, and return the first pixel of each image in the order in which they were shown."""
    seen = []

    def look(batch, rng):
        seen.append((batch[:, 0, 0, 0].tolist(), rng.random()))
        return batch

    network.fit(images(20), augment=look, progress=False, **kwds)
    return seen


def test_another_fit_goes_on_with_other_orders_and_augmentations():
    twice, once, again = two_layers(), two_layers(), two_layers()
    parts = [shown_in(twice) for _ in range(2)]
    parts += [shown_in(twice, epochs=2), shown_in(twice, layerwise=True)]
    flat = [part for epochs in parts for part in epochs]
    assert len({str(shown) for shown in flat}) == len(flat) == 12
    assert len({number for _, number in flat}) == 12
    # two of one epoch are one of two, and a new network with the same seed repeats them
    assert shown_in(once, epochs=4) == flat[:8]
    assert [shown_in(again) for _ in range(2)] == parts[:2]
    other = two_layers(seed=1)
    assert shown_in(other)[0] not in flat


def test_parts_of_a_run_are_the_whole_to_the_bit():
    parts, whole = two_layers(), two_layers()
    for _ in range(3):
        parts.fit(images(20), progress=False)
        parts.transform(images(10))
    whole.fit(images(20), epochs=3, progress=False)
    assert_same(parts, whole)


def test_after_an_interruption_another_fit_goes_on_too():
    network, other = two_layers(), two_layers()
    with pytest.raises(KeyboardInterrupt):
        network.fit(images(20), augment=Interrupt(1), progress=False)
    assert network.learned.epochs == 1
    assert shown_in(network) == [*shown_in(other), *shown_in(other)][2:]


# The schedule


@pytest.mark.parametrize(
    ("batch", "burn_in", "message"),
    [
        (1, 0, "after batch 1 of 6 in epoch 1"),
        (2, 3, "after batch 2 of 6 in epoch 1"),
        (9, 7, "after batch 3 of 6 in epoch 2"),
    ],
)
def test_a_stopped_simulation_ends_the_fit(tmp_path, batch, burn_in, message):
    network, whole, again = two_layers(), two_layers(), two_layers()
    settings = {"epochs": 3, "burn_in": burn_in, "progress": False}
    path = tmp_path / "state.npz"
    with pytest.raises(StoppedError, match=rf"{message}; the state is in .*, go on with resume"):
        network.fit(images(), augment=Stop(network, batch), checkpoint=path, **settings)
    assert network.learned.batches == batch
    again.fit(images(), checkpoint=path, resume=True, **settings)
    whole.fit(images(), **settings)
    assert_same(again, whole)


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_a_stimulus_that_has_begun_is_learned_from_to_its_end(tmp_path, batch):
    """Within an epoch, at its end, and at the end of all, where nothing is left to be stopped."""
    network, whole, again = (spiking_network(encoding="poisson") for _ in range(3))
    given = {"epochs": 2, "progress": False}
    path, stop = tmp_path / "state.npz", Stop(network, batch)
    stopped = pytest.raises(StoppedError, match=rf"after batch {batch} of 2 in epoch 1")
    with stopped if batch < 4 else nullcontext():
        network.fit(images(20), augment=stop, checkpoint=path, **given)
    assert network.learned.batches == batch
    again.fit(images(20), checkpoint=path, resume=True, **given)
    whole.fit(images(20), **given)
    assert_same(again, whole)


def test_a_stopped_simulation_without_a_checkpoint_says_so():
    network = two_layers()
    with pytest.raises(StoppedError, match="of 2 in epoch 1; with a checkpoint= it could be gone"):
        network.fit(images(20), augment=Stop(network, 1), progress=False)


@pytest.mark.parametrize("burn_in", [3, 4, 6])
def test_burn_in_counts_batches_over_epochs(burn_in):
    network, moved = two_layers(), []

    def spy(batch, rng):
        moved.append(kernels(network)[0])
        return batch

    network.fit(images(40), burn_in=burn_in, epochs=2, augment=spy, progress=False)
    frozen = [not (a != b).any() for a, b in pairwise([*moved, kernels(network)[0]])]
    assert frozen == [number < burn_in for number in range(8)]


def test_images_come_as_they_are_without_shuffling():
    shown = []

    def spy(batch, rng):
        shown.append(batch)
        return batch

    given, settings = images(30), {"augment": spy, "progress": False}
    network, again = two_layers(), two_layers()
    network.fit(given, epochs=2, shuffle=False, **settings)
    np.testing.assert_array_equal(np.concatenate(shown), np.concatenate([given, given]))
    again.fit(given, shuffle=False, **settings)
    again.fit(given, shuffle=False, **settings)
    assert_same(network, again)
    shown.clear()
    two_layers().fit(given, **settings)
    assert (np.concatenate(shown) != given).any()


def test_layers_learn_for_epochs_of_their_own(tmp_path):
    whole, parts = two_layers(), two_layers()
    whole.fit(images(), epochs=[1, 2], layerwise=True, progress=False)
    parts.fit(images(), layers=[0], progress=False)
    first = kernels(parts)[0]
    np.testing.assert_array_equal(kernels(whole)[0], first)
    assert whole.learned.epochs == 3
    path = tmp_path / "state.npz"
    given = {"layerwise": True, "progress": False, "checkpoint": path}
    two_layers().fit(images(), epochs=[1, 2], **given)
    with pytest.raises(CheckpointError, match=r"epochs"):
        two_layers().fit(images(), epochs=[2, 2], resume=True, **given)
