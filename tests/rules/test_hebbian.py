"""What each rule finds, against closed forms; and the text that a rule is."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from brian2 import Network, defaultclock, ms, prefs, second

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.maps.per_channel_sample_position import PerChannel
from hebbsim.networks.conv_layer import ConvLayer
from hebbsim.networks.conv_network import ConvNetwork
from hebbsim.rules import Rule

ALL_RULES = [getattr(rules, name) for name in rules.__all__ if name != "Rule"]
RATE_RULES = [kind for kind in ALL_RULES if not kind().spiking]
EIGENVALUES = np.array([5, 3, 2, 1.5, 1, 0.8, 0.6, 0.5, 0.4, 0.3])


def gaussian_samples(n=20_000):
    """Samples of a 10-D Gaussian, and the principal components of these very samples."""
    rng = np.random.default_rng(3)
    basis, _ = np.linalg.qr(rng.standard_normal((10, 10)))
    samples = rng.standard_normal((n, 10)) * np.sqrt(EIGENVALUES) @ basis.T
    values, vectors = np.linalg.eigh(samples.T @ samples / n)
    return samples[:, :, None, None], values[::-1], vectors[:, ::-1].T


def learn(rule, samples, out_channels, epochs, **layer):
    settings = {
        "activity": "linear",
        "output": "linear",
        "standardize": False,
        "normalize": None,
    } | layer
    network = ConvNetwork(
        samples.shape[1:], [ConvLayer(out_channels, 1, rule, **settings)], batch_size=100, seed=1
    )
    network.fit(samples, epochs=epochs, progress=False)
    return network.stages[0].conv.get_kernel("w")[:, :, 0, 0]


def test_oja_finds_the_first_principal_component():
    samples, _, components = gaussian_samples()
    rule = rules.Oja("0.02*exp(-t/(0.5*second))/n_shared")
    (w,) = learn(rule, samples, 1, epochs=10)
    assert abs(w @ components[0]) / np.linalg.norm(w) > 0.999
    assert np.linalg.norm(w) == pytest.approx(1, abs=2e-3)


def test_sanger_finds_the_first_components_in_order():
    samples, values, components = gaussian_samples()
    rule = rules.Sanger("0.02*exp(-t/(1*second))/n_shared")
    w = learn(rule, samples, 3, epochs=20)
    cosines = np.abs(w @ components[:3].T) / np.linalg.norm(w, axis=1)[:, None]
    assert (np.diag(cosines) > 0.999).all(), cosines
    variances = np.var(samples[:, :, 0, 0] @ w.T, axis=0)
    np.testing.assert_allclose(variances, values[:3], rtol=0.02)


def test_instar_finds_the_mean_of_what_it_wins():
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 8))
    labels = rng.integers(0, 3, 6000)
    samples = centres[labels] + 0.3 * rng.standard_normal((6000, 8))
    rule = rules.Instar("0.2*exp(-t/(60*ms))/n_shared")
    network = ConvNetwork(
        (8, 1, 1),
        [ConvLayer(3, 1, rule, activity="winners", normalize=None, standardize=False)],
        batch_size=100,
    )
    network.stages[0].conv.set_kernel("w", centres[:, :, None, None] * 0.5)
    network.fit(samples[:, :, None, None], epochs=5, progress=False)
    w = network.stages[0].conv.get_kernel("w")[:, :, 0, 0]
    winners = network.transform(samples[:, :, None, None], variable="y")[:, :, 0, 0].argmax(1)
    for channel in range(3):
        mean = samples[winners == channel].mean(0)
        assert np.linalg.norm(w[channel] - mean) < 0.1 * np.linalg.norm(mean)


def test_bcm_becomes_selective_to_one_pattern():
    patterns = np.array([[1.0, 0.2], [0.2, 1.0]])
    rng = np.random.default_rng(5)
    samples = patterns[rng.integers(0, 2, 40_000)]
    rule = rules.BCM("0.02/n_shared", tau=20 * ms)
    layer = {"activity": "rectified", "output": "rectified"}
    network = ConvNetwork(
        (2, 1, 1),
        [ConvLayer(1, 1, rule, standardize=False, normalize=None, **layer)],
        batch_size=10,
        seed=2,
    )
    network.stages[0].conv.set_kernel("w", np.array([0.51, 0.5]).reshape(1, 2, 1, 1))
    network.fit(samples[:, :, None, None], epochs=3, progress=False)
    responses = np.sort(patterns @ network.stages[0].conv.get_kernel("w")[0, :, 0, 0])
    # the stable fixed points respond with 1/p to one pattern and not to the other
    assert responses[0] == pytest.approx(0, abs=0.1)
    assert responses[1] == pytest.approx(2, abs=0.2)


def test_covariance_rule_measures_the_covariance():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((500, 2, 1, 1)) + 3
    y = 0.5 * x[:, :1] + rng.standard_normal((500, 1, 1, 1))
    source = FeatureMap((2, 1, 1), "x : 1", batch_size=500)
    layer = FeatureMap((1, 1, 1), "u : 1\ny : 1", batch_size=500)
    rule = rules.Covariance(1 / 500)
    means = [
        PerChannel(group, text, namespace=rule.parameters)
        for group, text in ((source, rule.pre_channels), (layer, rule.post_channels))
    ]
    conv = ConvSynapses(source, layer, kernel_size=1, rule=rule)
    source.set_maps("x", x)
    layer.set_maps("y", y)
    means[0].x_mean, means[1].y_mean = x.mean((0, 2, 3)), y.mean()
    means[0].x_now, means[1].y_now = x.mean((0, 2, 3)), y.mean()
    Network(source, layer, *means, conv).run(defaultclock.dt)
    expected = np.cov(np.c_[x[:, :, 0, 0], y[:, 0, 0]].T, bias=True)[2, :2]
    np.testing.assert_allclose(conv.get_kernel("w").ravel(), expected, rtol=1e-10)


def update_once(rule, w, x=1.0, y=1.0, steps=1):
    """Weight after steps of a single connection with constant activities."""
    source, layer = FeatureMap((1, 1, 1), "x : 1"), FeatureMap((1, 1, 1), "u : 1\ny : 1")
    conv = ConvSynapses(source, layer, kernel_size=1, rule=rule)
    source.x, layer.y, conv.w = x, y, w
    Network(source, layer, conv).run(steps * defaultclock.dt)
    return float(conv.w[0])


def test_hard_bounds_clip():
    rule = rules.Hebb(0.5).hard_bounded(-1, 1)
    assert update_once(rule, 0.8) == 1
    assert update_once(rule, -0.8, y=-1.0) == -1
    assert update_once(rule, 0.1) == pytest.approx(0.6)


def test_soft_bounds_fade():
    rule = rules.Hebb(0.5).soft_bounded(0, 2)
    assert update_once(rule, 0.4) == pytest.approx(0.4 + 0.5 * 1 * (2 - 0.4))
    assert update_once(rule, 0.4, y=-1.0) == pytest.approx(0.4 - 0.5 * 1 * (0.4 - 0))


def test_schedule_is_an_expression_in_time():
    rule = rules.Hebb("0.1*exp(-t/(1*ms))")
    dt = float(defaultclock.dt / ms)
    expected = sum(0.1 * np.exp(-n * dt) for n in range(3))
    assert update_once(rule, 0.0, steps=3) == pytest.approx(expected)


def test_rate_can_be_set_between_runs():
    source, layer = FeatureMap((1, 1, 1), "x : 1"), FeatureMap((1, 1, 1), "u : 1\ny : 1")
    conv = ConvSynapses(source, layer, kernel_size=1, rule=rules.Hebb(0.1))
    source.x = layer.y = 1
    network = Network(source, layer, conv)
    network.run(defaultclock.dt)
    conv.eta = 0.2
    network.run(defaultclock.dt)
    assert conv.w[0] == pytest.approx(0.3)


def test_a_rule_of_ones_own_with_constants():
    own = Rule(
        learning_rate=1.0,
        equations="dw = y_post*x_pre - decay*w : 1 (summed)",
        constants={"decay": 0.25},
    )
    assert update_once(own, 0.8) == pytest.approx(0.8 + 1 - 0.2)


@pytest.mark.parametrize("kind", ALL_RULES)
def test_every_rule_shows_its_text_and_source(kind):
    rule = kind()
    shown = str(rule)
    for line in rule.equations.splitlines():
        assert line in shown
    assert all(line in shown for line in rule.update.splitlines())
    assert rule.reference in shown
    assert rule.reference


@pytest.mark.parametrize("kind", RATE_RULES)
def test_every_rule_survives_json_in_a_layer(kind):
    layer = ConvLayer(4, (3, 2), kind("0.1/n_shared"), padding=1, pool_size=(2, 1))
    assert ConvLayer.from_dict(json.loads(json.dumps(layer.to_dict()))) == layer


def test_a_rule_of_ones_own_survives_json_with_its_parameters():
    @dataclass(frozen=True)
    class Leaky(Rule):
        equations: str = "dw = y_post*x_pre - leak*w*dt/tau : 1 (summed)"
        leak: float = 0.5

    layer = ConvLayer(4, 3, Leaky(0.1, constants={"tau": 3 * ms}, leak=0.25))
    again = ConvLayer.from_dict(json.loads(json.dumps(layer.to_dict())))
    assert again.rule.parameters == {"leak": 0.25, "tau": 3 * ms}
    assert again.rule.model == layer.rule.model


@pytest.mark.parametrize("kind", RATE_RULES)
def test_every_rule_has_units_that_check(kind):
    """A rule's equations hold in a network of dimensionless rates."""
    prefs.codegen.target = "numpy"
    samples = np.random.default_rng(0).random((20, 2, 4, 4))
    network = ConvNetwork((2, 4, 4), [ConvLayer(3, 2, kind("0.1/n_shared"))], batch_size=10)
    before = network.stages[0].conv.get_kernel("w")
    network.fit(samples, progress=False)
    assert np.abs(network.stages[0].conv.get_kernel("w") - before).max() > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rule(), "give the equations"),
        (lambda: rules.Hebb(float("nan")), "learning_rate must be finite"),
        (lambda: rules.Hebb().hard_bounded(1, 0), "lower must be below the upper"),
        (lambda: rules.Hebb().soft_bounded(1, 1), "lower must be below the upper"),
        (lambda: ConvLayer(4, 3, "oja"), "rule must be a Rule"),
    ],
)
def test_errors(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_units_that_do_not_match_are_refused():
    rule = Rule(0.1, "dw = y_post*x_pre*tau : 1 (summed)", constants={"tau": 3 * second})
    with pytest.raises(Exception, match="dw") as error:
        update_once(rule, 0.0)
    assert "units" in str(error.value.__cause__ or error.value)


@pytest.mark.parametrize("name", ["e", "N", "i", "exp", "mV", "eta"])
def test_constants_that_equations_would_not_use(name):
    """Brian2 gives such a name another meaning, with a warning at most."""
    with pytest.raises(ValueError, match=f"Rule: the constant '{name}' would not be used"):
        Rule(equations="dw = y_post*x_pre - w : 1 (summed)", constants={name: 0.5})


@pytest.mark.parametrize(
    ("equations", "defined"),
    [("delta_w = y_post*x_pre : 1 (summed)", "delta_w"), ("dw/dt = -w/second : 1", "w")],
)
def test_an_update_needs_what_it_applies(equations, defined):
    with pytest.raises(ValueError, match=f"applies 'dw', and the equations define '{defined}'"):
        Rule(equations=equations)
    assert Rule(equations=equations, update=f"w += eta*{defined}").equations == equations


def test_a_rule_prints_what_it_is_given_without_indents():
    model = """
        da/dt = -a/tau : 1
        b = 2*a : 1
    """
    text = str(Rule(equations="dw = w : 1 (summed)", post_model=model, post_channels=model))
    for kind in ("post_model", "per channel of the target"):
        assert f"    {kind}: da/dt = -a/tau : 1\n    {kind}: b = 2*a : 1\n" in f"{text}\n"
