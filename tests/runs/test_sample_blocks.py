"""Objects that run for some samples at a time, one after the other: the same numbers."""

import numpy as np
import pytest
from brian2 import Network, defaultclock, linked_var, ms, prefs

from hebbsim import (
    AdaptiveThreshold,
    AveragePooling,
    ConvLayer,
    ConvNetwork,
    ConvSynapses,
    FeatureMap,
    MaxPooling,
    Rectify,
    SoftWinnerTakeAll,
    Standardize,
    WinnerTakeAll,
    rules,
)
from hebbsim.runs import sample_blocks

FORWARD = "w : 1\nu_post = w*x_pre : 1 (summed)"
LAYER = "u : 1\nz = u - 0.1 : 1\ny : 1"


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(sample_blocks, "BLOCK_BYTES", 8_000)


def images(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


class Layer:
    """A convolution, whatever `compete` makes of its drive, and the network of all."""

    def __init__(self, compete, batch=7, model=LAYER, conv=FORWARD, **kwds):
        self.source = FeatureMap((2, 8, 8), "x : 1", batch_size=batch, name="source")
        self.layer = FeatureMap((5, 6, 6), model, batch_size=batch, name="layer")
        self.conv = ConvSynapses(self.source, self.layer, conv, kernel_size=3, name="conv", **kwds)
        self.conv.set_kernel("w", images((5, 2, 3, 3), 1))
        self.source.set_maps("x", images((batch, 2, 8, 8), 2))
        self.others = compete(self.layer) or []
        self.network = Network(self.source, self.layer, self.conv, *self.others)

    def numbers(self, steps=2, **kwds):
        self.network.run(steps * defaultclock.dt, **kwds)
        groups = (self.layer, *(g for g in self.others if isinstance(g, FeatureMap)))
        return {
            f"{group.name}.{name}": np.array(values)
            for group in groups
            for name, values in group.get_states(units=False).items()
        }

    def blocks(self):
        """Return what ran together, and for how many samples at a time."""
        items = {item.name: item for item in self.network.sorted_objects}
        found = {name: getattr(item, "block", None) for name, item in items.items()}
        return {name: block for name, block in found.items() if block}


def winners(layer):
    WinnerTakeAll(layer, "z", "y", condition="z > 0", name="winners")


def winners_and_pooling(layer):
    winners(layer)
    pooled = FeatureMap((5, 3, 3), "p : 1\nx : 1", batch_size=layer.batch_size, name="pooled")
    AveragePooling(layer, pooled, 2, source="z", activation="triangle", target="p", name="pooling")
    Standardize(pooled, "p", "x", name="standardize")
    return [pooled]


def assert_same(build, **kwds):
    """Compare with the same objects, each of which runs for all samples at once."""
    layer, whole = build(), build()
    found, wanted = layer.numbers(**kwds), whole.numbers(profile=True, **kwds)
    assert whole.blocks() == {}
    assert any(np.any(values) for values in found.values())
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    return layer.blocks()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("threads", [0, 1, 2, 3])
def test_convolution_competition_and_pooling_pass_sample_by_sample(threads, dtype):
    prefs.core.default_float_dtype = dtype
    prefs.devices.cpp_standalone.openmp_threads = threads
    blocks = assert_same(lambda: Layer(winners_and_pooling, batch=13 if threads < 2 else 12))
    assert set(blocks) == {"conv_sum_u_post", "winners", "pooling", "standardize"}
    size, others = blocks["winners"]
    assert size == {np.float32: {0: 3, 1: 3, 2: 3, 3: 2}[threads], np.float64: 1}[dtype]
    assert others == ("conv_sum_u_post", "pooling", "standardize")


def test_a_last_block_may_be_smaller(monkeypatch):
    monkeypatch.setattr(sample_blocks, "BLOCK_BYTES", 30_000)
    blocks = assert_same(lambda: Layer(winners, batch=17))
    (size, _) = blocks["winners"]
    assert 1 < size < 17
    assert 17 % size


@pytest.mark.parametrize("operation", [SoftWinnerTakeAll, Rectify])
def test_other_operations_pass_sample_by_sample(operation):
    def compete(layer):
        operation(layer, "z", "y", name="operation")

    blocks = assert_same(lambda: Layer(compete))
    assert blocks["operation"][1] == ("conv_sum_u_post",)


def test_the_explanation_says_what_passes_sample_by_sample():
    layer = Layer(winners)
    assert "at a time" not in str(layer.conv.explain())
    layer.numbers()
    steps = "\n".join(layer.conv.explain().schedule)
    assert "conv_sum_u_post (dt = 100. us), 2 samples at a time with winners" in steps
    layer.numbers(profile=True)  # one object after the other
    assert "at a time" not in str(layer.conv.explain())


def test_one_sample_and_maps_that_fit_into_the_cache_stay_whole(monkeypatch):
    assert assert_same(lambda: Layer(winners, batch=1)) == {}
    monkeypatch.setattr(sample_blocks, "BLOCK_BYTES", 2**20)
    assert assert_same(lambda: Layer(winners)) == {}


def test_a_kernel_that_takes_the_cache_is_read_once(monkeypatch):
    monkeypatch.setattr(sample_blocks, "_SHARED_BYTES", 600)
    blocks = assert_same(lambda: Layer(winners_and_pooling))
    assert set(blocks) == {"winners", "pooling", "standardize"}


def test_threads_that_would_get_unequal_shares_run_for_all_samples():
    prefs.devices.cpp_standalone.openmp_threads = 3
    assert assert_same(lambda: Layer(winners, batch=4)) == {}


def test_a_sum_over_samples_waits_for_all():
    blocks = assert_same(lambda: Layer(_thresholds))
    assert set(blocks) == {"conv_sum_u_post", "winners"}


def _thresholds(layer):
    winners(layer)
    return [AdaptiveThreshold(layer, 0.2, name="thresholds")]


def test_what_looks_up_other_neurons_waits_for_all_samples():
    def compete(layer):
        WinnerTakeAll(layer, "before", "y", name="winners")

    def build():
        layer = Layer(compete, model="u : 1\nbefore : 1 (linked)\ny : 1")
        # each neuron looks at one of another sample
        layer.layer.before = linked_var(layer.layer, "u", index=np.arange(7 * 180)[::-1].copy())
        return layer

    assert assert_same(build) == {}


def test_what_sees_a_slice_of_a_map_waits_for_all_samples(monkeypatch):
    monkeypatch.setattr(sample_blocks, "BLOCK_BYTES", 1)

    def build():
        source = FeatureMap((4, 1, 1), "x : 1\ny : 1", batch_size=6, name="source")
        target = FeatureMap((3, 1, 1), "u : 1\nz : 1", batch_size=6, name="target")
        source.x = np.arange(24) + 1
        Rectify(source, "x", "y", name="before")
        conv = ConvSynapses(
            source[12:24],  # the second half, as six samples
            target,
            "w : 1\nu_post = w*y_pre : 1 (summed)",
            kernel_size=1,
            source_shape=(2, 1, 1),
            name="conv",
        )
        conv.set_kernel("w", np.ones((3, 2, 1, 1)))
        Rectify(target, "u", "z", name="after")
        return Network(source, target, conv), target

    (network, target), (whole, wanted) = build(), build()
    network.run(defaultclock.dt)
    whole.run(defaultclock.dt, profile=True)
    assert wanted.z[0] == 13 + 14
    np.testing.assert_array_equal(target.z[:], wanted.z[:])


def test_random_numbers_are_drawn_in_one_order():
    def compete(layer):
        WinnerTakeAll(layer, "z + rand()", "y", name="winners")

    layer = Layer(compete)
    layer.numbers()
    assert layer.blocks() == {}


def test_a_map_that_excites_itself_sees_itself_as_it_was():
    def build():
        layer = FeatureMap((3, 5, 5), "u : 1\ny : 1", batch_size=6, name="layer")
        conv = ConvSynapses(
            layer, layer, "w : 1\nu_post = w*u_pre : 1 (summed)", kernel_size=3, padding=1
        )
        conv.set_kernel("w", images((3, 3, 3, 3), 1))
        layer.set_maps("u", images((6, 3, 5, 5)))
        WinnerTakeAll(layer, "u", "y", name="winners")
        network = Network(layer, conv)
        return layer, network

    (layer, network), (other, whole) = build(), build()
    network.run(3 * defaultclock.dt)
    whole.run(3 * defaultclock.dt, profile=True)
    np.testing.assert_array_equal(layer.u[:], other.u[:])
    np.testing.assert_array_equal(layer.y[:], other.y[:])


def test_a_network_learns_the_same_kernels(monkeypatch):
    def learn(block_bytes):
        monkeypatch.setattr(sample_blocks, "BLOCK_BYTES", block_bytes)
        layers = [
            ConvLayer(6, 3, rules.Instar(0.01), threshold_step=1.0, pooling="average"),
            ConvLayer(8, 3, rules.Instar(0.01), threshold_step=1.0),
        ]
        network = ConvNetwork((2, 10, 10), layers, batch_size=5, seed=1)
        network.fit(images((20, 2, 10, 10)), progress=False)
        blocks = [getattr(o, "block", None) for o in network.brian2.sorted_objects]
        return [s.conv.get_kernel("w") for s in network.stages], [b for b in blocks if b]

    kernels, blocks = learn(5_000)
    whole, none = learn(2**30)
    assert blocks
    assert not none
    for found, wanted in zip(kernels, whole, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_maxima_of_windows_pass_sample_by_sample():
    def compete(layer):
        pooled = FeatureMap((5, 3, 3), "x : 1", batch_size=layer.batch_size, name="pooled")
        MaxPooling(layer, pooled, 2, source="z", name="pooling")
        return [pooled]

    assert set(assert_same(lambda: Layer(compete))) == {"conv_sum_u_post", "pooling"}


def test_numbers_of_a_run_that_goes_on_are_those_of_one():
    layer, whole = Layer(winners), Layer(winners)
    layer.network.run(1 * ms)
    layer.source.set_maps("x", images((7, 2, 8, 8), 9))
    whole.source.set_maps("x", images((7, 2, 8, 8), 9))
    found, wanted = layer.numbers(), whole.numbers(profile=True)
    for name in ("layer.u", "layer.y"):
        np.testing.assert_array_equal(found[name], wanted[name])


def test_a_negative_number_of_threads_is_refused():
    prefs.devices.cpp_standalone.openmp_threads = -2
    with pytest.raises(ValueError, match="must be a number of threads, or 0 for no OpenMP, got -2"):
        Layer(winners).numbers()
