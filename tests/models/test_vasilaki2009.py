"""Vasilaki et al. 2009: one trial by hand, the same on C++ standalone, and the findings."""

import numpy as np
import pytest
from brian2 import TimedArray, defaultclock, prefs
from conftest import choose_target
from PIL import Image

from hebbsim.errors import SettingsError
from models.common.claim import failing
from models.vasilaki2009.claims import CLAIMS
from models.vasilaki2009.experiment import Life, proportion_interval, run
from models.vasilaki2009.model import HEBB, build, teach
from models.vasilaki2009.pictures import VIEW, two_photographs, views
from models.vasilaki2009.protocol import Protocol, Task, presentations, random_pictures
from models.vasilaki2009.settings import QUICK

N_NETWORKS, N_INPUTS, N_HIDDEN, T, STOP, ETA = 3, 6, 4, 0.5, 0.3, 0.1


def task(n_trials, draws):
    """Return networks whose every random number is given, and what they are shown."""
    rng = np.random.default_rng(1)
    shape = (n_trials, N_NETWORKS)
    bits = random_pictures(2, N_NETWORKS, N_INPUTS, rng)
    shown, action = rng.integers(2, size=(2, *shape))
    protocol = Protocol(bits, shown, action, (rng.random(shape) < 0.2).astype(float), 2)
    networks = build(
        protocol,
        depth=1,
        n_hidden=N_HIDDEN,
        temperature=T,
        flip=0.1,
        learning_rate=ETA,
        stop=STOP,
        draws="frozen(t, i)",
        names={"frozen": TimedArray(draws, dt=defaultclock.dt)},
    )
    rng = np.random.default_rng(2)
    for connection, n_post, n_pre in zip(
        networks.connections, (N_HIDDEN, 2), (N_INPUTS, N_HIDDEN), strict=True
    ):
        connection.set_kernel("w", rng.random((N_NETWORKS, 1, n_post, n_pre, 1, 1)))
    return networks, protocol


def drawn(n_trials):
    return np.random.default_rng(3).random((n_trials, N_NETWORKS * N_INPUTS))


def learned(n_trials):
    """Return weights, hits and leads."""
    networks, _ = task(n_trials, drawn(n_trials))
    networks.network.run(n_trials * defaultclock.dt, namespace={})
    weights = [connection.get_kernel("w") for connection in networks.connections]
    return *weights, networks.choices.hit[:], networks.choices.lead[:]


def test_one_trial_by_hand():
    """Drives, median, units, choice, reward, stop and bounds, one network after the other."""
    prefs.codegen.target = "numpy"
    draws = drawn(1)
    networks, protocol = task(1, draws)
    before = [connection.get_kernel("w") for connection in networks.connections]
    networks.network.run(defaultclock.dt, namespace={})
    after = [connection.get_kernel("w") for connection in networks.connections]
    for network in range(N_NETWORKS):

        def random(n, network=network):
            return draws[0, network * n : (network + 1) * n]

        w = [kernel[network, 0, :, :, 0, 0] for kernel in before]
        x = protocol.bits[protocol.shown[0, network], network]
        x = np.where(random(N_INPUTS) < 0.1, 1 - x, x)
        h = 4 / N_INPUTS * w[0] @ (x - 0.5)
        h -= np.median(h)
        s = (random(N_HIDDEN) < 1 / (1 + np.exp(-h / T))).astype(float)
        drive = 4 / N_HIDDEN * w[1] @ (s - 0.5)
        chosen = np.argmax(drive / T - np.log(-np.log(random(2))))
        y = (np.arange(2) == chosen).astype(float)
        right = chosen == protocol.action[0, network]
        reward = 1 if right and not protocol.lie[0, network] else -1
        learn = [((2 * s - 1) * h < STOP), np.abs(drive[0] - drive[1]) < np.full(2, STOP)]
        for kernel, old, pre, post, open_ in zip(after, w, (x, s), (s, y), learn, strict=True):
            change = 4 * ETA * reward * np.outer(post - 0.5, pre - 0.5)
            change *= (open_ | (reward < 0))[:, None]
            expected = old + np.where(change > 0, change * (1 - old), change * old)
            np.testing.assert_allclose(kernel[network, 0, :, :, 0, 0], expected, rtol=1e-12)
        assert networks.choices.hit[network, 0] == right


@pytest.mark.slow
def test_standalone_and_runtime_give_the_same_curves(tmp_path):
    n_trials = 60
    runtime = learned(n_trials)
    choose_target("cpp_standalone", tmp_path)
    standalone = learned(n_trials)
    assert 0 < runtime[2].mean() < 1
    for ours, theirs in zip(runtime, standalone, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_presentations_are_counted_from_each_reversal():
    picture = np.array([[0, 1], [0, 0], [1, 0], [0, 1], [1, 1], [1, 1]])
    block = np.array([0, 0, 0, 1, 1, 1])
    expected = [[1, 1], [2, 1], [1, 2], [1, 1], [1, 2], [2, 3]]
    np.testing.assert_array_equal(presentations(picture, block), expected)


def test_all_pictures_change_their_action_at_a_reversal():
    rng = np.random.default_rng(0)
    protocol = Task(4, 2, block=5, n_blocks=3, versions=2, lie_at=2).protocol(
        np.zeros((8, 2, 3)), rng
    )
    picture, block = protocol.shown // 2, np.arange(60) // 20
    np.testing.assert_array_equal(protocol.action, (picture + block[:, None]) % 2)
    assert protocol.lie.sum() <= 3 * 4 * 2
    assert (presentations(picture, block)[protocol.lie > 0] == 2).all()


def test_curves_and_errors_after_errors():
    right = np.array([[0, 1], [0, 1], [1, 0], [0, 1]], dtype=float)
    picture = np.zeros((4, 2), dtype=int)
    block = np.array([0, 0, 1, 1])
    life = Life(right, picture, presentations(picture, block), block)
    np.testing.assert_array_equal(life.curve(2, dropped=1), [0.5, 0.5])
    assert life.after_errors() == (1, 2)  # the reversal between trials 1 and 2 is passed over
    assert proportion_interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)


def test_every_rule_is_rewarded_within_bounds():
    for hebb in HEBB:
        rule = teach(hebb, 0.1, 0.1)
        assert rule.weight_bounds == (0, 1)
        assert "modulator_post" in rule.equations
        assert "decided_post < stop" in rule.equations
    assert "decided" not in teach("plain", 0.1, None).equations


def test_pictures_of_the_users(tmp_path):
    paths = []
    for size, name in ((40, "a"), (50, "b"), (VIEW, "small")):
        pixels = np.random.default_rng(size).integers(256, size=(size, 60, 3), dtype=np.uint8)
        paths.append(str(tmp_path / f"{name}.png"))
        Image.fromarray(pixels).save(paths[-1])
    photos = two_photographs(paths[:2])
    assert [photo.shape for photo in photos] == [(40, 60), (50, 60)]
    seen = views(photos, 3, 2, 0.5, np.random.default_rng(0))
    assert seen.shape == (2, 3, 1, VIEW, VIEW)
    np.testing.assert_allclose(seen.std(axis=(-2, -1)), 1)
    with pytest.raises(SettingsError, match="expected two image files, or none, got 1"):
        two_photographs(paths[:1])
    with pytest.raises(SettingsError, match=r"small\.png' has 32 rows and 60 columns"):
        two_photographs(paths[1:])


@pytest.mark.slow
def test_the_findings_hold_in_the_quick_mode():
    assert failing(CLAIMS, [dict(run(QUICK, 0).numbers)], quick=True) == []
