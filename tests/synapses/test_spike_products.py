"""What spikes add to a shared kernel as products is what they add one by one."""

import numpy as np
import pytest
from brian2 import Network, ms, prefs
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.experiments.preferences import run_preferences
from hebbsim.geometry import ConvGeometry

PAIR = rules.PairSTDP(0.1, mu=0.5)
TRIPLET = rules.TripletSTDP.visual_cortex(learning_rate=1.0)


def learned(rule, n_steps=4, batch_size=3, in_shape=(2, 9, 8), **kwds):
    """Return the kernel after some steps in which a third of the neurons spike, and its object."""
    rng = np.random.default_rng(1)
    source = FeatureMap(
        in_shape,
        f"fires : boolean\n{rule.pre_model}",
        threshold="fires",
        reset=rule.pre_reset,
        batch_size=batch_size,
        method="exact",
    )
    shape = kwds.pop("out_shape")
    target = FeatureMap(
        shape,
        f"fires : boolean\n{rule.post_model}",
        threshold="fires",
        reset=rule.post_reset,
        batch_size=batch_size,
        method="exact",
    )
    conv = ConvSynapses(source, target, rule=rule, **kwds)
    conv.set_kernel("w", rng.random(conv.geometry.kernel_shape))
    network = Network(source, target, conv)
    for _ in range(n_steps):
        source.fires = rng.random(len(source)) < 0.3
        target.fires = rng.random(len(target)) < 0.3
        network.run(1 * ms, namespace={})
    return conv.get_kernel("w"), conv


@pytest.mark.parametrize(
    ("rule", "geometry"),
    [
        (PAIR, {"kernel_size": 3, "out_shape": (4, 7, 6)}),
        (PAIR, {"kernel_size": 3, "out_shape": (4, 9, 8), "padding": 1}),
        (TRIPLET, {"kernel_size": (2, 3), "out_shape": (4, 4, 3), "groups": 2, "stride": 2}),
        (
            TRIPLET,
            {"kernel_size": 3, "out_shape": (3, 9, 8), "padding": 1, "padding_mode": "circular"},
        ),
        (PAIR, {"kernel_size": 2, "out_shape": (2, 8, 6), "dilation": (1, 2)}),
    ],
    ids=["plain", "padded", "grouped", "circular", "dilated"],
)
def test_products_equal_single_additions(rule, geometry):
    kernels = {}
    for target in ("numpy", "cython"):
        prefs.codegen.target = target
        kernels[target], conv = learned(rule, **geometry)
        pathway = conv.pathways["rule_post_plasticity"]
        assert pathway.template.endswith("_products") == (target == "cython")
    assert_allclose(kernels["cython"], kernels["numpy"], rtol=1e-12)


def test_a_variable_of_the_connection_is_written_out():
    kernels = []
    for target in ("numpy", "cython"):
        prefs.codegen.target = target
        source = FeatureMap((1, 4, 4), "x : 1")
        layer = FeatureMap((2, 3, 3), "y : 1", threshold="y > 0.5", reset="")
        conv = ConvSynapses(
            source,
            layer,
            "w : 1\nboth = x_pre*y_post : 1",
            on_post="w += 2*both; w -= x_pre*w*0.1",
            kernel_size=2,
        )
        rng = np.random.default_rng(2)
        source.x, layer.y, conv.w = rng.random(16), rng.random(18), 1
        Network(source, layer, conv).run(0.3 * ms, namespace={})
        kernels.append(conv.get_kernel("w"))
    assert_allclose(*kernels, rtol=1e-12)


@pytest.mark.parametrize("rate", [0.002, 0.3])
@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"padding": 1},
        {"padding": 1, "padding_mode": "circular"},
        {"groups": 2, "stride": (1, 2)},
        {"dilation": 2},
    ],
    ids=str,
)
def test_presynaptic_spikes_add_up_what_single_ones_add(geometry, rate):
    """Few spikes one by one, many in chunks, with more terms than a chain has."""
    kernels = []
    for target in ("numpy", "cython"):
        prefs.codegen.target = target
        rng = np.random.default_rng(4)
        source = FeatureMap((2, 14, 12), "fires : boolean", threshold="fires", batch_size=6)
        shape = ConvGeometry((2, 14, 12), 4, 3, **geometry).out_shape
        layer = FeatureMap(tuple(shape), "x : 1\ny : 1", batch_size=6)
        conv = ConvSynapses(
            source,
            layer,
            "w : 1\nn : 1",
            on_pre="w += x_post*y_post; n += 1",
            kernel_size=3,
            **geometry,
        )
        source.fires = rng.random(len(source)) < rate
        layer.x, layer.y = rng.random((2, len(layer)))
        Network(source, layer, conv).run(0.3 * ms, namespace={})
        kernels.append((conv.get_kernel("w"), conv.get_kernel("n")))
    assert_allclose(kernels[0], kernels[1], rtol=1e-12)
    assert 0 < kernels[0][1].max() < 3 * 6 * 14 * 12


@pytest.mark.parametrize("target", ["numpy", "cython"])
@pytest.mark.parametrize("pathway", ["on_pre", "on_post"])
def test_long_sums_in_single_precision(pathway, target):
    prefs.codegen.target = target
    with run_preferences(1, "float32"):
        spiking = {"threshold": "v > -1", "reset": "", "batch_size": 48}
        source = FeatureMap((2, 30, 30), "v : 1\nx : 1", **spiking)
        layer = FeatureMap((2, 28, 28), "v : 1\nx : 1", **spiking)
        statement = {"on_pre": "w += x_post", "on_post": "w += x_pre"}[pathway]
        conv = ConvSynapses(source, layer, "w : 1", kernel_size=3, groups=2, **{pathway: statement})
        source.x = layer.x = "0.1 + 0.2*channel"
        Network(source, layer, conv).run(0.1 * ms, namespace={})
        expected = layer.get_maps("x")[0, :, :1, :1, None] * 48.0 * 28 * 28
        assert_allclose(conv.get_kernel("w"), np.broadcast_to(expected, (2, 1, 3, 3)), rtol=1e-6)


def test_threads_change_no_bit():
    kernels = []
    for threads in (1, 2, 3):
        with run_preferences(threads, "float32"):
            found, _ = learned(
                PAIR, batch_size=8, in_shape=(1, 20, 20), kernel_size=5, out_shape=(16, 16, 16)
            )
        kernels.append(found)
    assert_array_equal(kernels[0], kernels[1])
    assert_array_equal(kernels[0], kernels[2])


def transmitted(batch_size=5, delay=None, **kwds):
    """Return the potentials after some steps in which a third of the source's neurons spike."""
    rng = np.random.default_rng(3)
    source = FeatureMap((2, 20, 20), "fires : boolean", threshold="fires", batch_size=batch_size)
    layer = FeatureMap((16, 20, 20), "v : 1\nn : 1", batch_size=batch_size)
    conv = ConvSynapses(
        source, layer, "w : 1", on_pre="v_post += w; n_post += 1", kernel_size=3, padding=1, **kwds
    )
    if delay is not None:
        conv.pre.delay = delay
    conv.set_kernel("w", rng.random(conv.geometry.kernel_shape))
    network = Network(source, layer, conv)
    for _ in range(4):
        source.fires = rng.random(len(source)) < 0.3
        network.run(1 * ms, namespace={})
    return np.array([layer.v, layer.n])


@pytest.mark.parametrize("delay", [None, 2 * ms])
@pytest.mark.parametrize("kwds", [{}, {"padding_mode": "reflect"}, {"groups": 2}])
def test_what_samples_get_is_the_same_on_any_number_of_threads(kwds, delay):
    found = []
    for threads in (1, 2, 3):
        with run_preferences(threads, "float64"):
            found.append(transmitted(delay=delay, **kwds))
    assert_array_equal(found[0], found[1])
    assert_array_equal(found[0], found[2])
    prefs.codegen.target = "numpy"
    expected = transmitted(delay=delay, **kwds)
    assert expected[1].max() > 5
    assert_allclose(found[0], expected, rtol=1e-12)


@pytest.mark.parametrize("on_post", ["a = x_pre*y_post; w += a", "w += rand()*x_pre"])
def test_local_variables_and_noise_are_left_as_they_are(on_post):
    source = FeatureMap((1, 4, 4), "x : 1")
    layer = FeatureMap((2, 3, 3), "y : 1", threshold="y > 0.5", reset="")
    conv = ConvSynapses(source, layer, "w : 1", on_post=on_post, kernel_size=2)
    Network(source, layer, conv).run(0.1 * ms, namespace={})
    assert conv.pathways["post_plasticity"].template == "conv_spikes_post"
