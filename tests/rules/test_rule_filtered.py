"""Rules for rates on filtered spike trains, and nonlinear Hebbian learning."""

import numpy as np
import pytest
from brian2 import Network, defaultclock, ms, second
from cases import explicitly
from rules_cases import driven_maps, learned

from hebbsim import ConvLayer, ConvNetwork, ConvSynapses, FeatureMap, rules
from hebbsim.rules import Rule

SPIKE_AT = "abs(t - at) < dt/2 or abs(t - at - 30*ms) < dt/2"


def two_pairs(rule, dt):
    """Weight after two pairs of spikes, 30 ms apart, the second neuron 4 ms after the first."""
    defaultclock.dt = dt
    try:
        source, target = (
            FeatureMap(
                (1, 1, 1), f"{model}\nat : second", threshold=SPIKE_AT, reset=reset, method="exact"
            )
            for model, reset in (
                (rule.pre_model, rule.pre_reset),
                (rule.post_model, rule.post_reset),
            )
        )
        conv = ConvSynapses(source, target, "w : 1", rule=rule, kernel_size=1)
        source.at, target.at, conv.w = 5 * ms, 9 * ms, 0.1
        Network(source, target, conv).run(200 * ms)
    finally:
        defaultclock.dt = 0.1 * ms
    return float(conv.w[0])


def overlap(late, early, tau_late=12, tau_early=8):
    """Integral in ms of two traces, from the later of two spikes on."""
    return np.exp(-(late - early) / tau_early) * tau_late * tau_early / (tau_late + tau_early)


def test_what_is_learned_is_the_integral_of_the_traces():
    rule = rules.Hebb(20.0).filtered(8 * ms, 12 * ms)
    # spikes of the target after those of the source, and one the other way round
    integral = 2 * overlap(4, 0) + overlap(34, 0) + overlap(26, 0, tau_late=8, tau_early=12)
    assert two_pairs(rule, 0.02 * ms) - 0.1 == pytest.approx(20 * integral / 1000, rel=0.005)


@pytest.mark.parametrize(
    "rule",
    [
        rules.Oja(20.0),
        rules.Instar(20.0).hard_bounded(-1, 1),
        rules.Hebb(20.0).soft_bounded(0, 2),
        rules.Hebb("20*exp(-t/(50*ms))"),
        rules.NonlinearHebb(40.0, nonlinearity="clip(y - theta_y, 0, inf)**2", theta_y=0.1),
        rules.NonlinearHebb(20.0, nonlinearity="y*(y - 0.2)"),
    ],
    ids=lambda rule: rule.name,
)
def test_what_is_learned_does_not_depend_on_the_time_step(rule):
    filtered = rule.filtered(8 * ms, 12 * ms)
    coarse, fine = (two_pairs(filtered, dt) - 0.1 for dt in (0.2 * ms, 0.05 * ms))
    assert abs(fine) > 0.01
    assert coarse == pytest.approx(fine, rel=0.04)


def test_filtering_keeps_the_rule():
    rule = rules.Oja(0.3).hard_bounded(0, 1)
    filtered = rule.filtered(20 * ms, 10 * ms)
    assert isinstance(filtered, rules.Oja)
    assert filtered.model == rule.model
    assert filtered.update == "w += (eta*dt/second)*dw\nw = clip(w, 0, 1)"
    assert filtered.spiking
    for text in ("dx/dt = -x/(20. * msecond) : 1", "post_reset: y += 1", "eta = 0.3"):
        assert text in str(filtered)


def build(rule, channels):
    rng = np.random.default_rng(3)
    maps = driven_maps(rng, rule, (channels, 5, 4), (4, 3, 3))
    conv = ConvSynapses(
        *maps,
        "w : 1",
        rule=rule,
        on_pre="v_post += 0.05*w",
        kernel_size=(3, 2),
        stride=(1, 2),
        padding=(0, 1),
        groups=2,
    )
    conv.set_kernel("w", rng.random(conv.get_kernel("w").shape))
    return *maps, conv


def simulate(explicit=False):
    nonlinear = rules.NonlinearHebb(0.5, nonlinearity="clip(y - theta_y, 0, inf)*(y - 0.5)")
    built = [
        build(nonlinear.filtered(20 * ms, 10 * ms), 4),
        build(rules.Instar(1.0).soft_bounded(-1, 2).filtered(5 * ms, 10 * ms), 2),
    ]
    return learned(built, explicit)


@pytest.fixture(scope="module")
def explicit():
    return explicitly(simulate)


def test_equals_explicit_synapses(explicit, target):
    for ours, theirs in zip(simulate(), explicit, strict=True):
        assert np.abs(theirs).max() > 0.01
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "nonlinearity", ["clip(y - theta_y, 0, inf)**2", "-tanh(y)", "y*(1 - theta_y)"]
)
def test_nonlinear_hebb_is_the_product_with_the_function(nonlinearity):
    rule = rules.NonlinearHebb(0.1, nonlinearity=nonlinearity, theta_y=0.3)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    source = FeatureMap((3, 1, 1), "x : 1", batch_size=5)
    target = FeatureMap((2, 1, 1), "y : 1", batch_size=5)
    conv = ConvSynapses(source, target, "w : 1", rule=rule, kernel_size=1)
    source.set_maps("x", x[:, :, None, None])
    target.set_maps("y", y[:, :, None, None])
    Network(source, target, conv).run(defaultclock.dt)
    names = {"y": y, "theta_y": 0.3, "clip": np.clip, "inf": np.inf, "tanh": np.tanh}
    expected = 0.1 * eval(nonlinearity, names).T @ x
    np.testing.assert_allclose(conv.get_kernel("w")[:, :, 0, 0], expected, rtol=1e-10)


@pytest.mark.parametrize(("nonlinearity", "finds"), [("clip(y, 0, inf)**2", True), ("y", False)])
def test_nonlinear_hebb_finds_the_sparse_source(nonlinearity, finds):
    """Of white inputs, one sparse and three Gaussian, a linear function can't tell one apart."""
    rng = np.random.default_rng(1)
    sources = np.c_[rng.laplace(size=20_000) / np.sqrt(2), rng.standard_normal((20_000, 3))]
    mixing, _ = np.linalg.qr(rng.standard_normal((4, 4)))
    white = sources @ np.linalg.inv(np.linalg.cholesky(np.cov(sources.T))).T
    rule = rules.NonlinearHebb("0.5*exp(-t/(30*ms))/n_shared", nonlinearity=nonlinearity)
    layer = ConvLayer(
        1, 1, rule, activity="linear", output="linear", standardize=False, normalize="L2"
    )
    network = ConvNetwork((4, 1, 1), [layer], batch_size=100, seed=2)
    network.fit((white @ mixing.T)[:, :, None, None], epochs=5, progress=False)
    (w,) = network.stages[0].conv.get_kernel("w")[:, :, 0, 0]
    assert (abs(w @ mixing[:, 0]) > 0.97) == finds


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rules.PairSTDP().filtered(1 * ms, 1 * ms), "PairSTDP: only a rule for rates"),
        (lambda: rules.Clopath().filtered(1 * ms, 1 * ms), "Clopath: only a rule for rates"),
        (
            lambda: rules.Hebb().filtered(1 * ms, 1 * ms).filtered(1 * ms, 1 * ms),
            "driven by spikes already",
        ),
        (lambda: rules.Hebb().filtered(20, 1 * ms), "tau_pre must be a positive time"),
        (lambda: rules.Hebb().filtered(1 * ms, -1 * ms), "tau_post must be a positive time"),
        (
            lambda: Rule(0.1, "dw = x_pre : 1 (summed)", update="w += dw").filtered(
                1 * second, 1 * second
            ),
            "has no learning rate eta",
        ),
        (lambda: rules.NonlinearHebb(nonlinearity="x**2"), "must be an expression in y"),
        (
            lambda: rules.NonlinearHebb(equations="dw = x_pre*y_post**3 : 1 (summed)"),
            "are not those of the nonlinearity",
        ),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
