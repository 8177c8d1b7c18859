"""The voltage rule: closed forms under a voltage clamp, pairing, and explicit synapses."""

import numpy as np
import pytest
from brian2 import Hz, Network, defaultclock, ms, mV, second
from cases import explicitly
from rules_cases import learned

from hebbsim import ConvSynapses, FeatureMap, rules

REST = -70.6 * mV


def clamped(rule, voltage, rate=40 * Hz, spikes=8):
    """Change of a weight while the voltage is held and presynaptic spikes come regularly."""
    source = FeatureMap(
        (1, 1, 1),
        rule.pre_model,
        threshold="(t + dt/2) % period < dt",
        reset=rule.pre_reset,
        method="exact",
        namespace={"period": 1 / rate},
    )
    target = FeatureMap((1, 1, 1), f"v : volt\n{rule.post_model}", method="exact")
    target.v = target.u_minus = target.u_plus = voltage
    if rule.u_ref is not None:
        target.u_square = (voltage - rule.E_L) ** 2
    conv = ConvSynapses(source, target, rule=rule, kernel_size=1)
    Network(source, target, conv).run(spikes / rate)
    return float(conv.w[0])


def expected_change(rule, voltage, rate=40 * Hz, spikes=8):
    """Depression by each spike, and the integral of the trace, in steps, times a constant."""
    above_minus = max(float((voltage - rule.theta_minus) / mV), 0)
    above_plus = max(float((voltage - rule.theta_plus) / mV), 0)
    step = float(defaultclock.dt / rule.tau_x)
    since = 1 / float(rate * rule.tau_x) * np.arange(1, spikes + 1)  # to the end of the run
    trace = step * (1 - np.exp(-since)).sum() / (1 - np.exp(-step))
    potentiation = float(rule.A_LTP * mV**2) * trace * above_plus * above_minus
    return potentiation - spikes * float(rule.A_LTD * mV) * above_minus


@pytest.mark.parametrize("voltage", [-80, -60, -45, -20, 10])
def test_voltage_clamp(voltage):
    rule = rules.Clopath()
    change = clamped(rule, voltage * mV)
    assert change == pytest.approx(expected_change(rule, voltage * mV), rel=1e-9, abs=1e-15)
    sign = {-80: 0, -60: -1, -45: -1, -20: 1, 10: 1}[voltage]
    assert np.sign(np.round(change, 12)) == sign


def test_homeostasis_scales_depression_by_the_mean_square_of_the_voltage():
    plain, rule = rules.Clopath(), rules.Clopath(u_ref=5 * mV)
    ratio = clamped(rule, -60 * mV) / clamped(plain, -60 * mV)
    assert ratio == pytest.approx((10.6 / 5) ** 2)


def test_the_mean_square_follows_the_voltage():
    rule = rules.Clopath(u_ref=5 * mV, tau_homeostasis=50 * ms)
    target = FeatureMap((1, 1, 1), f"v : volt\n{rule.post_model}", method="exact")
    target.v = REST + 20 * mV
    Network(target).run(30 * ms)
    expected = 400 * (1 - np.exp(-30 / 50))
    assert float(target.u_square[0] / mV**2) == pytest.approx(expected)


def pairing(rule, rates, lags, pairs=5, repeats=15):
    """Weight in percent after pairings: `repeats` times the change by some pairs.

    The postsynaptic spike is imposed: 33 mV for 2 ms, then a depolarisation that decays. Each
    condition is a channel with a synapse of its own.
    """
    rates, lags = np.repeat(rates, len(lags)), np.tile(lags, len(rates))
    n = len(rates)
    source = FeatureMap(
        (n, 1, 1),
        f"{rule.pre_model}\nfirst : second\nperiod : second",
        threshold=f"t > first - dt/2 and t < first + {pairs - 0.5}*period"
        " and (t - first + dt/2) % period < dt",
        reset=rule.pre_reset,
        method="exact",
    )
    target = FeatureMap(
        (n, 1, 1),
        f"""first : second
        period : second
        since = (t + dt/2 - first) % period : second
        spiked = int(t > first - dt/2)*int(t < first + {pairs}*period - dt) : 1
        spike = 103.6*mV*int(since < 2*ms) : volt
        after = 21*mV*exp(-(since - 2*ms)/(20*ms))*int(since >= 2*ms) : volt
        v = {float(REST)}*volt + spiked*(spike + after) : volt
        {rule.post_model}""",
        method="euler",
    )
    source.period = target.period = 1 / (rates * Hz)
    source.first = (20 + np.maximum(-lags, 0)) * ms
    target.first = (20 + np.maximum(lags, 0)) * ms
    target.u_minus = target.u_plus = REST
    conv = ConvSynapses(source, target, rule=rule, kernel_size=1, groups=n)
    Network(source, target, conv).run(pairs / min(rates) * second + 0.1 * second)
    change = conv.get_kernel("w")[:, 0, 0, 0].reshape(-1, len(set(lags)))
    return 100 * (1 + repeats * change)


def test_pairing_frequency():
    """Sjostrom et al. 2001: what depresses at low rates potentiates at high ones."""
    percent = pairing(rules.Clopath(), [10, 20, 30, 40, 50], [10, -10])
    before, after = percent.T
    assert after[0] < 100
    assert before[-1] > 100
    assert after[-1] > 100
    assert (np.diff(percent, axis=0) > 0).all()


def build(rule, voltage):
    """Two spiking maps that overlap, with different currents in every neuron."""
    rng = np.random.default_rng(7)
    maps = []
    for shape, model, reset in (
        ((2, 5, 4), rule.pre_model, rule.pre_reset),
        ((3, 3, 3), rule.post_model, rule.post_reset),
    ):
        group = FeatureMap(
            shape,
            f"d{voltage}/dt = (drive - {voltage})/(8*ms) : volt\ndrive : volt\n{model}",
            threshold=f"{voltage} > -20*mV",
            reset=f"{voltage} = -60*mV\n{reset}",
            method="exponential_euler",
            batch_size=2,
        )
        group.set_maps("drive", (-30 + 60 * rng.random((2, *shape))) * mV)
        setattr(group, voltage, REST)
        maps.append(group)
    maps[1].u_minus = maps[1].u_plus = REST
    conv = ConvSynapses(
        *maps,
        rule=rule,
        on_pre=f"{voltage}_post += w*mV",
        kernel_size=(3, 2),
        padding=(0, 1),
        stride=(1, 2),
    )
    conv.set_kernel("w", rng.random(conv.get_kernel("w").shape))
    return *maps, conv


RULES = [
    (rules.Clopath(), "v"),
    (
        rules.Clopath(0.5, u_ref=8 * mV, tau_homeostasis=20 * ms, voltage="u").hard_bounded(-3, 3),
        "u",
    ),
]


def simulate(explicit=False):
    return learned([build(*case) for case in RULES], explicit)


@pytest.fixture(scope="module")
def explicit():
    return explicitly(simulate)


def test_equals_explicit_synapses(explicit, target):
    for ours, theirs in zip(simulate(), explicit, strict=True):
        assert np.abs(theirs).max() > 0.01
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)


def test_a_voltage_without_units_is_refused():
    rule = rules.Clopath()
    source = FeatureMap((1, 1, 1), rule.pre_model, threshold="False", reset=rule.pre_reset)
    with pytest.raises(Exception, match="featuremap") as error:
        Network(FeatureMap((1, 1, 1), f"v : 1\n{rule.post_model}", method="exact")).run(1 * ms)
    assert "units" in str(error.value.__cause__ or error.value)
    target = FeatureMap((1, 1, 1), "v : 1\nu_minus : volt\nu_plus : volt")
    with pytest.raises(Exception, match="convsynapses") as error:
        Network(source, target, ConvSynapses(source, target, rule=rule, kernel_size=1)).run(1 * ms)
    assert "units" in str(error.value.__cause__ or error.value)


@pytest.mark.parametrize(
    ("kwds", "message"),
    [
        ({"voltage": "v_m - E"}, "voltage must name the target's voltage, such as 'v'"),
        ({"tau_x": 15}, "tau_x must be a positive time"),
        ({"theta_plus": -45}, "theta_plus must be in "),
        ({"A_LTP": 8e-5 / mV}, "A_LTD must be per voltage and A_LTP per voltage squared"),
        ({"u_ref": 60 * mV**2}, "u_ref must be in "),
        ({"u_ref": -8 * mV}, "u_ref must be positive, a depolarisation above E_L"),
    ],
)
def test_errors(kwds, message):
    with pytest.raises(ValueError, match=f"Clopath: {message}"):
        rules.Clopath(**kwds)
