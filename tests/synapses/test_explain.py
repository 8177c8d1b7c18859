"""What `ConvSynapses.explain` says is what runs."""

import numpy as np
import pytest
from brian2 import DimensionMismatchError, Hz, Network, defaultclock, prefs, second

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.maps.per_channel_sample_position import PerSample


def build(rule, **kwds):
    source = FeatureMap((3, 8, 8), "x : 1", batch_size=5)
    layer = FeatureMap((4, 6, 6), "u : 1\ny : 1", batch_size=5)
    return ConvSynapses(source, layer, rule=rule, kernel_size=3, name="conv", **kwds)


def works(conv):
    return {work.name: work for work in conv.explain().works}


def test_oja_is_one_product_and_a_sum_of_squares():
    text = str(build(rules.Oja(1e-3)).explain())
    assert "108 kernel elements stand for 19,440 connections of 5 samples" in text
    assert "sum of (y_post) * (x_pre)" in text
    assert "(-w) * sum of (y_post*y_post)" in text
    assert "27 operations each" in text


def test_operations_and_bytes():
    conv = build(rules.Oja(1e-3))
    counted = works(conv)
    drive, change = counted["conv_sum_u_post"], counted["conv_sum_dw"]
    assert drive.operations == conv.to_synapses().N == 5 * 6 * 6 * 4 * 27
    assert change.operations == drive.operations + 5 * 6 * 6 * 4
    itemsize = conv.w[:].itemsize
    assert drive.n_bytes == itemsize * (5 * 3 * 8 * 8 + 108 + 5 * 4 * 6 * 6)  # x, w, u


def test_padding_sums_activity_for_each_tap():
    source = FeatureMap((3, 6, 6), "x : 1", batch_size=5)
    layer = FeatureMap((4, 6, 6), "u : 1\ny : 1", batch_size=5)
    conv = ConvSynapses(source, layer, rule=rules.Instar(1e-3), kernel_size=3, padding=1)
    change = conv.explain().works[1]
    assert change.operations == 5 * conv.geometry.n_connections + len(layer) * 9


@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate"])
def test_padding_that_shows_the_map_again_has_all_connections(mode):
    source = FeatureMap((3, 6, 6), "x : 1", batch_size=5)
    layer = FeatureMap((4, 6, 6), "u : 1\ny : 1", batch_size=5)
    kwds = {"kernel_size": 3, "padding": 1, "padding_mode": mode}
    conv = ConvSynapses(source, layer, rule=rules.Instar(1e-3), **kwds)
    explanation = conv.explain()
    every = 5 * 4 * 6 * 6 * 27
    assert f"padding=(1, 1), padding_mode={mode}" in explanation.title
    assert f"108 kernel elements stand for {every:,} connections" in explanation.size
    assert explanation.works[1].operations == every + len(layer)
    assert len(conv.to_synapses()) == every
    assert conv.variables["n_shared"].get_value() == 5 * 36  # what a mean divides by


def test_what_does_not_separate_visits_every_connection():
    conv = build(rules.Sanger(1e-3))
    (change,) = (w for w in conv.explain().works if w.equation.startswith("dw"))
    assert "over all positions" in change.loops[0]


@pytest.mark.parametrize("side", ["pre", "post"])
def test_pathways(side):
    model = "v : 1\ntrace_ : 1"
    source = FeatureMap((1, 6, 6), model, threshold="v > 1", reset="v = 0")
    layer = FeatureMap((2, 4, 4), model, threshold="v > 1", reset="v = 0")
    code = {f"on_{side}": "w += 0.1*trace__pre*trace__post"}
    conv = ConvSynapses(source, layer, "w : 1", kernel_size=3, **code)
    (work,) = (w for w in conv.explain().works if w.when == "synapses")
    mean = 9 if side == "post" else 2 * 16 * 9 / 36
    assert f"{mean:.0f} connections on average" in work.loops[0]


def test_operations_of_pathways_at_a_rate():
    source = FeatureMap((1, 6, 6), "v : 1", threshold="v > 1", reset="")
    layer = FeatureMap((2, 4, 4), "v : 1")
    conv = ConvSynapses(source, layer, "w : 1", kernel_size=3, on_pre="v += w")
    (every,) = conv.explain().works
    (some,) = conv.explain(rate=100 * Hz).works
    assert every.operations == conv.geometry.n_connections
    assert some.operations == round(0.01 * conv.geometry.n_connections)
    assert "counted for 0.01 of the neurons" in some.loops
    for rate, error in ((1e5 * Hz, ValueError), (0.1, DimensionMismatchError)):
        with pytest.raises(error, match="explain"):
            conv.explain(rate=rate)


def test_shared_multiplications():
    prefs.core.default_float_dtype = np.float32
    source, layer = FeatureMap((32, 8, 8), "x : 1"), FeatureMap((32, 6, 6), "u : 1")
    conv = ConvSynapses(source, layer, "w : 1\nu_post = w*x_pre : 1 (summed)", kernel_size=3)
    assert "16 for 36" in str(conv.explain())


def test_kernel_variables_of_each_sample():
    rule = rules.RewardGated(rules.Hebb(1e-3), tau_e=1 * second, per_sample=True)
    source = FeatureMap((3, 8, 8), "x : 1", batch_size=5)
    layer = FeatureMap((4, 6, 6), "u : 1\ny : 1", batch_size=5)
    PerSample(layer, rule.post_samples, namespace=rule.parameters)
    conv = ConvSynapses(source, layer, rule=rule, kernel_size=3)
    texts = [str(w) for w in conv.explain().works if "of each sample" in w.loops[0]]
    assert texts
    assert all(f"{5 * 108:,} operations" in text for text in texts)


def test_numpy_visits_every_connection():
    prefs.codegen.target = "numpy"
    assert "visits every connection" in str(build(rules.Oja(1e-3)).explain())


def test_names_are_those_of_the_profile():
    conv = build(rules.Instar(1e-3), normalize="L2")
    network = Network(conv.source, conv.target, conv)
    network.run(defaultclock.dt, profile=True)
    assert set(works(conv)) <= {name for name, _ in network.profiling_info}
    assert "L2 norm" in str(conv.explain())
