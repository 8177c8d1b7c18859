"""Every rule between ordinary groups equals an unshared convolution of the same groups."""

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, Synapses, ms, mV, prefs

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.rules import Rule

N_PRE, N_POST = 3, 2
SPIKING = {
    "threshold": "v > 1",
    "method": "exact",
    "model": "dv/dt = (1.3 + 0.2*i - v)/(4*ms) : 1",
    "reset": "v = 0",
}
VOLTAGE = {
    "threshold": "v > -20*mV",
    "method": "euler",
    "model": "dv/dt = (-5*mV + 8*mV*i - v)/(6*ms) : volt",
    "reset": "v = -60*mV",
}
RATES = {
    "method": "exact",
    "model": "x = 0.5 + sin(t/(2*ms) + i) : 1\ny = cos(t/(3*ms) + 2*i) : 1",
}
# what rules keep for each channel, of each neuron
THRESHOLD = "dtheta_m/dt = (y**2 - theta_m)/tau : 1"
MEANS = "dx_mean/dt = (x - x_mean)/tau : 1\ndy_mean/dt = (y - y_mean)/tau : 1"
ELIGIBILITY = Rule(
    0.02,
    "deligibility/dt = -eligibility/(3*ms) : 1 (clock-driven)",
    update="w += eta*eligibility",
    on_post="eligibility += r1_pre",
    pre_model="dr1/dt = -r1/(5*ms) : 1",
    pre_reset="r1 += 1",
)

CASES = {
    "Hebb": (rules.Hebb(), RATES),
    "Instar": (rules.Instar("0.1*exp(-t/(5*ms))/n_shared"), RATES),
    "Oja": (rules.Oja().soft_bounded(-2, 2), RATES),
    "NonlinearHebb": (rules.NonlinearHebb(theta_y=0.1), RATES),
    "BCM": (rules.BCM(), {**RATES, "model": f"{RATES['model']}\n{THRESHOLD}", "method": "euler"}),
    "Covariance": (
        rules.Covariance(),
        {**RATES, "model": f"{RATES['model']}\n{MEANS}", "method": "euler"},
    ),
    "own": (ELIGIBILITY, SPIKING),
    "PairSTDP": (rules.PairSTDP(target_rate=30 / (1000 * ms), tau_rate=50 * ms), SPIKING),
    "TripletSTDP": (rules.TripletSTDP.visual_cortex(), SPIKING),
    "bounded": (rules.TripletSTDP.hippocampus("nearest").hard_bounded(0.4, 0.6), SPIKING),
    "filtered": (rules.Oja(1.0).filtered(5 * ms, 10 * ms), SPIKING),
    "Clopath": (rules.Clopath(0.1), VOLTAGE),
    "homeostatic": (rules.Clopath(0.1, u_ref=8 * mV), VOLTAGE),
}


def groups(kind, rule, settings):
    """Return both groups: feature maps of single positions, or ordinary neurons."""
    made = []
    for n, side in ((N_PRE, "pre"), (N_POST, "post")):
        kwds = dict(settings)
        model = f"{kwds.pop('model')}\n{getattr(rule, f'{side}_model')}"
        if "reset" in kwds:
            kwds["reset"] += f"\n{getattr(rule, f'{side}_reset')}"
        size = (n, 1, 1) if kind is FeatureMap else n
        made.append(kind(size, model, namespace=rule.parameters, **kwds))
        for name in ("v", "u_minus", "u_plus"):
            if settings is VOLTAGE and name in made[-1].variables:
                setattr(made[-1], name, -60 * mV)
    return made


@pytest.mark.parametrize("name", CASES)
def test_equals_a_convolution(name):
    prefs.codegen.target = "numpy"
    rule, settings = CASES[name]
    start = 0.5 + 0.015 * np.arange(N_PRE * N_POST).reshape(N_POST, N_PRE)

    source, target = groups(FeatureMap, rule, settings)
    conv = ConvSynapses(source, target, "w : 1", rule=rule, kernel_size=1, weight_sharing=False)
    conv.set_kernel("w", start.reshape(1, 1, N_POST, N_PRE, 1, 1))
    Network(source, target, conv).run(40 * ms)
    learned = conv.get_kernel("w").reshape(N_POST, N_PRE)

    before, after = groups(NeuronGroup, rule, settings)
    synapses = Synapses(
        before,
        after,
        rule.synapse_model,
        on_pre=rule.on_pre or None,
        on_post=rule.on_post or None,
        namespace=rule.parameters,
        method="exact",
    )
    synapses.connect()
    synapses.w = start[synapses.j[:], synapses.i[:]]
    if not rule.scheduled:
        synapses.eta = rule.learning_rate
    if rule.update:
        synapses.run_regularly(rule.update, when="end")
    Network(before, after, synapses).run(40 * ms)
    found = np.zeros((N_POST, N_PRE))
    found[synapses.j[:], synapses.i[:]] = synapses.w[:]

    assert np.abs(found - start).max() > 1e-3
    np.testing.assert_allclose(found, learned, rtol=1e-9)


def test_only_sums_to_the_kernel_lose_their_flag():
    rule = Rule(
        0.1,
        """u_post = w*x_pre : 1 (summed)
        dtrace/dt = -trace/(3*ms) : volt (clock-driven)
        n : integer (constant)
        dw = x_pre*(  # of both: a product
            y_post) : 1 (summed)  # over all connections
        rise = (u_pre - u_post)*int(u_pre > u_post) : volt**2/second (summed)""",
    )
    assert rule.synapse_model.splitlines() == [
        "w : 1",
        "u_post = w*x_pre : 1 (summed)",
        "dtrace/dt = -trace/(3*ms) : volt (clock-driven)",
        "n : integer (constant)",
        "dw = x_pre*(",
        "y_post) : 1",
        "rise = (u_pre - u_post)*int(u_pre > u_post) : volt**2/second",
        "eta : 1 (shared)",
    ]


def test_a_rule_with_its_own_weight():
    rule = Rule(0.1, "dw/dt = -w/(10*ms) : 1 (clock-driven)", update="")
    assert rule.synapse_model.splitlines()[0] == "dw/dt = -w/(10*ms) : 1 (clock-driven)"
    assert "w : 1" not in rule.synapse_model.splitlines()


def test_sums_that_run_over_channels_are_refused():
    with pytest.raises(ValueError, match=r"Sanger: 'xhat' is \(cumulative\).*to_synapses\(\)"):
        rules.Sanger().synapse_model  # noqa: B018
