"""Sums, means and extremes over a filter or the whole kernel, against numpy."""

import numpy as np
import pytest
from brian2 import (
    DimensionMismatchError,
    Network,
    StateMonitor,
    defaultclock,
    nS,
    prefs,
    siemens,
)
from cases import explicitly, random_geometry
from conftest import STANDALONE
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from synapses_cases import (
    cause_of_failed_run,
    close,
    coincidences,
    random_state,
    run_steps,
    two_maps,
)

from hebbsim import ConvSynapses, FeatureMap, PerSample, rules
from hebbsim.geometry import ConvGeometry
from hebbsim.synapses.update import NonFiniteWeightsError

FUNCTIONS = {"summed": np.sum, "mean": np.mean, "maximum": np.max, "minimum": np.min}
HEBB = "dw = y_post*x_pre : 1 (summed)"
#: Journé et al. 2023: a change relative to the largest, at the rate of each filter
SOFT_HEBB = """
w : 1
u_post = w*x_pre : 1 (summed)
dw = y_post*(x_pre - u_post*w) : 1 (summed)
largest = abs(dw) : 1 (maximum over kernel)
square = w**2 : 1 (summed over filter)
rate = eta*abs(sqrt(square) - 1)**q : 1 (constant over filter)
eta : 1 (shared)
"""


def reduced_kernel(geometry, name=""):
    """Return maps and a convolution that reduces w in every way, w having units."""
    source = FeatureMap(geometry.in_shape, "x : 1", name=f"source{name}")
    target = FeatureMap(geometry.out_shape, "u : 1", name=f"target{name}")
    lines = ["w : siemens", "scaled = 2*w*(1 + out_channel + krow) : siemens"]
    for how in FUNCTIONS:
        for part in ("filter", "kernel"):
            lines.append(f"{how}_{part} = scaled**2 - w*nS : siemens**2 ({how} over {part})")
    conv = ConvSynapses(
        source,
        target,
        "\n".join(lines),
        kernel_size=geometry.kernel_size,
        stride=geometry.stride,
        padding=geometry.padding,
        dilation=geometry.dilation,
        groups=geometry.groups,
        weight_sharing=geometry.weight_sharing,
        name=f"conv{name}",
    )
    conv.set_kernel("w", np.random.default_rng(3).standard_normal(geometry.kernel_shape) * nS)
    return source, target, conv


def check_reduced(conv, tolerance):
    w = np.asarray(conv.get_kernel("w"), dtype=float)
    shape = w.shape
    channel, row = np.arange(shape[-4])[:, None, None, None], np.arange(shape[-2])[:, None]
    values = (2 * w * (1 + channel + row)) ** 2 - w * 1e-9
    scale = np.abs(values).sum()
    for how, function in FUNCTIONS.items():
        of_filters = function(values, axis=(-3, -2, -1), keepdims=True)
        found = np.asarray(conv.get_kernel(f"{how}_filter"))
        assert_allclose(found, np.broadcast_to(of_filters, shape), rtol=0, atol=tolerance * scale)
        whole = conv.variables[f"{how}_kernel"].get_value()
        assert_allclose(whole, [function(values)], rtol=0, atol=tolerance * scale)


TOLERANCE = {np.float64: 1e-13, np.float32: 1e-6}


#: Dilated groups, kernels of each position, and more elements than one thread takes
GEOMETRIES = (
    ConvGeometry((4, 5, 6), 6, (2, 3), (1, 2), (1, 0), (2, 1), 2),
    ConvGeometry((2, 4, 3), 3, (2, 1), weight_sharing=False),
    ConvGeometry((20, 3, 3), 130, 3),
)


def test_reductions_and_soft_hebb_equal_numpy(target, dtype):
    """SoftHebb is the update of Journé et al. 2023, in equations alone."""
    chosen = GEOMETRIES[2:] if target in STANDALONE else GEOMETRIES  # a build takes long
    objects = [reduced_kernel(g, str(n)) for n, g in enumerate(chosen)]
    source, layer, conv = soft_hebb()
    x, y, w = random_state(source, layer, conv)
    run_steps(*objects, source, layer, conv, steps=3)
    for _, _, reduced in objects:
        check_reduced(reduced, TOLERANCE[dtype])
    expected = soft_hebb_in_numpy(x, y, w, 3)
    assert np.abs(expected - w).max() > 0.05
    assert_allclose(conv.get_kernel("w"), expected, rtol=0, atol=10 * TOLERANCE[dtype])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_reductions_equal_numpy_for_any_geometry(seed):
    prefs.codegen.target = "numpy"
    objects = reduced_kernel(random_geometry(np.random.default_rng(seed)))
    run_steps(*objects)
    check_reduced(objects[2], 1e-13)


def test_threads_do_not_change_the_result():
    found = []
    for threads in (1, 2):
        prefs.devices.cpp_standalone.openmp_threads = threads
        _, _, conv = objects = reduced_kernel(GEOMETRIES[2])
        run_steps(*objects)
        found.append([conv.get_kernel("summed_filter"), conv.variables["mean_kernel"].get_value()])
    for one, two in zip(*found, strict=True):
        assert_array_equal(one, two)


# --- a rule that needs them ---------------------------------------------------------------------


def soft_hebb(q=0.5, **kwds):
    source, target = two_maps()
    conv = ConvSynapses(
        source,
        target,
        SOFT_HEBB,
        update="w += rate*dw/largest",
        kernel_size=2,
        namespace={"q": q},
        **kwds,
    )
    conv.eta = 0.1
    return source, target, conv


def soft_hebb_in_numpy(x, y, w, steps, q=0.5):
    for _ in range(steps):
        u = np.stack(
            [
                [[sum_of(x[b], w[c], r, k) for k in range(4)] for r in range(5)]
                for b in range(2)
                for c in range(4)
            ]
        ).reshape(2, 4, 5, 4)
        dw = coincidences(x, y, w) - w * (y * u).sum((0, 2, 3))[:, None, None, None]
        norm = np.sqrt((w**2).sum((1, 2, 3), keepdims=True))
        w = w + 0.1 * np.abs(norm - 1) ** q * dw / np.abs(dw).max()
    return w


def sum_of(image, kernel, row, col):
    return (image[:, row : row + 2, col : col + 2] * kernel).sum()


def test_soft_hebb_in_explicit_synapses():
    def simulate(explicit):
        source, layer, conv = soft_hebb()
        random_state(source, layer, conv)
        run_steps(source, layer, conv.to_synapses() if explicit else conv, steps=3)
        return conv.get_kernel("w")

    close(simulate(explicit=False), explicitly(simulate))


# --- which state they see: scenes of two steps in one network, as a standalone build takes long ---


def kernels_are_reduced_as_they_were():
    """After the differential equations of the step, before any change."""
    source, layer = two_maps(post="u : 1\nv : 1\ny : 1")
    conv = ConvSynapses(
        source,
        layer,
        f"""dw/dt = -w/(0.2*ms) : 1
        total = w : 1 (summed over filter)
        twice = 2*total : 1
        highest = twice : 1 (maximum over kernel)
        u_post = w*x_pre/total : 1 (summed)
        v_post = x_pre*highest : 1 (summed)
        {HEBB.replace("dw", "d").replace("y_post", "y_post*total")}
        change = d*total : 1 (summed over filter)
        seen : 1""",
        kernel_size=2,
        method="exact",
        update="seen = total\nw += 0.01*change",
    )
    x, y, w = random_state(source, layer, conv)
    w = w**2
    conv.set_kernel("w", w)
    yield source, layer, conv

    for _ in range(2):
        w = w * np.exp(-0.5)
        total = w.sum((1, 2, 3), keepdims=True)
        seen, highest = total, 2 * total.max()
        patches = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(2, 3))
        u = np.einsum("oikl,birckl->borc", w / total, patches)
        d = coincidences(x, y * total[:, 0], w)
        w = w + 0.01 * (d * total).sum((1, 2, 3), keepdims=True)
    close(layer.get_maps("u"), u)
    close(layer.get_maps("v"), np.repeat(highest * patches.sum((1, 4, 5))[:, None], 4, axis=1))
    close(conv.get_kernel("seen"), np.broadcast_to(seen, w.shape))
    close(conv.get_kernel("w"), w)


def spikes_of_the_step_change_what_was_reduced():
    spiking = {"threshold": "True", "batch_size": 1}
    source, layer = FeatureMap((1, 2, 2), "x : 1", **spiking), FeatureMap((1, 1, 1), "u : 1")
    conv = ConvSynapses(
        source,
        layer,
        "w : 1\nmass = w : 1 (summed over kernel)\nb : 1",
        on_pre="w += mass",
        update="b = mass",
        kernel_size=2,
    )
    conv.w = 1
    yield source, layer, conv

    assert_array_equal(conv.b[:], 4 + 4 * 4)
    assert_array_equal(conv.w[:], 5 + 20)


def sums_over_samples():
    source, layer = two_maps()
    weights = PerSample(layer, "reward : 1")
    conv = ConvSynapses(
        source,
        layer,
        f"""w : 1
        {HEBB.replace("(summed)", "(summed, per sample)")}
        credit = reward_post*dw : 1 (summed over samples)
        largest = abs(credit) : 1 (maximum over filter)
        relative = credit/largest : 1""",
        kernel_size=2,
        update="w += relative",
    )
    weights.reward = [1, -3]
    x, y, w = random_state(source, layer, conv)
    yield source, layer, weights, conv

    credit = coincidences(x[:1], y[:1], w) - 3 * coincidences(x[1:], y[1:], w)
    close(conv.get_kernel("w"), w + 2 * credit / np.abs(credit).max((1, 2, 3), keepdims=True))


def nan_in_an_extreme():
    """As in numpy."""
    source, layer = two_maps()
    model = """w : 1
    high = sqrt(w) : 1 (maximum over filter)
    low = sqrt(w) : 1 (minimum over kernel)"""
    conv = ConvSynapses(source, layer, model, kernel_size=2)
    w = np.random.default_rng(1).random((4, 2, 2, 2))
    w[2, 1, 0, 1] = -1
    conv.set_kernel("w", w)
    yield source, layer, conv

    high = conv.get_kernel("high")
    assert np.isnan(high[2]).all()
    assert np.isfinite(high[[0, 1, 3]]).all()
    assert np.isnan(conv.variables["low"].get_value()).all()


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_two_steps(target):
    scenes = (
        kernels_are_reduced_as_they_were,
        spikes_of_the_step_change_what_was_reduced,
        sums_over_samples,
        nan_in_an_extreme,
    )
    running = [scene() for scene in scenes]
    run_steps(*[next(scene) for scene in running], steps=2)
    for scene in running:
        assert next(scene, "checked") == "checked"


def test_chains_are_reduced_in_their_order():
    """Names are in the wrong order."""
    prefs.codegen.target = "numpy"
    source, layer = two_maps()
    conv = ConvSynapses(
        source,
        layer,
        f"""w : 1
        {HEBB}
        a = b/c : 1 (maximum over kernel)
        b = abs(c) : 1 (summed over filter)
        c = d - dw : 1
        d = dw : 1 (mean over filter)""",
        kernel_size=2,
        update="w = a",
    )
    x, y, w = random_state(source, layer, conv)
    run_steps(source, layer, conv)
    dw = coincidences(x, y, w)
    c = dw.mean((1, 2, 3), keepdims=True) - dw
    b = np.abs(c).sum((1, 2, 3), keepdims=True)
    close(conv.get_kernel("w"), np.full(w.shape, (b / c).max()))


# --- what else a group does ---------------------------------------------------------------------


def test_monitors_regular_operations_and_frozen_kernels():
    prefs.codegen.target = "numpy"
    source, layer = two_maps()
    model = f"w : 1\n{HEBB}\nnorm = w**2 : 1 (summed over filter)"
    model += "\nhigh = dw : 1 (maximum over kernel)"
    conv = ConvSynapses(source, layer, model, kernel_size=2, update="w += 0*dw")
    _, _, w = random_state(source, layer, conv)
    conv.run_regularly("w /= sqrt(norm)", when="before_groups")
    monitor = StateMonitor(conv, "norm", record=[0], when="end", order=10)
    network = Network(source, layer, conv, monitor)
    network.store()
    network.run(2 * defaultclock.dt, namespace={})
    close(monitor.norm[0], [(w[0] ** 2).sum(), 1])
    assert conv.high[:] > 0
    network.restore()
    assert_array_equal(conv.get_kernel("norm"), 0)
    conv.learning = False
    network.run(2 * defaultclock.dt, namespace={})
    close(conv.get_kernel("norm"), np.ones(w.shape))
    assert conv.high[:] == 0


def test_they_are_stored_and_restored():
    prefs.codegen.target = "numpy"
    source, layer, conv = soft_hebb()
    random_state(source, layer, conv)
    network = Network(source, layer, conv)
    network.run(defaultclock.dt, namespace={})
    network.store()
    kept = conv.get_kernel("square"), float(conv.largest[:])
    network.run(5 * defaultclock.dt, namespace={})
    assert not np.allclose(conv.get_kernel("square"), kept[0])
    network.restore()
    assert_array_equal(conv.get_kernel("square"), kept[0])
    assert conv.largest[:] == kept[1]


def test_explain_says_when_and_over_what():
    *_, conv = soft_hebb()
    text = str(conv.explain())
    places = [
        "after_start 1: square = w**2    [convsynapses_reduction_square]\n"
        "    for each kernel element, summed over filter",
        "groups 1: u_post = w*x_pre",
        "end 0: dw =",
        "end 3: largest = abs(dw)    [convsynapses_reduction_largest]\n"
        "    for each kernel element, maximum over kernel",
        "end 4: w += rate*dw/largest",
    ]
    found = [text.index(place) for place in places]
    assert found == sorted(found)
    assert "square = w**2 : 1 (summed over filter)" in str(conv.model.equations)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_change_of_nothing_over_nothing_stops_the_run():
    prefs.codegen.target = "numpy"
    source, layer, conv = soft_hebb()
    conv.w = 1
    with pytest.raises(NonFiniteWeightsError, match=r"'w' of .* became nan at kernel element 0"):
        run_steps(source, layer, conv)


# --- what is refused ----------------------------------------------------------------------------


def test_units_must_match():
    for model in (
        "w : siemens\nsquare = w**2 : siemens (summed over filter)",
        "w : siemens\nlargest = abs(w) : 1 (maximum over kernel)",
        "w : siemens\nmiddle = w*x0 : siemens (mean over filter)",
    ):
        cause = cause_of_failed_run(model, namespace={"x0": 1 * siemens})
        assert isinstance(cause, DimensionMismatchError)
        assert "doesn't have the units of" in str(cause)


def test_random_numbers_are_refused():
    cause = cause_of_failed_run("w : 1\nnoise = w*rand() : 1 (summed over filter)")
    assert isinstance(cause, NotImplementedError)
    assert "noise = w*rand()" in str(cause)


REFUSED = {
    "a variable of a map": (
        "heard = w*x_pre : 1 (summed over filter)",
        r"'heard = w\*x_pre' reduces values of kernel elements and can't use 'x_pre', a variable "
        r"of a map; sum it over the connections, \(summed\) to a variable of the kernel before",
    ),
    "a variable of a map through another name": (
        "h = w*y_post : 1\nheard = h : 1 (mean over kernel)",
        "can't use 'y_post', a variable of a map",
    ),
    "a running sum": (
        "xhat = y_post*w : 1 (cumulative)\nr = xhat : 1 (maximum over kernel)",
        r"can't use 'xhat', a running sum; sum it to the kernel, \(summed\)",
    ),
    "values of samples": (
        "dz/dt = -z/ms : 1 (clock-driven, per sample)\nr = z : 1 (maximum over filter)",
        r"can't use 'z', one value for each sample; sum it over them, \(summed over samples\)",
    ),
    "an earlier sum": (
        "dw = y_post*x_pre : 1 (summed)\nm = dw : 1 (mean over filter)\n"
        "dv = y_post*x_pre/m : 1 (summed)",
        r"'dv = y_post\*x_pre/m' runs before 'm' is reduced from the sums of the step",
    ),
    "an earlier running sum": (
        "dw = y_post*x_pre : 1 (summed)\nm = dw : 1 (mean over filter)\n"
        "xhat = y_post*m : 1 (cumulative)",
        r"'xhat = y_post\*m' runs before 'm'",
    ),
    "values that differ within a filter": (
        "h = 2*w : 1\nm = h/out_channel : 1 (constant over filter)",
        r"'m = h/out_channel' is \(constant over filter\), and 'w' has a value for each element of "
        r"a filter; reduce it first, as in 's = w : 1 \(summed over filter\)'",
    ),
    "an integer": (
        "n : integer\nm = n : integer (mean over filter)",
        r"'m' is \(mean over filter\), which gives real numbers, not integer; declare it with "
        r"units",
    ),
    "a boolean": ("m = w > 0 : boolean (maximum over kernel)", "real numbers, not boolean"),
    "a suffix": ("m_post = w : 1 (summed over filter)", "'m_post' names a variable of a feature"),
    "two flags": ("m = w : 1 (summed over filter, shared)", "cannot be combined"),
    "another flag": ("m = w : 1 (max over filter)", "'maximum over filter'"),
    "a name that is taken": ("mask = w : 1 (summed over filter)", "'mask' has a meaning"),
    "the name of an attribute": ("reductions = w : 1 (summed over filter)", "'reductions' has a"),
}


@pytest.mark.parametrize("model", REFUSED)
def test_equations_that_are_refused(model):
    text, message = REFUSED[model]
    source, layer = two_maps()
    with pytest.raises((ValueError, TypeError, SyntaxError), match=message):
        ConvSynapses(source, layer, f"w : 1\n{text}", kernel_size=2)


def test_samples_change_before_their_sums_are_reduced():
    source, layer = two_maps()
    model = f"w : 1\ntrace : 1 (per sample)\n{HEBB}\nm = dw : 1 (mean over filter)\nhalf = m/2 : 1"
    for value in ("m", "half"):
        with pytest.raises(ValueError, match=f"'trace = {value}' runs before 'm' is reduced"):
            ConvSynapses(source, layer, model, kernel_size=2, update=f"trace = {value}")


def test_only_the_reduction_writes_its_value():
    source, layer = two_maps()
    model = "w : 1\nm = w : 1 (mean over filter)\nk = w : 1 (mean over kernel)"
    conv = ConvSynapses(source, layer, model, kernel_size=2)
    for name in ("m", "k"):
        with pytest.raises(TypeError, match="read-only"):
            setattr(conv, name, 1)
    with pytest.raises(TypeError, match="read-only"):
        conv.set_kernel("m", np.ones((4, 2, 2, 2)))


def test_ordinary_synapses_have_no_equation_for_them():
    rule = rules.Rule(equations=f"{HEBB}\nm = abs(dw) : 1 (maximum over kernel)")
    with pytest.raises(ValueError, match=r"Rule: 'm' is \(maximum over kernel\), which ordinary"):
        _ = rule.synapse_model


def test_a_rule_brings_its_reductions():
    """Alone, and as what makes a kernel eligible for a reward."""
    prefs.codegen.target = "numpy"
    rule = rules.Rule(
        0.1,
        f"{HEBB}\nlargest = abs(dw) : 1 (maximum over filter)",
        update="w += eta*dw/largest",
    )
    for chosen, factor in ((rule, 1), (rules.RewardGated(rule, trial_by_trial=True), -2)):
        source, layer = two_maps()
        conv = ConvSynapses(source, layer, rule=chosen, kernel_size=2)
        x, y, w = random_state(source, layer, conv)
        if factor != 1:
            conv.reward, conv.rewarded = factor, 1
        run_steps(source, layer, conv)
        dw = coincidences(x, y, w)
        change = 0.1 * dw / np.abs(dw).max((1, 2, 3), keepdims=True)
        close(conv.get_kernel("w"), w + factor * change)
