"""Rules on ordinary Synapses with delays: traces of each synapse's own."""

import numpy as np
import pytest
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    Synapses,
    ms,
    mV,
    nS,
    prefs,
)
from numpy.testing import assert_allclose

from hebbsim import rules
from hebbsim.rules import Rule

TAU_PLUS, TAU_MINUS = 20, 30
PAIR = rules.PairSTDP(
    A_plus=0.2, A_minus=0.1, tau_plus=TAU_PLUS * ms, tau_minus=TAU_MINUS * ms, w_max=2
)


def synapses(rule, source, target, **kwds):
    made = Synapses(
        source,
        target,
        rule.synapse_model,
        on_pre=rule.on_pre or None,
        on_post=rule.on_post or None,
        namespace=rule.parameters,
        method="exact",
        **kwds,
    )
    made.connect()
    if not rule.scheduled:
        made.eta = rule.learning_rate
    if rule.update:
        made.run_regularly(rule.update, when="end")
    return made


def one_pair(rule, at_pre, at_post, **delays):
    """Return what a pair of spikes changes, between groups that keep no traces."""
    pre, post = (SpikeGeneratorGroup(1, [0], [t] * ms) for t in (at_pre, at_post))
    made = synapses(rule, pre, post, delay=delays)
    made.w = 1
    Network(pre, post, made).run((max(at_pre, at_post) + 50) * ms, namespace={})
    return made.w[0] - 1


@pytest.mark.parametrize(("d_pre", "d_post"), [(0, 0), (6, 0), (0, 6), (3, 8), (12, 0)])
def test_a_pair_counts_from_where_its_spikes_arrive(d_pre, d_post):
    """Closed form: the window of the arrivals' difference."""
    prefs.codegen.target = "numpy"
    found = one_pair(PAIR.with_synapse_traces(), 5, 15, pre=d_pre * ms, post=d_post * ms)
    lag = 10 + d_post - d_pre
    grown, shrunk = 0.2 * np.exp(-lag / TAU_PLUS), -0.1 * np.exp(lag / TAU_MINUS)
    assert_allclose(found, grown if lag > 0 else shrunk, rtol=1e-9)


def learned(rule, neurons=False, filtered=False):
    """Learn with traces on the synapses, or on neurons: the same without delays."""
    made = []
    for n, shift, side in ((3, 0.0, "pre"), (2, 0.55, "post")):
        model = getattr(rule, f"{side}_model")
        made.append(
            NeuronGroup(
                n,
                f"dv/dt = (1.3 + 0.2*i - v)/(4*ms) : 1\n{model}",
                threshold="v > 1",
                reset=f"v = 0\n{getattr(rule, f'{side}_reset')}",
                method="exact",
                namespace=rule.parameters,
            )
        )
        made[-1].v = f"{shift} + 0.01*i"
    connected = synapses(rule, *made)
    connected.w = "0.4 + 0.02*i + 0.03*j"
    Network(*made, connected).run(40 * ms, namespace={})
    return np.array(connected.w)


@pytest.mark.parametrize(
    "rule",
    [
        rules.PairSTDP(mu=0.5, target_rate=90 * Hz),
        rules.TripletSTDP.visual_cortex("nearest").hard_bounded(0, 1),
        rules.Hebb(1.0).filtered(5 * ms, 10 * ms),
        rules.RewardGated(rules.PairSTDP(), reward="20"),
    ],
    ids=lambda rule: rule.name,
)
def test_without_delays_they_equal_traces_on_neurons(rule):
    prefs.codegen.target = "numpy"
    expected = learned(rule)
    own = rule.with_synapse_traces()
    assert not own.pre_model + own.post_model + own.pre_reset + own.post_reset
    assert np.abs(expected - expected[0]).max() > 1e-3
    # a trace that is integrated before its spike lacks nothing; spikes at one time are rare here
    assert_allclose(learned(own), expected, rtol=2e-3)


def test_what_is_no_trace_of_spikes_stays_with_the_neuron():
    own = rules.Clopath(A_LTD=1 * nS / mV, A_LTP=1 * nS / mV**2).with_synapse_traces()
    assert "x_bar/(15. * msecond) : hertz (clock-driven)" in own.equations
    assert "dw = x_bar*(v_post - theta_plus)" in own.equations
    assert own.on_pre.splitlines()[-1].startswith("x_bar += 1/")
    assert own.post_model.splitlines()[0] == "du_minus/dt = (v - u_minus)/(10. * msecond) : volt"
    assert own.weight_unit == "siemens"
    follows = Rule(
        on_pre="w += eta*a_post",
        post_model="da/dt = (b - a)/(3*ms) : 1\ndb/dt = -b/(2*ms) + v/ms : 1",
        post_reset="a += 1",
    ).with_synapse_traces()
    assert (follows.on_pre, follows.post_reset) == ("w += eta*a_post", "a += 1")


def test_traces_of_one_name_are_refused():
    model = "dr/dt = -r/(5*ms) : 1"
    rule = Rule(on_pre="w -= r_post", pre_model=model, post_model=model, pre_reset="r += 1",
                post_reset="r += 1")  # fmt: skip
    with pytest.raises(ValueError, match="'r' is a trace of both neurons"):
        rule.with_synapse_traces()
