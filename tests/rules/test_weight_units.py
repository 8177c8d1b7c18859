"""Weights with units under every rule: the numbers of a plain weight, times the unit."""

import json

import numpy as np
import pytest
from brian2 import (
    DimensionMismatchError,
    Hz,
    Network,
    NeuronGroup,
    Synapses,
    amp,
    defaultclock,
    ms,
    mV,
    nS,
    pA,
    prefs,
    second,
    siemens,
)
from brian2.core.base import BrianObjectException
from numpy.testing import assert_allclose
from rules_cases import driven_map

from hebbsim import (
    ConvLayer,
    ConvSynapses,
    FeatureMap,
    PerChannel,
    PerSample,
    SpikingLayer,
    rules,
)
from hebbsim.networks.serialization import describe_rule, rule_from
from hebbsim.rules import RewardGated

#: Of rates and of spikes: a rule of plain weights and the same for weights in nS
RATES = {
    "Hebb": (rules.Hebb(0.02), rules.Hebb(0.02 * nS)),
    "NonlinearHebb": (rules.NonlinearHebb(0.02), rules.NonlinearHebb(0.02 * nS)),
    "BCM": (rules.BCM(0.02, tau=1 * ms), rules.BCM(0.02 * nS, tau=1 * ms)),
    "Covariance": (rules.Covariance(0.02), rules.Covariance(0.02 * nS)),
    "hard bounds": (
        rules.Hebb(0.02).hard_bounded(-0.51, 0.9),
        rules.Hebb(0.02 * nS).hard_bounded(-0.51 * nS, 900 * 1e-3 * nS),
    ),
    "hard bound at 0": (
        rules.Hebb(0.02).hard_bounded(-0.5, 0).hard_bounded(-2, 0),
        rules.Hebb(0.02 * nS).hard_bounded(-0.5 * nS, 0).hard_bounded(-2 * nS, 0 * nS),
    ),
    "soft bounds": (
        rules.Hebb(0.02).soft_bounded(-1, 2),
        rules.Hebb(0.02).soft_bounded(-1 * nS, 2 * nS),
    ),
    "filtered": (
        rules.Hebb(20).filtered(5 * ms, 5 * ms),
        rules.Hebb(20 * nS).filtered(5 * ms, 5 * ms),
    ),
}
TAUS = {"tau_plus": 5 * ms, "tau_minus": 4 * ms}
SPIKES = {
    "PairSTDP": (
        rules.PairSTDP(A_plus=0.05, A_minus=0.06, mu=0.5, **TAUS),
        rules.PairSTDP(A_plus=0.05 * nS, A_minus=0.06 * nS, w_max=1 * nS, mu=0.5, **TAUS),
    ),
    "rate of PairSTDP": (
        rules.PairSTDP(2, A_plus=0.05, A_minus=0, w_min=-1, w_max=2),
        rules.PairSTDP(2 * nS, A_plus=0.05, A_minus=0, w_min=-1 * nS, w_max=2 * nS),
    ),
    "TripletSTDP": (
        rules.TripletSTDP.visual_cortex(minimal=True),
        rules.TripletSTDP.visual_cortex(minimal=True, learning_rate=1 * nS),
    ),
    "amplitudes of TripletSTDP": (
        rules.TripletSTDP(A2_plus=0, A3_plus=0.1, A2_minus=0.05, A3_minus=0),
        rules.TripletSTDP(A2_plus=0, A3_plus=0.1 * nS, A2_minus=0.05 * nS, A3_minus=0),
    ),
    "Clopath": (
        rules.Clopath(0.1, A_LTD=14e-3 / mV),
        rules.Clopath(0.1, A_LTD=14e-3 * nS / mV, A_LTP=8e-5 * nS / mV**2),
    ),
    "rate of Clopath": (
        rules.Clopath(0.1, A_LTD=14e-3 / mV),
        rules.Clopath(0.1 * nS, A_LTD=14e-3 / mV),
    ),
}
CASES = {**RATES, **SPIKES}


def maps(rule):
    """Return a source and a target that drive themselves, and what the rule keeps of them."""
    shapes = {"pre": (2, 4, 3), "post": (3, 3, 2)}
    inner = getattr(rule, "rule", rule)
    make = voltages if isinstance(inner, rules.Clopath) else spikes if rule.spiking else rates
    source, target = (make(rule, side, shape) for side, shape in shapes.items())
    kept = [
        kind(group, text, namespace=rule.parameters, method="exact")
        for kind, group, text in (
            (PerChannel, source, rule.pre_channels),
            (PerChannel, target, rule.post_channels),
            (PerSample, target, rule.post_samples),
        )
        if text
    ]
    return [source, target, *kept]


def rates(_, side, shape):
    name = {"pre": "x", "post": "y"}[side]
    group = FeatureMap(shape, f"{name} : 1", batch_size=2)
    group.set_maps(name, np.random.default_rng(2).standard_normal((2, *shape)))
    return group


def spikes(rule, side, shape):
    model, reset = (getattr(rule, f"{side}_{part}") for part in ("model", "reset"))
    return driven_map(np.random.default_rng(len(side)), shape, model, reset)


def voltages(rule, side, shape):
    model, reset = (getattr(rule, f"{side}_{part}") for part in ("model", "reset"))
    group = FeatureMap(
        shape,
        f"dv/dt = (drive - v)/(5*ms) : volt\ndrive : volt\n{model}",
        threshold="v > -50*mV",
        reset=f"v = -70*mV\n{reset}",
        method="exact",
        batch_size=2,
    )
    group.v, group.drive = -60 * mV, "(-40 + i % 3)*mV"
    if side == "post":
        group.u_minus = group.u_plus = -60 * mV
    return group


def learned(rule, unit, model=None):
    """Return what a kernel learns in 20 ms, in `unit`; the rule gives w its units by default."""
    source, target, *kept = maps(rule)
    if model is None:
        model = f"w : {rule.weight_unit}"
    conv = ConvSynapses(source, target, model, rule=rule, kernel_size=2)
    values = np.random.default_rng(3).uniform(-0.4, -0.1, conv.geometry.kernel_shape)
    if rule.weight_bounds is None or float(rule.weight_bounds[0]) == 0:
        values = -values
    conv.set_kernel("w", values * unit)
    if isinstance(rule, RewardGated):
        (conv if not kept else kept[-1]).reward = 3
    Network(source, target, *kept, conv).run(20 * ms, namespace={})
    found = np.asarray(conv.get_kernel("w") / unit)
    assert np.abs(found - values).max() > 1e-3
    return found


@pytest.mark.parametrize("name", CASES)
def test_weights_with_units_learn_the_same_numbers(name):
    prefs.codegen.target = "numpy"
    plain, with_units = CASES[name]
    assert (plain.weight_unit, with_units.weight_unit) == ("1", "siemens")
    assert_allclose(learned(with_units, nS), learned(plain, 1), rtol=1e-9)


@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize("name", ["Hebb", "hard bounds", "soft bounds", *SPIKES])
def test_reward_turns_eligibility_into_units(name, per_sample):
    prefs.codegen.target = "numpy"
    options = {"tau_e": 5 * ms, "per_sample": per_sample}
    plain, with_units = (RewardGated(rule, learning_rate=20 * rule.learning_rate, **options)
                         for rule in CASES[name])  # fmt: skip
    unit = "1" if name == "soft bounds" else "siemens"
    assert f"eligibility/tau_e : {unit}" in with_units.equations
    assert_allclose(learned(with_units, nS), learned(plain, 1), rtol=1e-9)


@pytest.mark.parametrize(
    ("kind", "equations"),
    [
        (rules.Instar, "dw = y_post*(x_pre - w) : amp (summed)"),
        (rules.Oja, "dw = y_post*(x_pre - y_post*w) : amp (summed)"),
        (
            rules.Sanger,
            "xhat = y_post*w : amp (cumulative)\ndw = y_post*(x_pre - xhat) : amp (summed)",
        ),
    ],
)
def test_rules_that_compare_weights_with_inputs(kind, equations):
    """Both in the same units, and the equation written with them."""
    prefs.codegen.target = "numpy"

    def run(rule, unit, name):
        rng = np.random.default_rng(1)
        source, target = FeatureMap((2, 4, 3), f"x : {name}"), FeatureMap((3, 3, 2), "y : 1")
        source.set_maps("x", rng.random((2, 4, 3)) * unit)
        target.set_maps("y", rng.random((3, 3, 2)))
        conv = ConvSynapses(source, target, f"w : {rule.weight_unit}", rule=rule, kernel_size=2)
        conv.set_kernel("w", rng.random((3, 2, 2, 2)) * unit)
        Network(source, target, conv).run(3 * defaultclock.dt, namespace={})
        return np.asarray(conv.get_kernel("w") / unit)

    rule = kind(0.1, equations=equations)
    assert rule.weight_unit == "amp"
    assert_allclose(run(rule, pA, "amp"), run(kind(0.1), 1, "1"), rtol=1e-9)


def test_the_default_model_has_the_units_of_the_parameters():
    rule = rules.PairSTDP(A_plus=0.01 * nS, A_minus=0.01 * nS, w_max=1 * nS)
    source, target = maps(rule)
    conv = ConvSynapses(source, target, rule=rule, kernel_size=2)
    assert conv.variables["w"].dim is siemens.dim
    rates = rules.Hebb(0.02 * nS)
    source, target = FeatureMap((1, 2, 2), "x : 1"), FeatureMap((1, 1, 1), "u : siemens\ny : 1")
    conv = ConvSynapses(source, target, rule=rates, kernel_size=2)
    conv.w, source.x, target.y = 2 * nS, 1, 1
    Network(source, target, conv).run(defaultclock.dt, namespace={})
    assert_allclose(np.asarray(target.u / nS), 8)
    assert_allclose(np.asarray(conv.w / nS), 2.02)


def test_synapse_model_has_them_too():
    prefs.codegen.target = "numpy"
    rule = rules.PairSTDP(A_plus=0.01 * nS, A_minus=0.01 * nS, w_max=1 * nS)
    assert rule.synapse_model.splitlines()[0] == "w : siemens"
    group = NeuronGroup(2, f"{rule.pre_model}\n{rule.post_model}", threshold="i >= 0")
    synapses = Synapses(
        group, group, rule.synapse_model, on_pre=rule.on_pre, namespace=rule.parameters
    )
    synapses.connect()
    synapses.w, synapses.eta, group.o1 = 0.5 * nS, rule.learning_rate, 1
    Network(group, synapses).run(defaultclock.dt)
    assert_allclose(np.asarray(synapses.w / nS), 0.49, rtol=1e-2)


def test_units_that_do_not_match_stop_the_run():
    prefs.codegen.target = "numpy"
    with pytest.raises(BrianObjectException) as error:
        learned(rules.Hebb(0.02), nS, "w : siemens")
    assert isinstance(error.value.__cause__, DimensionMismatchError)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: rules.PairSTDP(w_max=1 * nS),
            "A_plus must have the units of w_max, siemens, got 0.01",
        ),
        (lambda: rules.PairSTDP(w_max=1 * nS, target_rate=9 * Hz), "A_plus must have the units"),
        (lambda: rules.PairSTDP(A_plus=1 * nS), "A_plus must have the units of w_max, none, got 1"),
        (
            lambda: rules.PairSTDP(w_min=-1 * nS, w_max=1),
            "bound must have the units of the lower bound, si",
        ),
        (
            lambda: rules.PairSTDP(w_min=1 * mV, w_max=1 * nS),
            "upper bound must have the units of the lower bound, volt",
        ),
        (
            lambda: rules.TripletSTDP(A2_plus=1 * nS),
            "A3_plus must have the units of A2_plus, siemens",
        ),
        (
            lambda: rules.Clopath(A_LTD=1 * nS / mV),
            r"A_LTP\*volt\*\*2 must have the units of A_LTD\*volt, s",
        ),
        (lambda: rules.Clopath(A_LTP=8e-5), "A_LTD must be per voltage and A_LTP per voltage sq"),
        (
            lambda: rules.Hebb().hard_bounded(0.5, 1 * nS),
            "bound must have the units of the upper bound, siem",
        ),
        (
            lambda: rules.Hebb().soft_bounded(1 * mV, 2 * nS),
            "upper bound must have the units of the lower bound, volt",
        ),
        (lambda: rules.Hebb().hard_bounded(2 * nS, 1 * nS), "lower must be below the upper"),
    ],
)
def test_parameters_with_other_units_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_units_survive_json():
    rule = rules.PairSTDP(A_plus=0.01 * nS, A_minus=0.01 * nS, w_min=-1 * nS, w_max=0)
    for chosen in (rule, RewardGated(rule), rules.Hebb(0.1 * nS).hard_bounded(0, 1 * nS)):
        again = rule_from(json.loads(json.dumps(describe_rule(chosen))))
        assert again.kept_range == chosen.kept_range
        assert again.weight_unit == "siemens"
        assert str(again) == str(chosen)


@pytest.mark.parametrize("kind", [ConvLayer, SpikingLayer])
def test_layers_of_networks_have_plain_weights(kind):
    with pytest.raises(ValueError, match=f"{kind.__name__}: the weights of a layer have no units"):
        kind(4, 3, rules.Hebb(0.1 * nS))


def test_units_of_rewards_times():
    assert RewardGated(rules.Hebb(1 * amp), tau_e=1 * second).weight_unit == "amp"
