"""What statements of pathways mean: what they mean in Brian2's `Synapses`, or an error."""

import pytest
from brian2 import Network, SpikeGeneratorGroup, Synapses, ms, nS, prefs, siemens
from brian2.core.base import BrianObjectException
from numpy.testing import assert_allclose

from hebbsim import ConvSynapses, FeatureMap, rules

NEURON = "v : 1\nge : 1\nlevel : 1"
TRACES = "dr1/dt = -r1/(20*ms) : 1\ndo1/dt = -o1/(20*ms) : 1\nat : second"


def spike(code, convolve, on="pre", model="w : 1"):
    """Let two neurons spike twice onto two others, one to one; return all that can change."""
    source = SpikeGeneratorGroup(2, [0, 1, 0], [1, 1, 2] * ms)
    target = FeatureMap((1, 1, 2), NEURON, threshold="t == 3*ms", reset="", name="target")
    target.level = [0.5, 1.5]
    if convolve:
        kwds = {"kernel_size": 1, "source_shape": (1, 1, 2), "weight_sharing": False}
        synapses = ConvSynapses(source, target, model, **{f"on_{on}": code}, **kwds)
    else:
        synapses = Synapses(source, target, model, **{f"on_{on}": code})
        synapses.connect(j="i")
    synapses.w = [2, 3]
    Network(source, target, synapses).run(4 * ms)
    return [*target.v, *target.ge, *synapses.w]


@pytest.mark.parametrize(
    "code",
    [
        "v += w",
        "ge += w; v += 2*w",
        "ge += w\nv_post -= level",
        "v = v + w",
        "v_post = w + v_post - 0.25",
        "v = v - w*level - 1",
        "w = w - 0.1",
        "w = w - 0.1*level",
        "x = 2*w; v += x",
        "level2 = level + w; v += level2; ge -= level2",
        "v -= w/2  # inhibition",
        "v = 2*w",
        "v = 2*v + w",
        "v = w - v",
        "v = 1 + v*w; ge = v",
        "w = clip(w + 0.3*level, 0, 2.2)",
        "w *= 0.9; v += w",
        "v += w; w -= 0.1*v",
        "x = w + v; w = x/2; ge += x",
    ],
)
def test_names_and_sums_mean_what_they_mean_in_synapses(code):
    prefs.codegen.target = "numpy"
    expected = spike(code, convolve=False)
    assert expected != [0, 0, 0, 0, 2, 3]
    assert_allclose(spike(code, convolve=True), expected, rtol=1e-14)


@pytest.mark.parametrize("code", ["w += level", "w = w + 0.1*level - 0.3", "ge += w"])
def test_postsynaptic_spikes_too(code):
    prefs.codegen.target = "numpy"
    expected = spike(code, convolve=False, on="post")
    assert_allclose(spike(code, convolve=True, on="post"), expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("W -= 0.1", "changes 'W', which nothing defines; did you mean 'w'"),
        ("V += w", "changes 'V', which nothing defines; did you mean 'v'"),
        ("V = V + w", "changes 'V', which nothing defines; did you mean 'v'"),
        ("gg *= w", "changes 'gg', which nothing defines"),
        ("x = 2*w", "changes nothing"),
        ("N_post += w", "writes no variable that is stored"),
    ],
)
def test_what_changes_nothing_or_too_much_is_refused(code, message):
    with pytest.raises(ValueError, match=message):
        spike(code, convolve=True)


def test_unknown_names_on_the_right_are_named():
    with pytest.raises(BrianObjectException, match="convsynapses") as error:
        spike("v += ww", convolve=True)
    message = "nothing defines 'ww' in 'v_post += ww'; did you mean 'w'"
    assert message in str(error.value.__cause__)


def pair(rule, convolve, explicit=False):
    """Return a weight after a presynaptic spike at 1 ms and a postsynaptic one at 3 ms."""
    spikes = {"threshold": "abs(t - at) < dt/2", "reset": "r1 += 1; o1 += 1", "method": "exact"}
    source = FeatureMap((1, 1, 1), TRACES, name="source", **spikes)
    target = FeatureMap((1, 1, 1), TRACES, name="target", **spikes)
    source.at, target.at = 1 * ms, 3 * ms
    if convolve:
        synapses = ConvSynapses(source, target, "w : siemens", rule=rule, kernel_size=1)
    else:
        model = rule.synapse_model.replace("w : 1", "w : siemens")
        on = {"on_pre": rule.on_pre, "on_post": rule.on_post}
        synapses = Synapses(source, target, model, namespace=rule.parameters, **on)
        synapses.connect()
        synapses.eta = rule.learning_rate
        if rule.update:
            synapses.run_regularly(rule.update, when="end")
    synapses.w = 0.5 * nS
    Network(source, target, synapses.to_synapses() if explicit else synapses).run(5 * ms)
    return synapses.w[0]


UNITS = {"A_plus": 0.1 * nS, "A_minus": 0.05 * nS, "w_max": 0.58 * nS}
RULES = [
    rules.PairSTDP(**UNITS),
    rules.PairSTDP(**UNITS, mu=0.5),
    rules.Rule(1.0, on_post="w += 0.1*nS*r1_pre", on_pre="w -= 0.1*nS*o1_post", update=""),
]


@pytest.mark.parametrize("rule", RULES, ids=["additive", "power", "own"])
@pytest.mark.parametrize("target", ["numpy", "auto"])
def test_weights_with_units_learn_from_spikes(rule, target):
    prefs.codegen.target = "numpy"
    expected = pair(rule, convolve=False)
    assert expected != 0.5 * nS
    assert_allclose(float(pair(rule, True, explicit=True)), float(expected), rtol=1e-12)
    prefs.codegen.target = target
    found = pair(rule, convolve=True)
    assert found.dim is siemens.dim
    assert_allclose(float(found), float(expected), rtol=1e-12)
