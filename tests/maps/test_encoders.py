"""Encoders: rates of random spikes, exact latencies, and what their spikes drive."""

import numpy as np
import pytest
from brian2 import (
    Equations,
    Hz,
    Network,
    SpikeMonitor,
    defaultclock,
    device,
    kHz,
    ms,
    mV,
    prefs,
    second,
    seed,
    set_device,
)
from brian2.core.base import BrianObjectException
from conftest import STANDALONE
from numpy.testing import assert_allclose, assert_array_equal

from hebbsim import ConvSynapses, FeatureMap, StoredImages, rules
from hebbsim.data.filters import difference_of_gaussians, on_off_channels
from hebbsim.maps.encoders import LatencyEncoder, PoissonEncoder

STEPS = 2000
LEVELS = np.arange(256).reshape(1, 16, 16) / 255


def run_steps(*objects, steps=STEPS):
    Network(*objects).run(steps * defaultclock.dt, namespace={})


def steps_of(monitor):
    return np.rint(monitor.t / defaultclock.dt).astype(int)


def latency_steps(level, duration):
    """Return the step of each of 256 levels of intensity, in integers."""
    return (255 - level) * duration // 255


# On every target; all scenes share a network, because a standalone build takes seconds.


def rates_follow_intensities():
    """Binomial counts: each within 5 standard deviations, and their variance as expected."""
    x = np.linspace(-0.5, 1.2, 120).reshape(3, 2, 5, 4)  # above 1 too: 600 Hz can be drawn
    encoder = PoissonEncoder((2, 5, 4), 500 * Hz, batch_size=3)
    encoder.set_maps("x", x)
    spikes = SpikeMonitor(encoder)
    yield encoder, spikes

    counts = np.moveaxis(spikes.count[:].reshape(3, 5, 4, 2), -1, 1)
    chance = 0.05 * x
    assert_array_equal(counts[chance <= 0], 0)
    drawn = STEPS * chance > 5  # enough for a normal distribution
    expected = STEPS * chance[drawn]
    z = (counts[drawn] - expected) / np.sqrt(expected * (1 - chance[drawn]))
    assert np.abs(z).max() < 5
    assert abs(z.mean()) < 0.5
    assert 0.6 < z.var() < 1.5


def each_level_spikes_once_at_its_latency(dtype, onset, maximum):
    encoder = LatencyEncoder(
        (1, 16, 16), 60 * ms, maximum=maximum, dtype=dtype, model="y : 1", name="latency*"
    )
    encoder.set_maps("x", maximum * LEVELS)
    encoder.onset = onset * defaultclock.dt
    spikes = SpikeMonitor(encoder)
    yield encoder, spikes

    level = np.arange(256)
    assert_array_equal(spikes.count[:], level > 0)
    assert_array_equal(steps_of(spikes), onset + latency_steps(level, 600)[spikes.i[:]])
    assert (encoder.x[:].dtype, encoder.y[:].dtype) == (dtype, dtype)


def intensities_up_to_the_minimum_never_spike():
    x = np.array([-1, 0, 0.2, 0.25, 0.3, 0.5, 1, 2, 2 * (1 + 1e-9)]).reshape(1, 3, 3)
    encoder = LatencyEncoder((1, 3, 3), 2 * ms, minimum=0.2, maximum=2)
    encoder.set_maps("x", x)
    spikes = SpikeMonitor(encoder)
    yield encoder, spikes

    found = dict(zip(spikes.i[:].tolist(), steps_of(spikes).tolist(), strict=True))
    assert found == {3: 17, 4: 17, 5: 15, 6: 10, 7: 0, 8: 0}
    assert spikes.num_spikes == 6


def onsets_may_come_regularly():
    encoder = LatencyEncoder((1, 16, 16), 5 * ms)
    encoder.set_maps("x", LEVELS)
    step = "t_in_timesteps % 200"
    encoder.run_regularly(f"onset = int({step} == 0)*t + int({step} > 0)*onset")
    spikes = SpikeMonitor(encoder)
    yield encoder, spikes

    assert_array_equal(spikes.count[:], 10 * (np.arange(256) > 0))
    assert_array_equal(steps_of(spikes) % 200, latency_steps(spikes.i[:], 50))


def their_spikes_drive_and_teach(kind, parameter):
    """A rule's traces are added to the encoder in one step."""
    rule = rules.PairSTDP(0.1)
    encoder = kind((2, 4, 4), parameter, model=rule.pre_model, reset=rule.pre_reset)
    encoder.x = "0.2 + i/40"
    target = FeatureMap(
        (1, 4, 4),
        f"n : 1\ndv/dt = -v/(10*ms) : 1\n{rule.post_model}",
        "v > 1.5",
        f"v = 0\n{rule.post_reset}",
    )
    conv = ConvSynapses(
        encoder, target, on_pre="v_post += 1; n_post += 1", kernel_size=1, rule=rule
    )
    conv.w = 0.5
    spikes = SpikeMonitor(encoder)
    yield encoder, target, conv, spikes

    assert spikes.num_spikes >= 32
    assert_array_equal(target.n[:], spikes.count[:].reshape(16, 2).sum(axis=1))
    assert encoder.r1[:].max() > 0
    assert np.abs(conv.w[:] - 0.5).max() > 1e-3


@pytest.mark.usefixtures("brian2_in_numpy")  # in Cython: the next test's monitors
def test_encoders(target):
    seed(5)
    scenes = [
        rates_follow_intensities(),
        each_level_spikes_once_at_its_latency(np.float64, 0, 1),
        each_level_spikes_once_at_its_latency(np.float32, 123, 1),
        each_level_spikes_once_at_its_latency(np.float32, 7, 255),
        intensities_up_to_the_minimum_never_spike(),
        onsets_may_come_regularly(),
        their_spikes_drive_and_teach(PoissonEncoder, 300 * Hz),
        their_spikes_drive_and_teach(LatencyEncoder, 20 * ms),
    ]
    run_steps(*[obj for scene in scenes for obj in next(scene)])
    for scene in scenes:
        assert next(scene, None) is None


def test_presentations_follow_each_other_and_seeds_repeat(target, tmp_path):
    """Stimuli of 10 ms each: all spikes of a stimulus come before the next."""
    if target in STANDALONE:
        device.reinit()
        set_device(STANDALONE[target], build_on_run=False)
    encoder = LatencyEncoder((1, 16, 16), 10 * ms, variable="light", model="x : 1")
    noise = PoissonEncoder((3, 4, 4), 2 * kHz)
    noise.x = 0.7
    spikes, random = SpikeMonitor(encoder), SpikeMonitor(noise)
    network = Network(encoder, noise, spikes, random)
    images = [LEVELS, 0.5 * LEVELS[:, ::-1]]
    for image in images:
        seed(11)
        encoder.present(image)
        network.run(10 * ms)
    if target in STANDALONE:
        device.build(directory=str(tmp_path / "runs"))

    steps, i = steps_of(spikes), spikes.i[:]
    for number, image in enumerate(images):
        level = np.rint(510 * image.ravel()).astype(int)
        now = steps // 100 == number
        assert_array_equal(np.bincount(i[now], minlength=256), level > 0)
        assert_array_equal(steps[now] % 100, ((510 - level) * 100 // 510)[i[now]])
    steps, i = steps_of(random), random.i[:]
    runs = [(steps[steps // 100 == n] % 100, i[steps // 100 == n]) for n in range(len(images))]
    assert len(runs[0][0]) > 500
    for run in runs[1:]:
        assert_array_equal(run, runs[0])


@pytest.mark.parametrize("codegen", ["numpy", "auto"])
def test_latencies_hold_in_long_simulations(dtype, codegen):
    prefs.codegen.target = codegen
    encoder = LatencyEncoder((1, 16, 16), 10 * ms)
    encoder.set_maps("x", LEVELS)
    spikes = SpikeMonitor(encoder)
    network = Network(encoder, spikes)
    network.t_ = 5000.0
    encoder.onset = 5000.0021 * second
    network.run(20 * ms, namespace={})
    assert encoder.onset[:].dtype == np.float64
    assert encoder.x[:].dtype == dtype
    assert_array_equal(spikes.count[:], np.arange(256) > 0)
    steps = np.rint(np.asarray(spikes.t / defaultclock.dt)).astype(int) - 50_000_000
    assert_array_equal(steps, 21 + latency_steps(spikes.i[:], 100))


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("cuda_on_cpu", marks=pytest.mark.slow),
        pytest.param("cuda", marks=pytest.mark.gpu),
    ],
    indirect=True,
)
def test_latencies_hold_after_many_steps_of_a_single_dt(target):
    prefs.core.default_float_dtype = np.float32
    defaultclock.dt = 1 * ms  # 4.7e-8 too long in single precision
    encoder = LatencyEncoder((1, 4, 4), 10 * ms)
    encoder.set_maps("x", np.arange(16).reshape(1, 4, 4) / 15)
    encoder.onset = 25 * second
    spikes = SpikeMonitor(encoder)
    run_steps(encoder, spikes, steps=25_015)
    assert_array_equal(spikes.count[:], np.arange(16) > 0)
    assert_array_equal(steps_of(spikes), 25_000 + ((15 - np.arange(16)) * 10 // 15)[spikes.i[:]])


@pytest.mark.parametrize("onset", [5, 5.2, 5.5, 5.9])
def test_steps_count_from_the_first_after_the_onset(onset):
    prefs.codegen.target = "numpy"
    encoder = LatencyEncoder((1, 4, 4), 8 * defaultclock.dt)
    encoder.set_maps("x", np.arange(16).reshape(1, 4, 4) / 15)
    encoder.onset = onset * defaultclock.dt
    spikes = SpikeMonitor(encoder)
    run_steps(encoder, spikes, steps=20)
    assert_array_equal(spikes.count[:], np.arange(16) > 0)
    latencies = (15 - np.arange(16)) * 8 // 15
    assert_array_equal(steps_of(spikes), np.ceil(onset) + latencies[spikes.i[:]])


def test_on_and_off_maps_fit():
    prefs.codegen.target = "numpy"
    images = np.random.default_rng(1).random((3, 2, 8, 9)).astype(np.float32)
    maps = on_off_channels(difference_of_gaussians(images))
    encoder = PoissonEncoder((4, 8, 9), batch_size=3)
    encoder.set_maps("x", maps)
    assert_allclose(encoder.get_maps("x"), maps)
    single = LatencyEncoder((4, 8, 9), 10 * ms, maximum=float(maps.max()))
    single.present(maps[0])
    assert_allclose(single.get_maps("x")[0], maps[0])


# What is refused


@pytest.mark.parametrize("rate", [100, 3 * mV, 0 * Hz, -1 * Hz, [1, 2] * Hz, np.inf * Hz])
def test_a_rate_must_be_positive(rate):
    with pytest.raises(ValueError, match=r"PoissonEncoder: max_rate must be positive, such as 100"):
        PoissonEncoder((1, 2, 2), rate)


@pytest.mark.parametrize("duration", [20, 0 * ms, 3 * Hz])
def test_a_duration_must_be_a_time(duration):
    with pytest.raises(ValueError, match=r"duration must be positive, such as 20\*ms, got"):
        LatencyEncoder((1, 2, 2), duration)


@pytest.mark.parametrize("limits", [(-1, 1), (1, 1), (0, np.inf), (np.nan, 1)])
def test_the_range_of_intensities_is_checked(limits):
    with pytest.raises(ValueError, match="expected 0 <= minimum < maximum, both finite, got"):
        LatencyEncoder((1, 2, 2), 10 * ms, minimum=limits[0], maximum=limits[1])


def test_rates_above_one_spike_a_step_are_refused():
    encoder = PoissonEncoder((1, 2, 2), 20 * kHz, name="fast")
    with pytest.raises(BrianObjectException) as error:
        run_steps(encoder, steps=1)
    assert "'fast': max_rate = 20. * khertz is more than one spike" in str(error.value.__cause__)


# The range of intensities

BYTES = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)


def poisson(**kwds):
    return PoissonEncoder((1, 16, 16), 100 * Hz, name="encoder", **kwds)  # at most 100 intensities


def latency(**kwds):
    return LatencyEncoder((1, 16, 16), 10 * ms, name="encoder", **kwds)


def assert_refused(encoder, message, *others):
    with pytest.raises(BrianObjectException) as error:
        run_steps(encoder, *others, steps=1)
    assert message in str(error.value.__cause__)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (poisson, "'encoder': x reaches 255, more than 100: max_rate = 100. * hertz times that"),
        (latency, "'encoder': x reaches 255, more than 1: its latency would be below 0; scale"),
    ],
)
@pytest.mark.parametrize(
    "put",
    [
        lambda encoder: encoder.set_maps("x", BYTES.astype(float)),
        lambda encoder: encoder.set_maps("x", BYTES.astype(int)),
        lambda encoder: setattr(encoder, "x", BYTES.ravel()),  # Brian2's own way: no images
        lambda encoder: setattr(encoder, "x", "i"),
        lambda encoder: setattr(encoder, "x_", BYTES.astype(np.float32).ravel()),
    ],
)
def test_intensities_of_0_to_255_are_refused_before_a_run(make, message, put):
    prefs.codegen.target = "numpy"
    encoder = make()
    put(encoder)
    assert_refused(encoder, message)


@pytest.mark.parametrize("make", [poisson, latency])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_intensities_that_are_not_finite_are_refused(make, value):
    encoder = make()
    encoder.x[3] = value
    assert_refused(encoder, "'encoder': x holds NaN or infinity")


@pytest.mark.parametrize("make", [poisson, latency])
def test_bytes_are_intensities_from_0_to_1(make):
    encoder = make()
    encoder.set_maps("x", BYTES)
    assert_allclose(encoder.get_maps("x")[0], LEVELS, rtol=1e-7)
    if make is latency:
        encoder.present(BYTES[:, ::-1])
        assert_allclose(encoder.get_maps("x")[0], LEVELS[:, ::-1], rtol=1e-7)


def test_the_rate_of_bytes_is_that_of_floats():
    """The mean of the counts is that of the rates, which 0 to 255 would saturate."""
    prefs.codegen.target = "numpy"
    seed(3)
    encoder = PoissonEncoder((1, 16, 16), 1 * kHz)
    encoder.set_maps("x", BYTES)
    spikes = SpikeMonitor(encoder)
    run_steps(encoder, spikes)
    chance = 0.1 * LEVELS
    deviation = np.sqrt(STEPS * (chance * (1 - chance)).sum())
    assert abs(spikes.num_spikes - STEPS * chance.sum()) < 5 * deviation


@pytest.mark.parametrize("make", [poisson, latency])
def test_stored_images_are_checked_when_they_are_stored(make):
    floats = BYTES[None].astype(float)
    with pytest.raises(ValueError, match="'encoder': x reaches 255, more than"):
        StoredImages(make(), floats)
    with pytest.raises(ValueError, match="'encoder': x reaches 255, more than"):
        StoredImages(make(), floats, value=" pixel ")
    StoredImages(make(), BYTES[None])
    other = make(variable="light", model="x : 1")
    StoredImages(other, floats)  # another variable of the neuron's
    with pytest.raises(ValueError, match="'encoder': light reaches 255, more than"):
        StoredImages(other, floats, "light")


@pytest.mark.parametrize("make", [poisson, latency])
@pytest.mark.parametrize(
    "value",
    ["300*pixel", "300*int(pixel > 0.5 and not pixel > 0.9)", "exp(6*pixel)", "scale*pixel"],
)
@pytest.mark.parametrize("images", [BYTES[None], LEVELS[None]], ids=["bytes", "floats"])
def test_expressions_of_pixels_are_checked_before_a_run(tmp_path, make, value, images):
    encoder = make(namespace={"scale": 300})
    StoredImages(encoder, images, value=value)
    assert_refused(encoder, "'encoder': x reaches ")
    set_device("cpp_standalone", directory=str(tmp_path), build_on_run=False)
    encoder = make(namespace={"scale": 300})
    StoredImages(encoder, images, value=value)
    assert_refused(encoder, "'encoder': x reaches ")


def test_expressions_of_pixels_that_are_in_the_range_are_shown():
    prefs.codegen.target = "numpy"
    encoder = latency(namespace={"scale": 0.5})
    StoredImages(encoder, BYTES[None], value="clip(scale*pixel, 0, 1)*int(not pixel > 0.9)")
    run_steps(encoder, steps=1)
    assert_allclose(encoder.get_maps("x")[0], 0.5 * LEVELS * (LEVELS <= 0.9), rtol=1e-6)


@pytest.mark.parametrize("make", [poisson, latency])
@pytest.mark.parametrize("value", ["pixel + gain", "pixel*(i + 50)", "pixel + 300*rand()"])
def test_what_an_expression_makes_of_a_neuron_is_checked_as_it_is_shown(make, value):
    prefs.codegen.target = "numpy"
    encoder = make(model="gain : 1")
    encoder.gain = 300
    StoredImages(encoder, BYTES[None], value=value)
    with pytest.raises(ValueError, match=r"'encoder': x reaches \d+.*, more than"):
        run_steps(encoder, steps=2)


def test_what_a_run_computes_is_checked_after_it():
    prefs.codegen.target = "numpy"
    encoder = poisson()
    encoder.run_regularly("x = 300")
    with pytest.raises(ValueError, match="'encoder': x reaches 300, more than 100"):
        run_steps(encoder, steps=2)


def test_a_shorter_time_step_allows_more():
    prefs.codegen.target = "numpy"
    encoder = poisson()
    encoder.x = 255
    defaultclock.dt = 0.03 * ms
    run_steps(encoder, steps=1)


def test_values_are_checked_on_a_standalone_device(tmp_path):
    set_device("cpp_standalone", directory=str(tmp_path), build_on_run=False)
    encoder = poisson()
    encoder.set_maps("x", BYTES.astype(float))
    assert_refused(encoder, "'encoder': x reaches 255, more than 100")


def test_taken_names_are_refused():
    filtered = rules.Hebb().filtered(tau_pre=10 * ms, tau_post=10 * ms)
    with pytest.raises(ValueError, match=r"defines x, .* already; name the intensity otherwise"):
        PoissonEncoder((1, 2, 2), model=filtered.pre_model, reset=filtered.pre_reset)
    PoissonEncoder((1, 2, 2), model=filtered.pre_model, variable="intensity")
    with pytest.raises(ValueError, match=r"the model defines onset, .* choose another name"):
        LatencyEncoder((1, 2, 2), 10 * ms, model=Equations("onset : 1"))
    with pytest.raises(ValueError, match=r"the model defines max_rate, .* choose another name"):
        PoissonEncoder((1, 2, 2), model="max_rate : Hz")
    with pytest.raises(ValueError, match="variable='duration' is the name of a constant"):
        LatencyEncoder((1, 2, 2), 10 * ms, variable="duration")
    with pytest.raises(TypeError, match="the model must be a string or Equations, got int"):
        PoissonEncoder((1, 2, 2), model=3)
