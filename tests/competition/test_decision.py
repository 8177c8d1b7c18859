"""Decisions of a map, and a kernel that learns from whether they are right."""

import numpy as np
import pytest
from brian2 import Network, StateMonitor, defaultclock, linked_var
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim import (
    ConvSynapses,
    Decision,
    FeatureMap,
    FirstWinners,
    OrderPlasticity,
    StoredImages,
    rules,
)

N, BLOCK, CLASSES = 45, 20, np.array([0, 1, 2, 0, 1, 2])
RULE = rules.OrderSTDP(0.04, 0.03, soft=None, w_min=0.2, w_max=0.8).rewarded(0.05, 0.005, BLOCK)


def drawn():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, N)
    # where a class has its spikes tells it, more often than not
    chance = 0.15 + 0.7 * (
        rng.permutation(3)[labels][:, None, None, None] == np.arange(3)[:, None, None]
    )
    return rng.random((N, 3, 5, 4)) < chance, labels, rng.uniform(0.2, 0.8, (6, 3, 3, 3))


def deciding(images, batch=1, repeat_while=None):
    """Return source and map of an image every two steps, in whose second all neurons compete."""
    duration = 2 * defaultclock.dt
    source = FeatureMap(
        images.shape[1:],
        "on : boolean" if repeat_while is None else "on : boolean\noutcome : 1 (linked)",
        "on and t_in_timesteps % 2 == 0",
        batch_size=batch,
        name="source",
    )
    StoredImages(source, images, "on", duration=duration, repeat_while=repeat_while)
    layer = FeatureMap(
        (6, 5, 4), "v : 1", "t_in_timesteps % 2 == 1", batch_size=batch, name="layer"
    )
    layer.run_regularly("v = 0", dt=duration, when="before_start")
    return source, layer, duration


def transcribed(images, labels, w, learns=True, repeats=0):
    """Return what is decided first of each image and the kernel, from the definition."""
    w, shares, right, found = w.copy(), (1.0, 1.0), 0, []
    for number, (image, label) in enumerate(zip(images, labels, strict=True), start=1):
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
        fields = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        for repeat in range(repeats + 1):
            v = np.einsum("crsij,fcij->rsf", fields.astype(float), w)
            row, col, winner = np.unravel_index(v.argmax(), v.shape)
            is_right = CLASSES[winner] == label
            by = (0.04, -0.03) if is_right else (-0.05, 0.005)
            if not (is_right and repeat):
                by = np.array(by) * shares[0 if is_right else 1]
            if learns:
                w[winner] = np.clip(w[winner] + np.where(fields[:, row, col], *by), 0.2, 0.8)
            if repeat == 0:
                found.append(CLASSES[winner])
                right += is_right
                if number % BLOCK == 0:
                    shares, right = (1 - right / BLOCK, right / BLOCK), 0
            if is_right:
                break
    return np.array(found), w


def test_rates_follow_the_share_of_right_decisions(target):
    images, labels, w = drawn()
    source, layer, duration = deciding(images)
    conv = ConvSynapses(
        source, layer, RULE.model, on_pre="v_post += w", kernel_size=3, padding=1, name="conv"
    )
    conv.set_kernel("w", w)
    FirstWinners(layer, 1, duration=duration)
    decision = Decision(layer, CLASSES, labels, duration=duration)
    conv.reward = linked_var(decision, "reward")
    learning = OrderPlasticity(conv, RULE, duration=duration)
    decided = StateMonitor(decision, ["decision", "reward"], record=True)
    Network(source, layer, conv, decision, learning, decided).run(N * duration, namespace={})

    expected, kernel = transcribed(images, labels, w)
    # a monitor reads at the start of a step: the second one's is that of before the decision
    assert_array_equal(decided.decision[0, 2::2], expected[:-1])
    is_right = expected == labels
    assert 0.3 < is_right[:BLOCK].mean() != is_right[BLOCK : 2 * BLOCK].mean() < 1
    assert_array_equal(decided.reward[0, 2::2], np.where(is_right, 1, -1)[:-1])
    assert_array_equal(decided.decision[0, 1::2], np.full(N, -1))
    assert_allclose(conv.get_kernel("w"), kernel, rtol=0, atol=1e-12)
    assert_allclose(conv.share_right, is_right[BLOCK : 2 * BLOCK].mean())
    assert conv.n_right == is_right[2 * BLOCK :].sum()


def test_labels_follow_images_that_are_shown_until_the_decision_is_right(target):
    images, labels, w = drawn()
    source, layer, duration = deciding(images, repeat_while="outcome < 0 and n_repeats < 2")
    conv = ConvSynapses(source, layer, "w : 1", on_pre="v_post += w", kernel_size=3, padding=1)
    conv.set_kernel("w", w)
    FirstWinners(layer, 1, duration=duration)
    shown = next(item for item in source.contained_objects if isinstance(item, StoredImages))
    decision = Decision(layer, CLASSES, labels, images=shown, duration=duration)
    source.outcome = linked_var(decision, "reward")
    decided = StateMonitor(decision, ["decision", "label", "reward"], record=True)
    n = 40
    Network(source, layer, conv, decision, decided).run(n * duration, namespace={})

    expected = transcribed(images, labels, w, learns=False)[0]
    number, repeats, numbers = 0, 0, []
    for _ in range(n):
        numbers.append(number)
        again = expected[number] != labels[number] and repeats < 2
        number, repeats = (number, repeats + 1) if again else (number + 1, 0)
    assert 5 < number < n - 5
    assert shown.repetition.n_answered[0] == number
    numbers = numbers[:-1]  # the last one's decision comes after the last reading
    assert_array_equal(decided.label[0, 2::2], labels[numbers])
    assert_array_equal(decided.decision[0, 2::2], expected[numbers])
    right = np.where(expected == labels, 1, -1)
    assert_array_equal(decided.reward[0, 2::2], right[numbers])


def test_rates_follow_what_is_right_at_once_where_images_are_shown_again(target):
    images, labels, w = drawn()
    source, layer, duration = deciding(images, repeat_while="outcome < 0 and n_repeats < 2")
    rule = rules.OrderSTDP(0.04, 0.03, soft=None, w_min=0.2, w_max=0.8)
    rule = rule.rewarded(0.05, 0.005, BLOCK, repeated=True)
    conv = ConvSynapses(
        source, layer, rule.model, on_pre="v_post += w", kernel_size=3, padding=1, name="conv"
    )
    conv.set_kernel("w", w)
    FirstWinners(layer, 1, duration=duration)
    shown = next(item for item in source.contained_objects if isinstance(item, StoredImages))
    decision = Decision(layer, CLASSES, labels, images=shown, duration=duration)
    source.outcome = conv.reward = linked_var(decision, "reward")
    conv.n_shown_before = linked_var(shown.repetition, "n_repeats")
    network = Network(source, layer, conv, decision, OrderPlasticity(conv, rule, duration=duration))
    network.run(44 * duration, namespace={})

    n = int(shown.repetition.n_answered[0])
    assert BLOCK < n < N
    # the last image may have been shown, and not been answered
    kernels = [
        transcribed(images[:m], labels[:m], w, repeats=repeats)[1]
        for m, repeats in ((n, 2), (n + 1, 0), (n + 1, 1))
    ]
    assert conv.n_stimuli == 44
    assert conv.n_shown_first in (n, n + 1)
    difference = [np.abs(conv.get_kernel("w") - kernel).max() for kernel in kernels]
    assert min(difference) < 1e-12


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
def test_labels_follow_the_images_of_each_sample(target):
    """Where each sample's image is shown again for itself."""
    first = np.array([0, 1, 1, 1, 0, 0]).reshape(6, 1, 1, 1)  # which channel decides
    layer = FeatureMap(
        (2, 1, 1),
        "on : boolean\nv : 1",
        "on",
        batch_size=2,
        name="layer",
    )
    duration = 2 * defaultclock.dt
    onset = np.concatenate([first == 0, first == 1], axis=1)
    again, order = "reward < 0 and n_repeats < 1", [5, 4, 3, 2, 1, 0]
    shown = StoredImages(
        layer, onset[::-1], "on", order=order, duration=duration, repeat_while=again
    )
    FirstWinners(layer, 1, duration=duration)
    labels = [0, 1, 0, 1, 0, 1]  # in the order shown; images 2 and 5 are decided wrongly
    decision = Decision(layer, [0, 1], labels, images=shown, duration=duration)
    found = []
    network = Network(layer, decision)
    for _ in range(4):
        network.run(duration, namespace={})
        found.append(np.array([decision.label, decision.reward]))
    assert_array_equal(found[0], [[0, 1], [1, 1]])  # images 0 and 1
    assert_array_equal(found[1], [[0, 1], [-1, 1]])  # 2 and 3
    assert_array_equal(found[2], [[0, 1], [-1, -1]])  # 2 again and 5
    assert_array_equal(found[3], [[0, 1], [1, -1]])  # 4 and 5 again


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
def test_samples_decide_for_themselves_and_the_first_winner_counts(target):
    firsts = np.full((4, 2, 1, 3), 9)  # stimulus, channel, row, col: when each neuron spikes
    firsts[0, 1, 0, 2], firsts[0, 0, 0, 0] = 1, 2
    firsts[1, 0, 0, 1] = 0
    firsts[3, 1, 0, 1] = 2
    layer = FeatureMap(
        (2, 1, 3),
        "first : integer\nv : 1",
        "first == t_in_timesteps % 3",
        batch_size=2,
        name="layer",
    )
    duration = 3 * defaultclock.dt
    StoredImages(layer, firsts.astype(np.uint8), "first", duration=duration)
    FirstWinners(layer, 2, duration=duration)
    decision = Decision(layer, [4, 7], [7, 0, 1], duration=duration)
    found = []
    network = Network(layer, decision)
    for _ in range(2):
        network.run(duration, namespace={})
        found.append(np.array([decision.decision, decision.label, decision.reward]))
    assert_array_equal(found[0], [[7, 4], [7, 0], [1, -1]])
    assert_array_equal(found[1], [[-1, 7], [1, 7], [0, 1]])


def test_what_has_no_meaning_is_refused():
    duration = 2 * defaultclock.dt
    layer = FeatureMap((3, 2, 2), "v : 1\nu : 1", "v > 1", name="layer")
    with pytest.raises(TypeError, match="Decision: expected a FeatureMap"):
        Decision("layer", [0, 1, 2], duration=duration)
    with pytest.raises(ValueError, match="nobody wins in 'layer'; let FirstWinners say"):
        Decision(layer, [0, 1, 2], duration=duration)
    FirstWinners(layer, 1, duration=duration)
    for classes, labels, message in (
        ([0, 1], None, "a class for each of 3 channels, got 2 classes"),
        ([0.0, 1, 2], None, "classes must be a sequence of integers"),
        ([0, 1, -2], None, "classes are counted from 0 on, got -2"),
        ([0, 1, 2], [], "labels must be a sequence of integers"),
    ):
        with pytest.raises(ValueError, match=message):
            Decision(layer, classes, labels, duration=duration)
    with pytest.raises(ValueError, match="duration"):
        Decision(layer, [0, 1, 2], duration=1.5 * defaultclock.dt)
    with pytest.raises(TypeError, match="images must be StoredImages"):
        Decision(layer, [0, 1, 2], images=np.zeros((3, 3, 2, 2)), duration=duration)
    slow = StoredImages(layer, np.zeros((1, 3, 2, 2)), "v", duration=2 * duration)
    with pytest.raises(ValueError, match=r"lasts 200. us here, and 0.4 ms in the images of"):
        Decision(layer, [0, 1, 2], images=slow, duration=duration)
    two = StoredImages(layer, np.zeros((2, 3, 2, 2)), "u", duration=duration)
    with pytest.raises(ValueError, match="a label for each of 2 images of 'layer', in the order"):
        Decision(layer, [0, 1, 2], [0, 1, 1], images=two, duration=duration)
    pair = FeatureMap((3, 2, 2), "v : 1", batch_size=2, name="pair")
    paired = StoredImages(pair, np.zeros((2, 3, 2, 2)), "v", duration=duration)
    with pytest.raises(ValueError, match="images of 1 samples, got those of 'pair' with 2"):
        Decision(layer, [0, 1, 2], images=paired, duration=duration)


def test_rule_prints_how_rates_follow():
    text = str(RULE)
    assert "a_plus = (0.04)*int(reward > 0)*(1 - block_ended*share_right)" in text
    assert "- 0.05*int(reward < 0)*(1 - block_ended*(1 - share_right)) : 1 (shared)" in text
    assert "then: n_right += int(reward > 0)" in text
    assert "n_right" not in str(rules.OrderSTDP().rewarded(0.1, 0.1))
    assert "n_shown_before" not in text
    text = str(rules.OrderSTDP(0.04).rewarded(0.1, 0.1, BLOCK, repeated=True))
    assert "*(1 - int(n_shown_before == 0)*block_ended*share_right)" in text
    assert "block_ended = int(n_shown_first >= 20) : 1 (shared)" in text
    assert "then: n_right += int(reward > 0 and n_shown_before == 0)" in text
    with pytest.raises(ValueError, match="a block is of, so it needs block=, as in"):
        rules.OrderSTDP().rewarded(0.1, 0.1, repeated=True)
    with pytest.raises(ValueError, match="block must be a number of stimuli"):
        rules.OrderSTDP(block=-1)
