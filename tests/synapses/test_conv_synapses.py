"""Whole convolutions on every target, and what they refuse."""

import gc

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from brian2 import (
    DimensionMismatchError,
    Network,
    NeuronGroup,
    StateMonitor,
    amp,
    defaultclock,
    ms,
    mV,
    nS,
    prefs,
    siemens,
)
from numpy.testing import assert_allclose, assert_array_equal
from synapses_cases import (
    cause_of_failed_run,
    close,
    coincidences,
    maps_for_errors,
    random_state,
    run_steps,
    two_maps,
)
from torch.nn.grad import conv2d_input

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.competition.activations import Assign, Rectify
from hebbsim.geometry import GeometryError
from hebbsim.maps.per_channel_sample_position import PerChannel

STEPS = 3
HEBB = "dw = y_post*x_pre : 1 (summed)"


def drive(x, w, **geometry):
    """Sum over receptive fields, by torch."""
    return F.conv2d(torch.tensor(x), torch.tensor(w), **geometry).numpy()


# Scenes of three steps. Each yields its objects, and checks them once they have run: all share
# one network, because a standalone build takes seconds.


def several_kernel_variables():
    """A kernel for the way up, another for the way down; each learns from both."""
    source, target = two_maps(pre="x : 1\nd : 1")
    conv = ConvSynapses(
        source,
        target,
        f"""w : 1
        b : 1
        u_post = w*x_pre + 0.1*b : 1 (summed)
        d_pre = b*y_post : 1 (summed)
        {HEBB}
        db = y_post*x_pre*w - b : 1 (summed)""",
        kernel_size=2,
        update="w += 0.01*dw + 0.001*b\nb += 0.01*db",
    )
    x, y, w = random_state(source, target, conv)
    b = np.random.default_rng(1).standard_normal(w.shape)
    conv.set_kernel("b", b)
    yield source, target, conv

    for _ in range(STEPS):
        u = drive(x, w) + 0.1 * b.sum((1, 2, 3))[:, None, None]
        d = conv2d_input(x.shape, torch.tensor(b), torch.tensor(y)).numpy()
        dw = coincidences(x, y, w)
        db = dw * w - b * 2 * 5 * 4
        w = w + 0.01 * dw + 0.001 * b
        b = b + 0.01 * db
    for found, expected in (("u", u), ("d", d)):
        close((target if found == "u" else source).get_maps(found), expected, found)
    for name, expected in (("w", w), ("b", b), ("dw", dw), ("db", db)):
        close(conv.get_kernel(name), expected, name)


def differential_equation_of_a_kernel_element():
    """A trace of the change, against the closed form; integrated before the sum is renewed."""
    source, target = two_maps()
    conv = ConvSynapses(
        source,
        target,
        f"""w : 1
        dz/dt = (dw - z)/tau : 1 (clock-driven)
        dfade/dt = -fade/tau : 1
        {HEBB}""",
        kernel_size=2,
        namespace={"tau": 0.3 * ms},
        method="exact",
        update="w = z",
    )
    x, y, w = random_state(source, target, conv)
    conv.fade = "1 + i"
    yield source, target, conv

    z = coincidences(x, y, w) * (1 - np.exp(-(STEPS - 1) * 0.1 / 0.3))
    close(conv.get_kernel("z"), z)
    close(conv.get_kernel("w"), z)
    close(conv.fade[:], (1 + np.arange(len(conv))) * np.exp(-STEPS * 0.1 / 0.3))


def regular_operations_and_monitors():
    source, target = two_maps((1, 3, 3), (3, 2, 2), 1)
    conv = ConvSynapses(source, target, "w : 1", kernel_size=2)
    conv.w = "out_channel*100 + in_channel*10 + krow + 0.1*kcol"
    conv.w["out_channel == 2 and krow == 0"] = -8
    conv.run_regularly("w *= 0.5")
    monitor = StateMonitor(conv, "w", record=[0, 5, 11], when="end")
    yield source, target, conv, monitor

    out_channel, in_channel, krow, kcol = np.indices((3, 1, 2, 2))
    w = out_channel * 100 + in_channel * 10 + krow + 0.1 * kcol
    w[(out_channel == 2) & (krow == 0)] = -8
    close(conv.get_kernel("w"), w / 8)
    # element 5: krow 0, kcol 1, out_channel 2; element 11: krow 1, kcol 1, out_channel 2
    halves = 0.5 ** np.arange(1, 4)
    close(monitor.w, [0 * halves, -8 * halves, 201.1 * halves])


def kernels_without_sharing():
    """Each position has its own kernel, its own change and its own filters to normalise."""
    source, target = two_maps((2, 4, 5), (3, 2, 2), 3)
    conv = ConvSynapses(
        source,
        target,
        f"w : 1\nu_post = w*x_pre : 1 (summed)\n{HEBB}",
        kernel_size=(3, 2),
        stride=(1, 2),
        weight_sharing=False,
        update="w += 0.1*dw",
        normalize="L1",
        norm=3.0,
    )
    x, y, _ = random_state(source, target, conv)
    conv.w = "cos(1000*out_row + 100*out_col + 10*out_channel + in_channel + 3*krow - kcol)"
    yield source, target, conv

    assert conv.get_kernel("w").shape == (2, 2, 3, 2, 3, 2)
    row, col, out_channel, in_channel, krow, kcol = np.indices((2, 2, 3, 2, 3, 2))
    w = np.cos(1000 * row + 100 * col + 10 * out_channel + in_channel + 3 * krow - kcol)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 2), axis=(2, 3))[:, :, :, ::2]
    for _ in range(STEPS):
        u = np.einsum("rcoikl,birckl->borc", w, windows)
        dw = np.einsum("borc,birckl->rcoikl", y, windows)
        w = w + 0.1 * dw
        w = 3 * w / np.abs(w).sum((3, 4, 5), keepdims=True)
    close(target.get_maps("u"), u)
    close(conv.get_kernel("dw"), dw)
    close(conv.get_kernel("w"), w)


def masks_and_norms():
    """A pruned weight stays 0, a pruned filter too; the others have the wanted norm."""
    geometry = {"stride": 2, "padding": 1, "groups": 2}
    source, target = two_maps((4, 6, 5), (4, 3, 3))
    mask = np.random.default_rng(5).integers(0, 2, (4, 2, 3, 3))
    mask[1] = 0
    conv = ConvSynapses(
        source,
        target,
        kernel_size=3,
        rule=rules.Hebb(0.02),
        mask=mask,
        normalize="L2",
        norm=2.5,
        **geometry,
    )
    x, y, w = random_state(source, target, conv)
    yield source, target, conv

    for _ in range(STEPS):
        u = drive(x, w, **geometry)
        w = (w + 0.02 * coincidences(x, y, w, **geometry)) * mask
        norm = np.sqrt((w**2).sum((1, 2, 3), keepdims=True))
        w = w * 2.5 / np.where(norm > 0, norm, 1)
    close(target.get_maps("u"), u)
    close(conv.get_kernel("w"), w)
    assert_array_equal(conv.get_kernel("w")[mask == 0], 0)


def frozen_kernels():
    """They transmit, and nothing about them changes."""
    source, target = two_maps()
    conv = ConvSynapses(source, target, kernel_size=2, rule=rules.Oja(0.1), normalize="L2")
    assert conv.learning
    conv.learning = False
    assert not conv.learning
    x, _, w = random_state(source, target, conv)
    yield source, target, conv

    close(target.get_maps("u"), drive(x, w))
    assert_array_equal(conv.get_kernel("w"), w)
    assert_array_equal(conv.get_kernel("dw"), 0)


def update_in_place_of_the_rules():
    """Learning with a weight of another name, a decay and a bound written by hand."""
    source, target = two_maps(pre="x : 1")
    conv = ConvSynapses(
        source,
        target,
        "v : 1\nw = 2*v : 1",
        kernel_size=2,
        rule=rules.Hebb(0.02),
        update="v = clip(0.5*v + eta*dw/n_shared, -0.4, 0.4)",
        weight="v",
        normalize="L2",
    )
    x, y = (np.random.default_rng(3).standard_normal((2, *m.shape)) for m in (source, target))
    source.set_maps("x", x)
    target.set_maps("y", y)
    conv.eta = 3
    conv.v = "sin(i)"
    yield source, target, conv

    v = np.sin(conv.geometry.from_memory(np.arange(float(len(conv)))))
    for _ in range(STEPS):
        v = np.clip(0.5 * v + 3 * coincidences(x, y, v) / (2 * 5 * 4), -0.4, 0.4)
        v = v / np.sqrt((v**2).sum((1, 2, 3), keepdims=True))
    close(conv.get_kernel("v"), v)
    close(conv.get_kernel("w"), 2 * v)


def layers_in_one_step():
    """Two plastic layers and feedback: forward, back, then all learn at once.

    Both changes are of the kernels as they were. The feedback is part of the second convolution,
    made before the output's activity, which it follows all the same.
    """
    image = FeatureMap((2, 6, 5), "x : 1", batch_size=2, name="z_image")
    hidden = FeatureMap((3, 5, 4), "u : 1\ny : 1\nd : 1", batch_size=2, name="y_hidden")
    output = FeatureMap((4, 4, 2), "u : 1\ny : 1", batch_size=2, name="x_output")
    first = ConvSynapses(
        image,
        hidden,
        """w : 1
        u_post = w*x_pre : 1 (summed)
        dw = (y_post + d_post)*(x_pre - y_post*w) : 1 (summed)""",
        kernel_size=2,
        update="w += 0.01*dw",
        name="w_first",
    )
    Rectify(hidden, "u", "y", name="v_rectify")
    second = ConvSynapses(
        hidden,
        output,
        """w : 1
        u_post = w*y_pre : 1 (summed)
        d_pre = w*y_post : 1 (summed)
        dw = y_post*(y_pre - y_post*w) : 1 (summed)""",
        kernel_size=(2, 3),
        update="w += 0.01*dw",
        name="b_second",
    )
    Rectify(output, "u - 0.1", "y", name="a_rectify")
    rng = np.random.default_rng(9)
    x = rng.standard_normal((2, 2, 6, 5))
    w1, w2 = (0.5 * rng.standard_normal(c.geometry.kernel_shape) for c in (first, second))
    image.set_maps("x", x)
    first.set_kernel("w", w1)
    second.set_kernel("w", w2)
    yield image, hidden, output, first, second

    for _ in range(STEPS):
        y1 = np.maximum(drive(x, w1), 0)
        u2 = drive(y1, w2)
        y2 = np.maximum(u2 - 0.1, 0)
        d = conv2d_input(y1.shape, torch.tensor(w2), torch.tensor(y2)).numpy()
        signal = y1 + d
        dw1 = coincidences(x, signal, w1)
        dw1 = dw1 - w1 * (signal * y1).sum((0, 2, 3))[:, None, None, None]
        dw2 = coincidences(y1, y2, w2) - w2 * (y2**2).sum((0, 2, 3))[:, None, None, None]
        w1, w2 = w1 + 0.01 * dw1, w2 + 0.01 * dw2
    assert np.abs(d).max() > 0.1
    close(hidden.get_maps("d"), d)
    close(output.get_maps("u"), u2)
    close(first.get_kernel("w"), w1)
    close(second.get_kernel("w"), w2)


def input_precedes_a_maps_differential_equations():
    """As with Brian2's summed variables, whatever the names.

    This step's input, a sum over the source as the last step left it, is integrated.
    """
    image = FeatureMap((1, 3, 3), "dx/dt = 1/(0.1*ms) : 1", method="euler", name="m_image")
    objects = [image]
    for before, after in ("az", "za"):
        leaky = FeatureMap(
            (2, 2, 2),
            "dv/dt = u/(0.1*ms) : 1\nu : 1\nr : 1",
            method="euler",
            name=f"{before}_leaky",
        )
        conv = ConvSynapses(
            image,
            leaky,
            "w : 1\nu_post = w*x_pre : 1 (summed)",
            kernel_size=2,
            name=f"{after}_conv",
        )
        Assign(leaky, "v", "r", name=f"{before}_read")
        conv.w = 1
        objects += [leaky, conv]
    yield objects

    assert_allclose(image.x, [3] * 9, rtol=1e-12)
    for leaky in objects[1::2]:
        assert_allclose(leaky.u, 4 * 2, rtol=1e-12)
        assert_allclose(leaky.v, 4 * (0 + 1 + 2), rtol=1e-12)
        assert_allclose(leaky.r, leaky.v, rtol=1e-12)


def quantities():
    """Conductances: the weight, its change and the current have units."""
    source = FeatureMap((2, 6, 5), "v : volt", batch_size=2)
    target = FeatureMap((4, 5, 4), "I : amp", batch_size=2)
    conv = ConvSynapses(
        source,
        target,
        """w : siemens
        I_post = w*(v_pre - reversal) : amp (summed)
        dw = w*v_pre/volt : siemens (summed)""",
        kernel_size=2,
        namespace={"reversal": -60 * mV},
        update="w = clip(w + 0.1*dw, 0*siemens, 9*nS)",
    )
    v = np.random.default_rng(4).standard_normal((2, *source.shape))
    source.set_maps("v", v * mV)
    conv.w = "5*nS + 0.1*i*nS"
    yield source, target, conv

    w = conv.geometry.from_memory(5 + 0.1 * np.arange(32.0))
    for _ in range(STEPS):
        current = drive(v + 60, w)
        dw = 1e-3 * w * coincidences(v, np.ones((2, 4, 5, 4)), w)
        w = np.clip(w + 0.1 * dw, 0, 9)
    assert conv.get_kernel("w").dim is siemens.dim
    assert target.get_maps("I").dim is amp.dim
    close(conv.get_kernel("w") / nS, w)
    close(target.get_maps("I") / (nS * mV), current)


def subexpressions_of_kernel_elements():
    """Constants of the namespace, coordinates, shared parameters, values kept for a step."""
    source, target = two_maps()
    conv = ConvSynapses(
        source,
        target,
        """w : 1
        gain : 1 (shared)
        effective = gain*w + offset*out_channel : 1
        square = w**2 : 1 (constant over dt)
        u_post = (effective + square)*x_pre : 1 (summed)""",
        kernel_size=2,
        namespace={"offset": 0.3},
        update="w += 0.1*square",
    )
    x, _, w = random_state(source, target, conv)
    conv.gain = -2
    yield source, target, conv

    for _ in range(STEPS):
        u = drive(x, -2 * w + 0.3 * np.arange(4.0)[:, None, None, None] + w**2)
        w = w + 0.1 * w**2
    close(target.get_maps("u"), u)
    close(conv.get_kernel("w"), w)


SCENES = [
    several_kernel_variables,
    differential_equation_of_a_kernel_element,
    regular_operations_and_monitors,
    kernels_without_sharing,
    masks_and_norms,
    frozen_kernels,
    update_in_place_of_the_rules,
    layers_in_one_step,
    input_precedes_a_maps_differential_equations,
    quantities,
    subexpressions_of_kernel_elements,
]


def test_three_steps(target):
    running = [scene() for scene in SCENES]
    run_steps(*[obj for scene in running for obj in next(scene)], steps=STEPS)
    for scene in running:
        assert next(scene, None) is None


def test_weights_are_stored_and_restored():
    """On both runtime targets; a second run goes on where the first ended."""
    finals = []
    for codegen_target in ("numpy", "auto"):
        prefs.codegen.target = codegen_target
        source, target = two_maps()
        conv = ConvSynapses(source, target, kernel_size=2, rule=rules.Oja(0.001))
        x, y, w = random_state(source, target, conv)
        network = Network(source, target, conv)
        for _ in range(4):
            w = w + 0.001 * (coincidences(x, y, w) - w * (y**2).sum((0, 2, 3))[:, None, None, None])
        network.run(2 * defaultclock.dt, namespace={})
        network.store("two")
        halfway = conv.get_kernel("w")
        network.run(2 * defaultclock.dt, namespace={})
        close(conv.get_kernel("w"), w)
        conv.w = 5
        network.restore("two")
        assert_array_equal(conv.get_kernel("w"), halfway)
        network.run(2 * defaultclock.dt, namespace={})
        close(conv.get_kernel("w"), w)
        conv.learning = False
        network.run(2 * defaultclock.dt, namespace={})
        close(conv.get_kernel("w"), w)
        conv.learning = True
        network.run(1 * defaultclock.dt, namespace={})
        finals.append(conv.get_kernel("w"))
        assert np.abs(finals[-1] - w).max() > 1e-4
    close(finals[0], finals[1])


@pytest.mark.parametrize(
    ("kwds", "error", "message"),
    [
        ({}, TypeError, r"give a model or a rule, or both; the simplest model is 'w : 1"),
        ({"model": 3}, TypeError, "the model must be a string or Equations, got int"),
        ({"rule": "Oja"}, TypeError, r"rule must be a Rule, such as rules.Oja\(\), got 'Oja'"),
        ({"rule": rules.Oja}, TypeError, "rule must be a Rule, .* got <class"),
        ({"model": "w : 1", "mask": np.ones((3, 2, 2, 2))}, ValueError, "mask and normalize act"),
        ({"model": "w : 1", "normalize": "L2"}, ValueError, r"give a rule, or update='w \+= ...'"),
        ({"model": "b : 1", "update": "b += 1"}, ValueError, "no kernel variable 'w'; name"),
        ({"rule": rules.Hebb(), "weight": "v"}, ValueError, "no kernel variable 'v'"),
        ({"rule": rules.Hebb(), "normalize": "L3"}, ValueError, "must be None, 'L1' or 'L2', got"),
        ({"rule": rules.Hebb(), "norm": 0}, ValueError, "norm must be one positive number, got 0"),
        ({"rule": rules.Hebb(), "norm": np.nan}, ValueError, "norm must be one positive number"),
        ({"rule": rules.Hebb(), "norm": [1, 2]}, ValueError, "must be one positive number, got .1"),
        ({"rule": rules.Hebb(), "norm": 2}, ValueError, "norm=2 needs normalize='L1' or 'L2' besi"),
        ({"model": "w : 1", "norm": 1 * mV}, ValueError, "norm=1. .* needs normalize='L1' or 'L2'"),
        ({"rule": rules.Hebb(), "mask": np.ones((3, 2, 2))}, ValueError, "'mask': expected an arr"),
        ({"rule": rules.Hebb(), "mask": np.full((3, 2, 2, 2), 0.5)}, ValueError, "ones, and zeros"),
        ({"rule": rules.Hebb(), "mask": np.full((3, 2, 2, 2), 1j)}, ValueError, "array of complex"),
        ({"rule": rules.Hebb(), "mask": np.full((3, 2, 2, 2), "1")}, ValueError, "an array of <U1"),
        ({"model": "w : 1", "kernel_size": 3}, GeometryError,
         r"target 'target' has shape \(3, 3, 3\), but this convolution of 'source' \(2, 4, 4\) "
         r"gives \(3, 2, 2\); see conv_output_shape"),
        ({"model": "w : 1", "kernel_size": 5}, GeometryError,
         r"on source 'source', shape \(2, 4, 4\): the kernel covers 5x5"),
        ({"model": "w : 1", "groups": 2}, GeometryError, "groups=2 must divide the 2 input chan"),
        ({"model": "w : 1", "stride": 0}, GeometryError, "stride: expected an int or a "),
    ],
)  # fmt: skip
def test_arguments_that_are_refused(kwds, error, message):
    with pytest.raises(error, match=message):
        ConvSynapses(*maps_for_errors(), **{"kernel_size": 2, **kwds})


def test_a_kernel_of_several_axes_goes_to_set_kernel():
    source, target = two_maps()
    conv = ConvSynapses(source, target, f"w : 1\n{HEBB}\nrate : 1 (shared)", kernel_size=2)
    kernel = np.arange(conv.geometry.kernel_elements, dtype=float).reshape(
        conv.geometry.kernel_shape
    )
    message = r"'w', got an array of shape \(.*set_kernel\('w', array\) takes one in torch's order"
    for give in (
        lambda: setattr(conv, "w", kernel),
        lambda: conv.w.__setitem__(slice(None), kernel),
        lambda: conv.w.__setitem__("krow == 0", kernel),
    ):
        with pytest.raises(ValueError, match=message):
            give()
    scale = 2  # noqa: F841 - in the expression
    conv.w[:] = kernel.ravel()
    conv.w["krow == 0"] = "scale*krow"  # names are looked up here
    assert (conv.w["krow == 0"] == 0).all()
    assert (conv.w["krow == 1"] == kernel.ravel()[conv.krow[:] == 1]).all()
    conv.rate = 3
    assert conv.rate[:] == 3


def test_other_groups_and_batches():
    source, target = maps_for_errors()
    neurons = NeuronGroup(27, "u : 1")
    with pytest.raises(TypeError, match="NeuronGroup of 27 neurons; say how"):
        ConvSynapses(neurons, target, "w : 1", kernel_size=2)
    with pytest.raises(TypeError, match="the target must be a FeatureMap, got NeuronGroup"):
        ConvSynapses(source, neurons, "w : 1", kernel_size=2)
    many = FeatureMap((3, 3, 3), "u : 1", batch_size=4, name="many")
    with pytest.raises(ValueError, match="'source' has batch_size 1, target 'many' has 4; give bo"):
        ConvSynapses(source, many, "w : 1", kernel_size=2)


@pytest.mark.parametrize(
    ("equation", "name"),
    [
        ("I_post = w*v_pre : amp (summed)", "I_post = w*v_pre"),
        ("d_pre = v_pre*w : 1 (summed)", "d_pre = v_pre*w"),
        ("dw = v_pre*y_post : 1 (summed)", "dw = v_pre*y_post"),
        ("dw = v_pre + y_post : 1 (summed)", ""),
    ],
)
def test_units_of_sums_must_match(equation, name):
    cause = cause_of_failed_run(f"w : 1\n{equation}")
    assert isinstance(cause, DimensionMismatchError)
    if name:
        assert f"'conv': '{name}' doesn't have the units of '{name.split()[0]}'" in str(cause)


def test_random_numbers_in_sums():
    cause = cause_of_failed_run("w : 1\nu_post = w*x_pre*randn() : 1 (summed)")
    assert isinstance(cause, NotImplementedError)
    assert "calls randn() for every term of a sum" in str(cause)


def test_repr():
    source, target = maps_for_errors()
    conv = ConvSynapses(source, target, "w : 1", kernel_size=2, name="conv")
    assert repr(conv) == (
        "<ConvSynapses 'conv': 'source' (2, 4, 4) -> 'target' (3, 3, 3), kernel_size=(2, 2)>"
    )
    layer = FeatureMap((4, 2, 3), "u : 1", name="layer")
    conv = ConvSynapses(
        source,
        layer,
        "w : 1",
        kernel_size=(3, 2),
        stride=(2, 1),
        padding=(1, 0),
        dilation=(1, 1),
        groups=2,
        weight_sharing=False,
        name="other",
    )
    assert repr(conv) == (
        "<ConvSynapses 'other': 'source' (2, 4, 4) -> 'layer' (4, 2, 3), kernel_size=(3, 2), "
        "stride=(2, 1), padding=(1, 0), groups=2, weight_sharing=False>"
    )


def test_connect_is_not_needed():
    conv = ConvSynapses(*maps_for_errors(), "w : 1", kernel_size=2, name="conv")
    with pytest.raises(TypeError, match=r"'conv': it is connected when it is made.*mask="):
        conv.connect(p=0.5)


def test_two_sums_into_one_variable_are_refused():
    source, layer = FeatureMap((1, 3, 3), "x : 1"), FeatureMap((1, 3, 3), "u : 1")
    model = "w : 1\nu_post = w*x_pre : 1 (summed)"
    convs = [ConvSynapses(source, layer, model, kernel_size=1) for _ in range(2)]
    with pytest.raises(Exception, match="sum_u_post") as error:
        Network(source, layer, *convs).run(defaultclock.dt)
    assert "is written by" in str(error.value.__cause__ or error.value)


def test_noise_on_kernels_and_in_updates(dtype):
    source, layer = FeatureMap((1, 4, 4), "x : 1"), FeatureMap((8, 2, 2), "u : 1\ny : 1")
    conv = ConvSynapses(
        source,
        layer,
        "w : 1\ndz/dt = xi/ms**0.5 : 1 (clock-driven)",
        update="w += randn()",
        kernel_size=3,
        method="euler",
    )
    Network(source, layer, conv).run(10 * defaultclock.dt)
    assert np.std(conv.w[:]) == pytest.approx(10**0.5, rel=0.5)
    assert np.std(conv.z[:]) == pytest.approx(1, rel=0.5)


def test_a_map_keeps_the_groups_that_its_equations_refer_to():
    layer = FeatureMap((2, 2, 2), "u : 1\nz = u - theta : 1")
    PerChannel(layer, "theta : 1")
    gc.collect()
    Network(layer).run(defaultclock.dt)
    np.testing.assert_array_equal(layer.z[:], 0)
