"""STDP by order on winners, against a plain transcription of a latency-coded layer."""

import numpy as np
import pytest
from brian2 import EventMonitor, Network, defaultclock
from latency_cases import NEVER, changes, first_spikes, latency_layer, winners
from numpy.testing import assert_allclose

from hebbsim import ConvSynapses, FeatureMap, FirstWinners, OrderPlasticity, rules

N_BINS, N_STIMULI = 6, 24
LAYER = {"threshold": 2.2, "padding": 1, "k": 3, "radius": 1}


def drawn(seed=0, n=N_STIMULI):
    rng = np.random.default_rng(seed)
    bins = rng.integers(0, 2 * N_BINS, (n, 2, 7, 6))
    w = np.clip(rng.normal(0.5, 0.2, (5, 2, 3, 3)), 0, 1)
    return np.where(bins < N_BINS, bins, NEVER).astype(np.uint8), w


def learned(bins, w, rates, batch=1):
    """Return the kernel after all stimuli, ``batch`` at a time; `rates` of each stimulus."""
    w, n_won = w.copy(), 0
    for start in range(0, len(bins), batch):
        dw = np.zeros_like(w)
        for image in bins[start : start + batch]:
            first, value = first_spikes(image, w, LAYER["threshold"], LAYER["padding"], N_BINS)
            won = winners(first, value, LAYER["k"], LAYER["radius"])
            n_won += len(won)
            dw += changes(image, first, won, w, LAYER["padding"], *rates(start))
        w = np.clip(w + dw, 0, 1)
    assert n_won > 2 * len(bins)
    return w


def run_layer(bins, w, rule, batch=1):
    objects = latency_layer(bins, w, rule, n_bins=N_BINS, batch=batch, **LAYER)
    Network(*objects).run(len(bins) // batch * (N_BINS + 1) * defaultclock.dt, namespace={})
    return objects[0]


def test_layer_learns_as_its_transcription(target):
    bins, w = drawn()
    rule = rules.OrderSTDP(0.04, 0.03).doubling(every=10, until=0.15)

    def rates(number):
        a_plus = min(0.04 * 2 ** ((number + 1) // 10), 0.15)
        return a_plus, 0.75 * a_plus

    conv = run_layer(bins, w, rule)
    expected = learned(bins, w, rates)
    assert np.abs(expected - w).max() > 0.1
    assert_allclose(conv.get_kernel("w"), expected, rtol=0, atol=1e-12)
    assert conv.n_stimuli == N_STIMULI


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
def test_samples_of_a_batch_add_up_and_see_one_kernel(target):
    bins, w = drawn(1)
    conv = run_layer(bins, w, rules.OrderSTDP(0.1, 0.2), batch=4)
    expected = learned(bins, w, lambda number: (0.1, 0.2), batch=4)
    assert_allclose(conv.get_kernel("w"), expected, rtol=0, atol=1e-12)
    assert conv.n_stimuli == N_STIMULI


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
@pytest.mark.parametrize("soft", [None, "ahead"])
def test_reward_sets_sign_and_rates_within_bounds(target, soft):
    bins, w = drawn(2, 3)
    rule = rules.OrderSTDP(0.2, 0.1, soft, w_min=0.2, w_max=0.8).rewarded(0.3, 0.05)
    w = np.clip(w, 0.2, 0.8)
    objects = latency_layer(bins, w, rule, n_bins=N_BINS, **LAYER)
    conv, network = objects[0], Network(*objects)
    for image, reward in zip(bins, (1, -1, 0), strict=True):
        conv.reward = reward
        before = conv.get_kernel("w")
        network.run((N_BINS + 1) * defaultclock.dt, namespace={})
        first, value = first_spikes(image, before, LAYER["threshold"], 1, N_BINS)
        field = np.pad(image, ((0, 0), (1, 1), (1, 1)), constant_values=NEVER)
        expected = before.copy()
        for row, col, channel in winners(first, value, LAYER["k"], LAYER["radius"]):
            had = field[:, row : row + 3, col : col + 3] <= first[row, col, channel]
            by = {1: (0.2, -0.1), -1: (-0.3, 0.05), 0: (0, 0)}[reward]
            dw, own = np.where(had, *by), before[channel]
            if soft:
                dw = dw * np.where(dw > 0, 0.8 - own, own - 0.2)
            expected[channel] = np.clip(own + dw, 0.2, 0.8)
        assert np.any(expected != before) == (reward != 0)
        assert_allclose(conv.get_kernel("w"), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
def test_strides_and_dilation_reach_the_right_inputs(target):
    duration = 3 * defaultclock.dt
    rng = np.random.default_rng(5)
    bins = rng.integers(0, 5, (2, 9, 8))
    source = FeatureMap((2, 9, 8), "bin : integer", "bin == t_in_timesteps % 3", name="source")
    source.set_maps("bin", bins)
    layer = FeatureMap((3, 4, 2), "v : 1", "v > 3", name="layer")
    rule = rules.OrderSTDP(0.1, 0.05, soft=None)
    options = {"kernel_size": (2, 3), "stride": (2, 3), "padding": (1, 0), "dilation": (3, 2)}
    conv = ConvSynapses(source, layer, rule.model, on_pre="v_post += w", **options)
    before = 0.3 + 0.4 * rng.random((3, 2, 2, 3))
    conv.set_kernel("w", before)
    won = FirstWinners(layer, 1, duration=duration)
    wins = EventMonitor(layer, "win")
    learning = OrderPlasticity(conv, rule, duration=duration)
    Network(source, layer, conv, won, wins, learning).run(duration)
    step = round(float(wins.t[0] / defaultclock.dt))
    _, row, col, channel = np.unravel_index(wins.i[0], layer.memory_shape)
    field = np.pad(bins, ((0, 0), (1, 1), (0, 0)), constant_values=NEVER)
    field = field[:, 2 * row : 2 * row + 4 : 3, 3 * col : 3 * col + 5 : 2]
    expected = before.copy()
    expected[channel] += np.where(field < step, 0.1, -0.05)
    assert len(wins.i) == 1
    assert 0 < (field < step).mean() < 1
    assert_allclose(conv.get_kernel("w"), expected, rtol=0, atol=1e-15)


def test_rule_prints_what_runs():
    text = str(rules.OrderSTDP(0.004, 0.003).doubling(every=500, until=0.15))
    for line in (
        "a_plus = clip(0.004*2.0**((n_stimuli + 1)//500), 0, 0.15) : 1 (shared)",
        "a_minus = 0.75*a_plus : 1 (shared)",
        "where its input spiked before it: dw += a_plus*w*(1.0 - w)",
        "of padding: dw += -a_minus*w*(1.0 - w)",
        "when the stimulus ends: w = clip(w + dw, 0.0, 1.0)",
    ):
        assert line in text
    ahead = str(rules.OrderSTDP(0.2, 0.1, "ahead", w_min=-1))
    assert "where its input spiked before it: dw += a_plus*(1.0 - w)" in ahead
    assert "of padding: dw += -a_minus*(w - -1)" in ahead
    text = rules.OrderSTDP("0.1*cos(n_stimuli)", -0.1, "ahead")  # of either sign
    assert text.potentiation == "(clip(a_plus, 0, inf)*(1.0 - w) + clip(a_plus, -inf, 0)*w)"
    assert text.depression == "-(clip(a_minus, 0, inf)*w + clip(a_minus, -inf, 0)*(1.0 - w))"


def maps(threshold="v > 1", model=None, **options):
    source = FeatureMap((1, 3, 3), "v : 1", threshold=threshold, name="source")
    layer = FeatureMap((2, 3, 3), "v : 1", threshold="v > 1", name="layer")
    rule = rules.OrderSTDP()
    how = {"kernel_size": 3, "padding": 1, "name": "conv", **options}
    conv = ConvSynapses(source, layer, model or rule.model, on_pre="v_post += w", **how)
    return conv, rule, 3 * defaultclock.dt


def test_what_has_no_meaning_is_refused():
    conv, rule, duration = maps()
    with pytest.raises(TypeError, match=r"expected ConvSynapses and a rules\.OrderSTDP"):
        OrderPlasticity(conv, rules.PairSTDP(), duration=duration)
    with pytest.raises(ValueError, match="nobody wins in 'layer'"):
        OrderPlasticity(conv, rule, duration=duration)
    for how, message in (
        ({"model": "w : 1"}, "lacks n_stimuli, reward, a_plus, a_minus"),
        ({"padding_mode": "circular"}, "padded with zeros"),
        ({"weight_sharing": False}, "expected a shared kernel"),
    ):
        conv, rule, duration = maps(**how)
        FirstWinners(conv.target, duration=duration)
        with pytest.raises(ValueError, match=message):
            OrderPlasticity(conv, rule, duration=duration)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rules.OrderSTDP(w_min=1, w_max=0), "OrderSTDP"),
        (lambda: rules.OrderSTDP(soft=True), "'both', 'ahead' or None, got True"),
        (lambda: rules.OrderSTDP(w_max=np.inf), "bounds must be finite"),
        (lambda: rules.OrderSTDP("0.1").doubling(every=5, until=1), "numbers can double"),
        (lambda: rules.OrderSTDP().doubling(every=0, until=1), "positive integer, got 0"),
        (lambda: rules.OrderSTDP(0.1).doubling(every=5, until=0.05), "at least as large"),
    ],
)
def test_parameters_out_of_range_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    with pytest.raises(TypeError, match="a number or an expression"):
        rules.OrderSTDP(None)
