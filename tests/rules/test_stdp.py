"""Spike-timing rules against what is known of them."""

import os
from pathlib import Path

import numpy as np
import pytest
from brian2 import Hz, Network, defaultclock, ms, second
from cases import explicitly
from rules_cases import driven_maps, learned

from hebbsim import ConvSynapses, FeatureMap, Rule, rules
from hebbsim.data.known import DATA_ROOT_VARIABLE

PAIRINGS = 60
SPIKES = "t > first - dt/2 and t < first + 59.5*period and (t - first + dt/2) % period < dt"


def pairing_experiment(rule, rates, delta_t):
    """Relative weight change after 60 pairs at each rate (Sjostrom et al. 2001's protocol).

    Each condition is a channel with a synapse of its own (a 1x1 convolution in groups). All spike
    times are multiples of 5 ms and traces decay exactly, so that this time step is exact.
    """
    defaultclock.dt = 5 * ms
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
    conv.w = 0.5
    duration = PAIRINGS / min(rates) + 0.1 * second
    try:
        Network(*maps, conv).run(duration)
    finally:
        defaultclock.dt = 0.1 * ms
    return conv.get_kernel("w")[:, 0, 0, 0] - 0.5


RATES = np.array([0.1, 10, 20, 40, 50]) * Hz
# an independent integration of the published model and parameters, same protocol
PREDICTED = {
    ("all", 10): [0.000, 0.132, 0.247, 0.534, 0.741],
    ("all", -10): [-0.312, -0.334, -0.352, 0.155, 0.727],
    ("nearest", 10): [0.000, 0.104, 0.323, 0.560, 0.624],
    ("nearest", -10): [-0.294, -0.411, -0.338, 0.260, 0.619],
}


@pytest.mark.parametrize(("pairing", "delta_t"), PREDICTED)
def test_triplet_rule_reproduces_the_pairing_experiment(pairing, delta_t):
    rule = rules.TripletSTDP.visual_cortex(pairing)
    change = pairing_experiment(rule, RATES, delta_t * ms)
    np.testing.assert_allclose(change, PREDICTED[pairing, delta_t], atol=0.005)


def measured():
    """Return changes and their standard errors, first with +10 ms, then with -10 ms."""
    root = os.environ.get(DATA_ROOT_VARIABLE)
    if not root:
        pytest.skip(f"{DATA_ROOT_VARIABLE} is not set")
    path = Path(root) / "stdp" / "sjostrom2001_freq.csv"
    if not path.is_file():
        pytest.skip(f"no measured values: there is no {path}")
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    table = np.genfromtxt(lines, delimiter=",", names=True)
    found = [
        np.sort(table[table["delta_t_ms"] == delta_t], order="rho_hz") for delta_t in (10, -10)
    ]
    np.testing.assert_array_equal([part["rho_hz"] for part in found], [RATES / Hz] * 2)
    return [np.concatenate([part[name] for part in found]) for name in ("dw", "sem")]


def both_lags(rule):
    return np.concatenate([pairing_experiment(rule, RATES, lag * ms) for lag in (10, -10)])


def test_triplet_rule_fits_the_measured_values_and_pair_stdp_at_its_best_does_not():
    dw, sem = measured()
    triplet = both_lags(rules.TripletSTDP.visual_cortex("all"))
    predicted = np.array(PREDICTED["all", 10] + PREDICTED["all", -10])
    assert ((np.abs(triplet - dw) <= sem) | (np.abs(triplet - predicted) <= 0.005)).all()
    error = np.mean(((triplet - dw) / sem) ** 2)
    assert error < 0.45

    # the additive pair rule is linear in its amplitudes, which are small here to stay in bounds
    taus = {"tau_plus": 16.8 * ms, "tau_minus": 33.7 * ms}
    amplitudes = ({"A_plus": 1e-3, "A_minus": 0}, {"A_plus": 0, "A_minus": 1e-3})
    parts = np.array([both_lags(rules.PairSTDP(**a, **taus)) for a in amplitudes])
    best = np.linalg.lstsq((parts / sem).T, dw / sem, rcond=None)[0] @ parts
    assert np.mean(((best - dw) / sem) ** 2) > 10 * error
    assert (np.abs(best - dw) > sem).sum() >= 5


def test_pair_rule_cannot_turn_depression_into_potentiation():
    """With post before pre, pairs at a high rate stay depressing: the contrast to triplets."""
    amplitudes = {"A_plus": 0.005, "A_minus": 0.0055, "tau_plus": 17 * ms, "tau_minus": 34 * ms}
    unbounded = rules.PairSTDP(**amplitudes, update="w = w")
    assert (pairing_experiment(unbounded, RATES[1:], -10 * ms) < 0).all()


def a_synapse(rule, times, threshold):
    """Return two neurons that spike at given times, and a weight of 0.5 between them."""
    source, target = (
        FeatureMap((1, 1, 1), f"{model}\n{times}", threshold=threshold, reset=reset, method="exact")
        for model, reset in ((rule.pre_model, rule.pre_reset), (rule.post_model, rule.post_reset))
    )
    conv = ConvSynapses(source, target, rule=rule, kernel_size=1)
    conv.w = 0.5
    return source, target, conv


@pytest.mark.parametrize("lag", [-40, -10, 10, 40])
def test_a_single_pair_changes_by_the_window(lag):
    """Closed form: ``A exp(-|lag|/tau)``, potentiation if the presynaptic spike comes first."""
    rule = rules.PairSTDP(A_plus=0.02, A_minus=0.01, tau_plus=15 * ms, tau_minus=30 * ms)
    source, target, conv = a_synapse(rule, "at : second", "abs(t - at) < dt/2")
    source.at, target.at = 50 * ms, (50 + lag) * ms
    Network(source, target, conv).run(100 * ms)
    expected = 0.02 * np.exp(-lag / 15) if lag > 0 else -0.01 * np.exp(lag / 30)
    assert float(conv.w[0]) - 0.5 == pytest.approx(expected, rel=0.02)


def test_homeostasis_scales_depression_by_the_rate_squared():
    """Closed form: ten regular postsynaptic spikes, then a presynaptic one, with nearest pairs."""
    rule = rules.PairSTDP(
        A_minus=0.01,
        tau_minus=30 * ms,
        pairing="nearest",
        target_rate=8 * Hz,
        tau_rate=0.4 * second,
    )
    source, target, conv = a_synapse(
        rule,
        "first : second\nlast : second",
        "t > first - dt/2 and t < last + dt/2 and (t - first + dt/2) % (50*ms) < dt",
    )
    target.first, target.last = 20 * ms, 470 * ms
    source.first = source.last = 480 * ms
    Network(source, target, conv).run(500 * ms)
    rate = np.exp(-(10 + 50 * np.arange(10)) / 400).sum() / 0.4
    expected = -0.01 * np.exp(-10 / 30) * (rate / 8) ** 2
    assert float(conv.w[0]) - 0.5 == pytest.approx(expected, rel=1e-9)


def final_rates(*first_rates, **homeostasis):
    """Rates in Hz at which neurons end whose synapses learn, with independent Poisson spikes.

    Each is a weighted sum of its inputs' rates, the batch averages over 40 copies.
    """
    rule = rules.TripletSTDP.visual_cortex(minimal=True, learning_rate=1e-2, **homeostasis)
    defaultclock.dt = 1 * ms
    spikes = "rand() < f*dt"
    source = FeatureMap(
        (20, 1, 1),
        f"{rule.pre_model}\nf : Hz",
        threshold=spikes,
        reset=rule.pre_reset,
        method="exact",
        batch_size=40,
    )
    target = FeatureMap(
        (len(first_rates), 1, 1),
        f"{rule.post_model}\nu : Hz\nf = clip(u, 0*Hz, 150*Hz) : Hz",
        threshold=spikes,
        reset=rule.post_reset,
        method="exact",
        batch_size=40,
    )
    conv = ConvSynapses(
        source, target, "w : 1\nu_post = w*f_pre : Hz (summed)", rule=rule, kernel_size=1
    )
    source.f = 10 * Hz
    conv.w = np.array(first_rates)[conv.out_channel[:]] / 200
    try:
        Network(source, target, conv).run(20 * second)
    finally:
        defaultclock.dt = 0.1 * ms
    return np.asarray(target.get_maps("f").mean(axis=(0, 2, 3)) / Hz)


# where the minimal rule neither potentiates nor depresses, in Hz: A2- tau- / (A3+ tau+ tau_y)
THETA = 7.1e-3 * 33.7 / (6.5e-3 * 16.8 * 0.114)


def test_homeostasis_leads_to_the_rate_that_the_target_sets():
    """Closed form: ``target_rate**2/THETA``, less what the fluctuations of `rate` add.

    ``<o1 rate**2>`` of Poisson spikes exceeds its mean field by ``1 + (2 + 1/2)/(rate tau_rate)``.
    """
    mean_field, tau_rate = 30, 1
    rates = final_rates(12, 50, target_rate=np.sqrt(mean_field * THETA) * Hz)
    np.testing.assert_allclose(rates, mean_field - 2.5 / tau_rate, rtol=0.05)


def test_without_homeostasis_rates_run_away_from_the_threshold():
    np.testing.assert_allclose(final_rates(12, 50), [0, 150], rtol=0, atol=5)


def homeostatic(explicit=False):
    rule = rules.TripletSTDP.visual_cortex("nearest", target_rate=60 * Hz, tau_rate=20 * ms)
    rng = np.random.default_rng(2)
    maps = driven_maps(rng, rule, (2, 4, 4), (3, 2, 2))
    conv = ConvSynapses(*maps, rule=rule, on_pre="v_post += 0.05*w", kernel_size=3)
    conv.set_kernel("w", rng.random((3, 2, 3, 3)))
    (change,) = learned([(*maps, conv)], explicit, 30 * ms)
    return change


@pytest.fixture(scope="module")
def homeostatic_change():
    return explicitly(homeostatic)


def test_homeostatic_rule_equals_explicit_synapses(homeostatic_change, target):
    assert np.abs(homeostatic_change).min() > 1e-3
    np.testing.assert_allclose(homeostatic(), homeostatic_change, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("kwds", "message"),
    [
        ({"target_rate": 10}, "target_rate must be a positive rate, such as 10.Hz, got 10"),
        ({"target_rate": 10 * ms}, "target_rate must be a positive rate"),
        ({"target_rate": -1 * Hz}, "target_rate must be a positive rate"),
        ({"tau_plus": 20}, "tau_plus must be a positive time"),
        ({"target_rate": 1 * Hz, "tau_rate": 2}, "tau_rate must be a positive time"),
        ({"target_rate": 1 * Hz, "tau_rate": 0 * ms}, "tau_rate must be a positive time"),
    ],
)
@pytest.mark.parametrize("kind", [rules.PairSTDP, rules.TripletSTDP])
def test_units_of_homeostasis(kind, kwds, message):
    with pytest.raises(ValueError, match=f"{kind.__name__}: {message}"):
        kind(**kwds)


def test_a_target_without_its_rate_has_it_kept():
    plain, rule = rules.PairSTDP(), rules.PairSTDP(target_rate=10 * Hz)
    source = FeatureMap((1, 1, 1), rule.pre_model, threshold="False", reset=rule.pre_reset)
    target = FeatureMap((1, 1, 1), plain.post_model, threshold="False", reset=plain.post_reset)
    conv = ConvSynapses(source, target, rule=rule, kernel_size=1)
    assert {side: set(traces.equations.names) for side, traces in conv.traces.items()} == {
        "post": {"rate"}
    }


def test_homeostasis_is_off_by_default():
    rule = rules.PairSTDP()
    assert "rate" not in rule.post_model + rule.post_reset + rule.on_pre
    assert not {"target_rate", "tau_rate"} & set(rule.parameters)


def test_unknown_pairing():
    with pytest.raises(ValueError, match="must be 'all' or 'nearest', got 'some'"):
        rules.PairSTDP(pairing="some")
    with pytest.raises(ValueError, match="must be 'all' or 'nearest', got 'some'"):
        rules.TripletSTDP.hippocampus("some")


def test_soft_bounds_of_a_spiking_rule_point_to_its_exponent():
    with pytest.raises(ValueError, match=r"PairSTDP\(mu=1\)"):
        rules.TripletSTDP().soft_bounded(0, 1)


def test_without_bounds_weights_leave_them():
    free = rules.PairSTDP(0.1, w_min=-np.inf, w_max=np.inf)
    assert free.update == ""
    assert rules.PairSTDP(0.1, w_max=np.inf).update == "w = clip(w, 0, w_max)"
    with pytest.raises(ValueError, match=r"mu=0\.5 scales changes .* must be finite"):
        rules.PairSTDP(0.1, w_max=np.inf, mu=0.5)
    source = FeatureMap((1, 1, 1), "v : 1", threshold="v > 0", reset="")
    layer = FeatureMap((1, 1, 1), "v : 1", threshold="v > 0", reset="")
    conv = ConvSynapses(source, layer, rule=free, kernel_size=1)
    source.v, layer.v, conv.w = 1, 1, 0
    Network(source, layer, conv).run(20 * ms, namespace={})
    assert conv.w[0] < -0.1  # depression is the stronger one


def test_a_rule_for_spikes_needs_no_update():
    rule = Rule(on_post="w += 0.1*x_pre")
    assert rule.update == ""
    source = FeatureMap((1, 1, 1), "x : 1")
    layer = FeatureMap((1, 1, 1), "v : 1", threshold="v > 0", reset="")
    conv = ConvSynapses(source, layer, rule=rule, kernel_size=1)
    source.x, layer.v = 2, 1
    Network(source, layer, conv).run(3 * defaultclock.dt, namespace={})
    assert conv.w[0] == pytest.approx(0.6)
