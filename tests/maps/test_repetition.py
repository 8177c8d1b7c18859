"""Images that are shown again until they are answered."""

import numpy as np
import pytest
from brian2 import Network, NetworkOperation, StateMonitor, defaultclock
from brian2.core.base import BrianObjectException
from numpy.testing import assert_array_equal

from hebbsim import ConvSynapses, FeatureMap, PerSample, StoredImages

#: What records the maps
pytestmark = pytest.mark.usefixtures("brian2_in_numpy")

#: The brighter, the sooner an image is answered
IMAGES = np.array([3.0, 1.0, 0.5, 2.0]).reshape(4, 1, 1, 1)
STEPS = 3


def repeating(batch_size=1, condition="total < 2.9", **kwds):
    """Return a map whose images become brighter, and what it showed of which after each step."""
    retina = FeatureMap((1, 1, 1), "x : 1\ny : 1", batch_size=batch_size, name="retina")
    shown = StoredImages(
        retina,
        IMAGES,
        value="pixel*(1 + n_repeats)",
        duration=STEPS * defaultclock.dt,
        repeat_while=condition,
        **kwds,
    )
    PerSample(retina, "total = x_map : 1 (summed)", name="answers")
    return retina, shown


def expected_of(images, n):
    """Return intensities and counts, presentation by presentation."""
    found, answered, repeats = [], 0, 0
    for _ in range(n):
        x = images[answered % len(images)] * (1 + repeats)
        found.append((x, answered, repeats))
        again = x < 2.9
        answered, repeats = (answered, repeats + 1) if again else (answered + 1, 0)
    return np.array(found)


def test_images_are_shown_until_they_are_answered(target):
    """Each sample's for itself, through several runs, and from the start where the order ends."""
    batch_size = 2
    retina, shown = repeating(batch_size)
    seen = StateMonitor(retina, ["x", "n_answered", "n_repeats"], record=True, when="end", order=9)
    seen_before = StateMonitor(retina, "x", record=True, when="thresholds")
    network = Network(retina, seen, seen_before)
    network.run(20 * STEPS * defaultclock.dt)
    for sample in range(batch_size):
        x, answered, repeats = expected_of(IMAGES.ravel()[sample::batch_size], 21).T
        assert_array_equal(seen_before.x[sample], np.repeat(x[:20], STEPS))
        last = slice(STEPS - 1, None, STEPS)
        assert_array_equal(seen.n_answered[sample][last], answered[1:])
        assert_array_equal(seen.n_repeats[sample][last], repeats[1:])
    assert len(shown.repetition.n_answered[:]) == batch_size


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
def test_a_run_goes_on_where_the_last_one_stopped(target):
    retina, shown = repeating(name="shown")
    network = Network(retina)
    numbers = []
    for _ in range(12):
        network.run(STEPS * defaultclock.dt)
        numbers.append((shown.repetition.n_answered[0], shown.repetition.n_repeats[0]))
    assert_array_equal(numbers, expected_of(IMAGES.ravel(), 13)[1:, 1:])


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
def test_a_number_of_images_is_shown_until_each_is_answered(target):
    retina, shown = repeating(batch_size=2, condition="total < bound")
    network, bound = Network(retina), 2.9
    shown.show(network, 5)
    of_each = [expected_of(IMAGES.ravel()[sample::2], 40)[:, 1] for sample in range(2)]
    n = next(n for n in range(40) if min(answered[n] for answered in of_each) == 5)
    assert n > 5
    assert defaultclock.timestep[:] == n * STEPS
    assert_array_equal(shown.repetition.n_answered[:], [answered[n] for answered in of_each])
    shown.show(network, 0, namespace={"bound": bound})
    assert defaultclock.timestep[:] == n * STEPS
    for wrong in (1.5, -1, True):
        with pytest.raises(ValueError, match=f"expected a number of images, got {wrong}"):
            shown.show(network, wrong)
    with pytest.raises(TypeError, match=r"as in show\(network, 1000\), got 5 first"):
        shown.show(5, network)
    with pytest.raises(ValueError, match="'retina' is no part of the network 'other'"):
        shown.show(Network(name="other"), 1)

    once = FeatureMap((1, 1, 1), "x : 1", batch_size=2, name="once")
    images = StoredImages(once, IMAGES, duration=STEPS * defaultclock.dt)
    network = Network(once)
    images.show(network, np.int32(7))
    assert defaultclock.timestep[:] == 7 * STEPS


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
def test_what_stops_a_run_stops_the_showing(target):
    retina, shown = repeating(condition="n_repeats < 3")

    def stop():
        if defaultclock.timestep[:] == 4 * STEPS:
            network.stop()

    network = Network(retina, NetworkOperation(stop))
    shown.show(network, 5)
    assert defaultclock.timestep[:] == 4 * STEPS + 1
    assert shown.repetition.n_answered[0] == 1


@pytest.mark.parametrize("target", ["cpp_runtime"], indirect=True)
def test_a_condition_that_never_ends_is_told(target):
    """And one that the message proposes ends."""
    retina, shown = repeating(batch_size=2, condition="total > -1 and n_answered > 1")
    network = Network(retina)
    with pytest.raises(RuntimeError, match=r"repeat_while=.* still holds after .* give it up: re"):
        shown.show(network, 1100)
    beyond = "n_answered > 1"  # of an image that nobody asked for
    retina, shown = repeating(batch_size=2, condition=f"total > -1 and {beyond}")
    shown.show(Network(retina), 2)
    proposed = "(total > -1 and n_answered > 1) and n_repeats < 20"
    retina, shown = repeating(batch_size=2, condition=proposed)
    shown.show(Network(retina), 6)
    assert_array_equal(shown.repetition.n_answered[:], [6, 6])


@pytest.mark.parametrize("target", ["cpp_standalone"], indirect=True)
def test_no_program_is_as_long_as_the_answers_ask_for(target):
    retina, shown = repeating()
    with pytest.raises(NotImplementedError, match="how long a program runs is fixed before any"):
        shown.show(Network(retina), 5)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("i < 1", "'i' differs between the neurons of 'retina'; name what a PerSample"),
        ("x < 1", "'x' differs between the neurons of 'retina'; name what a PerSample"),
        ("total + 1", "is neither true nor false; expected a condition"),
        ("rand() < 0.5", r"calls rand\(\); expected a condition"),
    ],
)
def test_conditions_that_do_not_decide_are_refused(condition, message):
    retina, _ = repeating(condition=condition)
    with pytest.raises(BrianObjectException) as error:
        Network(retina).run(defaultclock.dt)
    assert isinstance(error.value.__cause__, ValueError)
    with pytest.raises(ValueError, match=rf"StoredImages on 'retina', repeat_while=.*{message}"):
        raise error.value.__cause__


def test_images_beside_them_would_lose_step():
    retina = FeatureMap((1, 1, 1), "x : 1\ny : 1", name="retina")
    StoredImages(retina, IMAGES)
    before = {*retina.variables}, len(retina.contained_objects)
    for variable, message in (("x", "shows stored images already"), ("y", "would lose step")):
        with pytest.raises(ValueError, match=message):
            StoredImages(retina, IMAGES, variable, repeat_while="n_repeats < 2")
        assert before == ({*retina.variables}, len(retina.contained_objects))
    retina, _ = repeating()
    with pytest.raises(ValueError, match="'x' shows stored images too, and images that may be"):
        StoredImages(retina, IMAGES, "y")


@pytest.mark.parametrize("condition", ["", 5])
def test_what_is_no_condition_is_refused(condition):
    with pytest.raises(TypeError, match="expected a condition such as 'n_spikes < 5', got"):
        repeating(condition=condition)


def test_filters_are_normalised_when_a_new_image_starts(target):
    """Not before its repeats; what an equation adds in between stays until then."""
    retina, _ = repeating()
    layer = FeatureMap((3, 1, 1), "y : 1", name="layer")
    conv = ConvSynapses(
        retina,
        layer,
        "w : 1",
        update="w += 0.25",
        kernel_size=1,
        normalize="L1",
        norm=2,
        normalize_when=f"n_repeats_pre == 0 and t_in_timesteps % {STEPS} == 0",
        name="conv",
    )
    conv.w = 1
    seen = StateMonitor(conv, "w", record=True, when="end", order=9)
    Network(retina, layer, conv, seen).run(8 * STEPS * defaultclock.dt)
    w, expected = 1.0, []
    for _, _, repeats in expected_of(IMAGES.ravel(), 8):
        w = 2.0 if repeats == 0 else w
        for _ in range(STEPS):
            w += 0.25
            expected.append(w)
    assert_array_equal(seen.w[1], expected)
    assert "the L1 norm of each filter, in steps in which n_repeats_pre == 0" in str(conv.explain())
