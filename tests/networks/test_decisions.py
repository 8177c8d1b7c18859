"""What a network's last layer decides for, and how often that is right."""

import numpy as np
import pytest
from brian2 import ms, prefs

from hebbsim import ConvLayer, ConvNetwork, SpikingLayer, SpikingNetwork

#: Of four neurons, three samples: spikes, when the first came, and potentials when it is over
COUNTS = [[0, 2, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]]
FIRST = [[20, 9, 5, 20], [20, 20, 20, 20], [3, 3, 20, 20]]
V = [[0, 0, 0, 7], [1, 0, 4, 0], [0, 0.5, 0, 0.2]]


def network(**kwds):
    layer = SpikingLayer(4, 2, threshold="v > 1", initial_weights=(0.2, 0.8))
    how = {"batch_size": 3, "duration": 20 * ms, **kwds}
    return SpikingNetwork((1, 2, 2), [layer], **how)


@pytest.mark.parametrize(
    ("decision", "expected"), [("count", [1, 2, 1]), ("first", [2, 2, 1]), ("strongest", [3, 2, 1])]
)
def test_what_decides_can_be_chosen(decision, expected):
    for classes, of_channel in ((None, [0, 1, 2, 3]), ([5, 5, 0, 9], [5, 5, 0, 9])):
        deciding = network(decision=decision, classes=classes)
        last = deciding.stages[0].feature_map
        for name, values, unit in (
            ("n_spikes", COUNTS, 1),
            ("first_spike", FIRST, ms),
            ("v", V, 1),
        ):
            last.set_maps(name, np.array(values, dtype=float).reshape(3, 4, 1, 1) * unit)
        chosen = deciding.choose(4 if classes is None else None)
        if decision == "count" and classes:  # two neurons speak for one class
            assert chosen.tolist() == [5, 0, 5]
        else:
            assert chosen.tolist() == [of_channel[channel] for channel in expected]


def test_where_all_is_equal_the_lowest_class_is_chosen():
    silent = network(classes=[3, 1, 1, 2])
    assert silent.choose().tolist() == [1, 1, 1]


def test_score_is_the_share_of_right_decisions():
    prefs.codegen.target = "numpy"
    deciding = network(classes=[0, 1, 2, 3], decision="first")
    images = np.random.default_rng(0).random((7, 1, 2, 2))
    chosen = deciding.predict(images)
    labels = np.where(np.arange(7) < 5, chosen, (chosen + 1) % 4)
    assert deciding.score(images, labels) == 5 / 7
    with pytest.raises(ValueError, match="score: expected 7 labels"):
        deciding.score(images, labels[:3])
    again = SpikingNetwork.from_description(deciding.describe())
    assert (again.decision, again.classes) == ("first", (0, 1, 2, 3))


def test_what_has_no_meaning_is_refused():
    for how, message in (
        ({"decision": "last"}, "unknown decision 'last'"),
        ({"classes": [0, 1]}, "one for each of the last layer's 4 channels, got 2"),
        ({"classes": [0, 1, 2, -1]}, "integers from 0 on"),
        ({"classes": 4}, "expected a sequence of integers"),
    ):
        with pytest.raises(ValueError, match=message):
            network(**how)
    with pytest.raises(ValueError, match="n_classes: say how many classes"):
        network().choose()


def test_fitting_where_nothing_would_be_learned_is_refused():
    images = np.zeros((3, 1, 2, 2))
    for without in (network(), ConvNetwork((1, 2, 2), [ConvLayer(2, 2)], batch_size=3)):
        with pytest.raises(ValueError, match="fit: no layer has a rule, so nothing would be"):
            without.fit(images, progress=False)
