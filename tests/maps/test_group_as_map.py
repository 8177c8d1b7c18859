"""Any group of neurons can be the source of a convolution: it equals explicit synapses."""

import numpy as np
import pytest
from brian2 import Hz, Network, NeuronGroup, PoissonGroup, SpikeGeneratorGroup, ms, prefs

from hebbsim import ConvSynapses, FeatureMap, rules

SHAPE, BATCH = (2, 5, 4), 2
N = 2 * 5 * 4 * BATCH
RULE = rules.PairSTDP(0.5)
MODEL = f"dv/dt = -v/(5*ms) : 1\nx : 1\n{RULE.pre_model}"


def spiking(n, name):
    group = NeuronGroup(n, MODEL, threshold="v > x", reset=f"v = 0\n{RULE.pre_reset}", name=name)
    group.run_regularly("v += 0.3*x", dt=0.1 * ms)
    group.x = "0.2 + 0.8*(i % 7)/7"
    return group


def generator(name):
    rng = np.random.default_rng(3)
    i, t = np.nonzero(rng.random((N, 100)) < 0.05)
    return SpikeGeneratorGroup(N, i, t * 0.1 * ms, name=name)


def source_of(kind, label):
    """Return the source and the group that has to be in the network."""
    if kind == "subgroup":
        parent = spiking(N + 9, f"p{label}")
        return parent[5 : 5 + N], parent
    if kind == "samples":
        parent = FeatureMap(
            SHAPE, MODEL, "v > x", f"v = 0\n{RULE.pre_reset}", batch_size=4, name=f"p{label}"
        )
        parent.run_regularly("v += 0.3*x", dt=0.1 * ms)
        parent.x = "0.2 + 0.8*(i % 7)/7"
        size = N // BATCH
        return parent[size : 3 * size], parent
    group = generator(f"p{label}") if kind == "generator" else spiking(N, f"p{label}")
    return group, group


def simulate(kinds, explicit=False):
    objects, convs, targets = [], [], []
    for number, kind in enumerate(kinds):
        source, parent = source_of(kind, number)
        target = FeatureMap(
            (3, 4, 3),
            f"g : 1\nu : 1\ndv/dt = (0.2*g - v)/(3*ms) : 1\n{RULE.post_model}",
            threshold="v > 1",
            reset=f"v = 0\n{RULE.post_reset}",
            batch_size=BATCH,
            name=f"t{number}",
        )
        plain = kind == "generator"
        conv = ConvSynapses(
            source,
            target,
            "w : 1" if plain else "w : 1\nu_post = w*x_pre : 1 (summed)",
            on_pre={"now": "g_post += w", "later": "g_post += 0.1*w"},
            on_post=None if plain else {"back": "x_pre -= 1e-5*w"},
            delay={"later": 0.5 * ms},
            rule=None if plain else RULE,
            kernel_size=2,
            source_shape=None if kind == "samples" else SHAPE,
            name=f"c{number}",
        )
        conv.w = "0.3 + 0.4*((i*7) % 11)/11"
        objects += [parent, source, target, conv.to_synapses() if explicit else conv]
        convs.append(conv)
        targets.append(target)
    Network(*objects).run(15 * ms)
    return [
        (c.get_kernel("w"), np.array(t.g), np.array(t.u), np.array(t.v))
        for c, t in zip(convs, targets, strict=True)
    ]


KINDS = ("neurons", "subgroup", "samples", "generator")


@pytest.fixture(scope="module")
def explicit():
    target = prefs.codegen.target
    prefs.codegen.target = "numpy"
    found = simulate(KINDS, explicit=True)
    prefs.codegen.target = target
    return found


@pytest.mark.usefixtures("brian2_in_numpy")  # in Cython: the group of Poisson neurons below
def test_sources_equal_explicit_synapses(explicit, target):
    for kind, ours, theirs in zip(KINDS, simulate(KINDS), explicit, strict=True):
        assert theirs[1].max() > 0.5
        for name, a, b in zip(("w", "g", "u", "v"), ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-10, err_msg=f"{kind}: {name}")


def test_poisson_group_drives_every_channel():
    source = PoissonGroup(N, 200 * Hz)
    target = FeatureMap((3, 5, 4), "g : 1", batch_size=BATCH)
    conv = ConvSynapses(
        source, target, "w : 1", on_pre="g_post += 1", kernel_size=1, source_shape=SHAPE
    )
    Network(source, target, conv).run(100 * ms)
    # each neuron sums 2 channels at 200 Hz for 0.1 s
    assert target.g[:].mean() == pytest.approx(40, rel=0.1)


def test_a_source_needs_a_shape_that_fits():
    target = FeatureMap((3, 4, 3), "u : 1", batch_size=BATCH)
    for source, shape, error, text in (
        (PoissonGroup(N, 1 * Hz), None, TypeError, "source_shape="),
        (PoissonGroup(N + 1, 1 * Hz), SHAPE, ValueError, f"{N + 1} neurons"),
        (PoissonGroup(2 * N, 1 * Hz), SHAPE, ValueError, "batch_size 4"),
        (FeatureMap(SHAPE, "x : 1", batch_size=BATCH), (1, 5, 8), ValueError, "leave source_shape"),
        ("retina", SHAPE, TypeError, "must be a group of neurons, got str"),
    ):
        with pytest.raises(error, match=text):
            ConvSynapses(source, target, "w : 1", kernel_size=2, source_shape=shape)
    with pytest.raises(TypeError, match="has to be a FeatureMap for that, not a NeuronGroup"):
        ConvSynapses(
            NeuronGroup(N, "x : 1\nd : 1"),
            target,
            "w : 1\nd_pre = w*u_post : 1 (summed)",
            kernel_size=2,
            source_shape=SHAPE,
        )
