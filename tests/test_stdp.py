"""Spike-timing rules against what is known of them."""

import numpy as np
import pytest
from brian2 import Hz, Network, defaultclock, ms, second

from hebbsim import ConvSynapses, FeatureMap, rules

PAIRINGS = 60
SPIKES = "t > first - dt/2 and t < first + 59.5*period and (t - first + dt/2) % period < dt"


def pairing_experiment(rule, rates, delta_t):
    """Relative weight change after 60 pairs at each rate (Sjostrom et al. 2001's protocol).

    Each condition is a channel with a synapse of its own (a 1x1 convolution in groups).
    """
    defaultclock.dt = 0.5 * ms
    n = len(rates)
    maps = []
    for model, reset, lead in (
        (rule.pre_model, rule.pre_reset, -delta_t),
        (rule.post_model, rule.post_reset, delta_t),
    ):
        group = FeatureMap(
            (n, 1, 1),
            f"{model}\nfirst : second\nperiod : second",
            threshold=SPIKES,
            reset=reset,
            method="exact",
        )
        group.first = 20 * ms + max(lead, 0 * ms)
        group.period = 1 / rates
        maps.append(group)
    conv = ConvSynapses(*maps, rule=rule, kernel_size=1, groups=n)
    duration = PAIRINGS / min(rates) + 0.1 * second
    try:
        Network(*maps, conv).run(duration)
    finally:
        defaultclock.dt = 0.1 * ms
    return conv.get_kernel("w")[:, 0, 0, 0]


RATES = np.array([10, 20, 40, 50]) * Hz
# an independent integration of the published model and parameters, same protocol
PREDICTED = {
    ("all", 10): [0.132, 0.247, 0.534, 0.741],
    ("all", -10): [-0.334, -0.352, 0.155, 0.727],
    ("nearest", 10): [0.104, 0.323, 0.560, 0.624],
    ("nearest", -10): [-0.411, -0.338, 0.260, 0.619],
}


@pytest.mark.parametrize(("pairing", "delta_t"), PREDICTED)
def test_triplet_rule_reproduces_the_pairing_experiment(pairing, delta_t):
    rule = rules.TripletSTDP.visual_cortex(pairing)
    change = pairing_experiment(rule, RATES, delta_t * ms)
    np.testing.assert_allclose(change, PREDICTED[pairing, delta_t], atol=0.005)


def test_pair_rule_cannot_turn_depression_into_potentiation():
    """With post before pre, pairs at a high rate stay depressing: the contrast to triplets."""
    amplitudes = {"A_plus": 0.005, "A_minus": 0.0055, "tau_plus": 17 * ms, "tau_minus": 34 * ms}
    unbounded = rules.PairSTDP(**amplitudes, update="w = w")
    assert (pairing_experiment(unbounded, RATES, -10 * ms) < 0).all()


@pytest.mark.parametrize("lag", [-40, -10, 10, 40])
def test_a_single_pair_changes_by_the_window(lag):
    """Closed form: ``A exp(-|lag|/tau)``, potentiation if the presynaptic spike comes first."""
    rule = rules.PairSTDP(A_plus=0.02, A_minus=0.01, tau_plus=15 * ms, tau_minus=30 * ms)
    source, target = (
        FeatureMap(
            (1, 1, 1),
            f"{model}\nat : second",
            threshold="abs(t - at) < dt/2",
            reset=reset,
            method="exact",
        )
        for model, reset in ((rule.pre_model, rule.pre_reset), (rule.post_model, rule.post_reset))
    )
    conv = ConvSynapses(source, target, rule=rule, kernel_size=1)
    conv.w = 0.5
    source.at, target.at = 50 * ms, (50 + lag) * ms
    Network(source, target, conv).run(100 * ms)
    expected = 0.02 * np.exp(-lag / 15) if lag > 0 else -0.01 * np.exp(lag / 30)
    assert float(conv.w[0]) - 0.5 == pytest.approx(expected, rel=0.02)


def test_unknown_pairing():
    with pytest.raises(ValueError, match="must be 'all' or 'nearest', got 'some'"):
        rules.PairSTDP(pairing="some")
    with pytest.raises(ValueError, match="must be 'all' or 'nearest', got 'some'"):
        rules.TripletSTDP.hippocampus("some")


def test_soft_bounds_of_a_spiking_rule_point_to_its_exponent():
    with pytest.raises(ValueError, match=r"PairSTDP\(mu=1\)"):
        rules.TripletSTDP().soft_bounded(0, 1)
