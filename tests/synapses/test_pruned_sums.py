"""Sums over a kernel of which a mask leaves some elements: to those alone, and by them alone."""

import numpy as np
import pytest
import torch
from brian2 import Network, defaultclock, prefs
from cases import padded_by_torch

from hebbsim import ConvSynapses, FeatureMap
from hebbsim.geometry import ConvGeometry

SHAPE, FILTERS, KERNEL = (6, 9, 11), 34, (3, 2)
GEOMETRIES = {
    "plain": {"batch_size": 19},
    "padded": {"padding": (1, 2), "batch_size": 10},
    "strided": {"stride": (2, 3), "padding": 1, "batch_size": 5},
    "dilated": {"dilation": (2, 1), "groups": 2, "batch_size": 9},
    "reflected": {"padding": 1, "padding_mode": "reflect", "batch_size": 8},
}
#: A correlation, one with weights, and activity alone, silent for the same neurons and not
CHANGE = "y_post*(x_pre - 2*y_post*w) + 3*y_post + 0.5*x_pre"


def build(
    change,
    shape=SHAPE,
    filters=FILTERS,
    kernel=KERNEL,
    *,
    batch_size=3,
    update="w += 0*dw",
    **geometry_kwds,
):
    """Maps with a convolution, whose mask is still to be set."""
    geometry = ConvGeometry(shape, filters, kernel, **geometry_kwds)
    source = FeatureMap(shape, "x : 1\nd : 1", batch_size=batch_size)
    layer = FeatureMap(geometry.out_shape, "u : 1\ny : 1", batch_size=batch_size)
    conv = ConvSynapses(
        source,
        layer,
        f"w : 1\n{change}",
        update=update,
        mask=np.ones(geometry.kernel_shape),
        kernel_size=kernel,
        **geometry_kwds,
    )
    source.set_maps("x", np.random.default_rng(1).standard_normal((batch_size, *shape)))
    return source, layer, conv


def prepare(layer, conv, *, left, active):
    """Draw a mask, weights and activity."""
    rng = np.random.default_rng(7)
    shape = (layer.batch_size, *layer.shape)
    layer.set_maps("y", rng.standard_normal(shape) * (rng.random(shape) < active))
    conv.set_kernel("w", rng.standard_normal(conv.geometry.kernel_shape))
    mask = rng.random(conv.geometry.kernel_shape) < left
    conv.set_mask(mask)
    return mask


def torchs(source, layer, conv):
    """Return what torch sums, from all samples."""
    geometry = conv.geometry
    x, y = (torch.from_numpy(a.astype(float)) for a in (source.get_maps("x"), layer.get_maps("y")))
    x, ones = (
        padded_by_torch(of, geometry.padding, geometry.padding_mode)
        for of in (x, torch.ones_like(x))
    )
    kwds = {name: getattr(geometry, name) for name in ("stride", "dilation", "groups")}

    def correlation(of, with_):
        shape = geometry.kernel_shape
        fitting = [
            (n - 1) * s + d * (k - 1) + 1
            for n, s, d, k in zip(
                with_.shape[2:],
                geometry.stride,
                geometry.dilation,
                geometry.kernel_size,
                strict=True,
            )
        ]
        of = of[:, :, : fitting[0], : fitting[1]]  # what no neuron sees
        return torch.nn.grad.conv2d_weight(of, shape, with_, **kwds).numpy()

    w = conv.get_kernel("w").astype(float)
    return (
        correlation(x, y)
        - 2 * w * correlation(ones, y * y)
        + 3 * correlation(ones, y)
        + 0.5 * correlation(x, torch.ones_like(y))
    )


@pytest.mark.parametrize(("geometry", "threads"), [*zip(GEOMETRIES, (0, 2, 0, 2, 2), strict=True)])
def test_equals_torch(geometry, threads):
    """Few neurons are active, or many; few elements are left, or many, or none."""
    prefs.core.default_float_dtype = np.float64 if threads else np.float32
    prefs.devices.cpp_standalone.openmp_threads = threads
    source, layer, conv = build(f"dw = {CHANGE} : 1 (summed)", **GEOMETRIES[geometry])
    network = Network(source, layer, conv)
    for left, active in ((0.03, 0.01), (0.03, 1), (0.5, 0.01), (0.5, 1), (0, 0.01)):
        mask = prepare(layer, conv, left=left, active=active)
        assert (np.count_nonzero(mask) * conv.sums["dw"].left_from <= mask.size) == (left < 0.5)
        network.run(defaultclock.dt)
        assert conv.sums["dw"].template == "conv_sum_kernel_products"
        found, wanted = conv.get_kernel("dw"), torchs(source, layer, conv) * mask
        np.testing.assert_array_equal(found[~mask], 0)
        atol = (1e-13 if threads else 1e-6) * max(1, np.abs(wanted).max())
        np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)


SUMS = {
    "separable": f"dw = {CHANGE} : 1 (summed)",
    "not separable": "dw = tanh(y_post*x_pre + w) : 1 (summed)",
    "over channels": "xh = y_post*w : 1 (cumulative)\ndw = y_post*(x_pre - xh) : 1 (summed)",
}


def test_what_is_left_is_summed_to_on_every_target(target):
    """As if all were left; what a mask leaves out is 0."""
    shape, filters, kernel = (2, 5, 4), 3, 2
    pairs, objects = [], []
    for change in SUMS.values():
        source, layer, whole = build(change, shape, filters, kernel, padding=1)
        prepare(layer, whole, left=1.1, active=1)
        mask = np.random.default_rng(5).random(whole.geometry.kernel_shape) < 0.3
        pruned = ConvSynapses(
            source,
            layer,
            f"w : 1\n{change}",
            update="w += 0*dw",
            mask=mask,
            kernel_size=kernel,
            padding=1,
        )
        pruned.set_kernel("w", np.random.default_rng(3).standard_normal(mask.shape))
        whole.set_kernel("w", np.random.default_rng(3).standard_normal(mask.shape) * mask)
        objects += [source, layer, whole, pruned]
        pairs.append((whole, pruned))
    Network(objects).run(defaultclock.dt)
    for change, (whole, pruned) in zip(SUMS, pairs, strict=True):
        found, all_ = pruned.get_kernel("dw"), whole.get_kernel("dw")
        assert np.count_nonzero(all_) == all_.size, change
        left = pruned.get_kernel("mask")
        np.testing.assert_allclose(found, all_ * left, rtol=0, atol=1e-13, err_msg=change)


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime"], indirect=True)
@pytest.mark.parametrize("change", ["-y_post*x_pre*log(w)", "tanh(y_post*x_pre)*log(w)"])
def test_a_change_that_is_infinite_where_a_weight_is_0(target, change):
    """A pruned weight is; a bound keeps the others."""
    source, layer, conv = build(
        f"dw = {change} : 1 (summed)", update="w = clip(w + dw, 0.1, 1)*mask"
    )
    mask = prepare(layer, conv, left=0.3, active=1)
    conv.w = "0.5*mask"
    with np.errstate(divide="ignore", invalid="ignore"):
        Network(source, layer, conv).run(defaultclock.dt)
    np.testing.assert_array_equal(conv.get_kernel("dw")[~mask], 0)
    np.testing.assert_array_equal(conv.get_kernel("w")[~mask], 0)


#: What else reads a sum, and whether it is left out where the weight is pruned
READERS = {
    "nothing": ("", "w += dw", {}, True),
    "the weight alone, by a maximum": (
        "largest = dw : 1 (maximum over kernel)",
        "w += dw/largest",
        {},
        True,
    ),
    "the weight alone, by its name": ("change = 2*dw : 1", "w += change", {}, True),
    "another weight": ("v : 1", "w += dw\nv += dw", {}, False),
    "another weight, by its name": ("v : 1\nchange = 2*dw : 1", "w += dw\nv += change", {}, False),
    "another weight, by a mean": (
        "v : 1\nm = dw : 1 (mean over filter)",
        "w += dw\nv += m",
        {},
        False,
    ),
    "an equation": ("dv/dt = dw/second : 1", "w += dw", {}, False),
    "neurons": ("u_post = dw*x_pre : 1 (summed)", "w += dw", {}, False),
    "a pathway": ("", "w += dw", {"on_pre": "u_post += dw"}, False),
    "nobody": ("", "w += 0", {}, False),
}


@pytest.mark.parametrize("reader", READERS)
def test_only_what_serves_the_pruned_weight_alone_is_left_out(reader):
    prefs.codegen.target = "numpy"
    model, update, kwds, left_out = READERS[reader]
    source = FeatureMap((2, 5, 4), "x : 1", threshold="x > 2")
    layer = FeatureMap((3, 4, 3), "u : 1\ny : 1")
    conv = ConvSynapses(
        source,
        layer,
        f"w : 1\ndw = y_post*x_pre : 1 (summed)\n{model}",
        update=update,
        mask=np.ones((3, 2, 2, 2)),
        kernel_size=2,
        **kwds,
    )
    mask = np.random.default_rng(2).random((3, 2, 2, 2)) < 0.3
    conv.set_mask(mask)
    source.x, layer.y = 1, 1
    Network(source, layer, conv).run(defaultclock.dt)
    np.testing.assert_array_equal(conv.get_kernel("dw") == 0, ~mask & left_out)


def test_explicit_synapses_leave_out_the_same():
    """So that the largest change is that of a weight that is there."""
    prefs.codegen.target = "numpy"
    found = []
    for explicit in (False, True):
        change = "dw = y_post*x_pre : 1 (summed)\nlargest = abs(dw) : 1 (maximum over kernel)"
        source, layer, conv = build(change, (2, 5, 4), 3, 2, update="w += dw/largest")
        prepare(layer, conv, left=0.2, active=1)
        Network(source, layer, conv.to_synapses() if explicit else conv).run(defaultclock.dt)
        found.append([conv.get_kernel("w"), float(np.asarray(conv.largest[:]))])
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=0, atol=1e-13)
    assert found[0][1] == pytest.approx(found[1][1])
    assert found[0][1] == pytest.approx(np.abs(conv.get_kernel("dw")).max())


def test_all_can_be_visited_instead():
    """The same is learned, by other loops."""
    found = []
    for visits_all in (False, True):
        source, layer, conv = build(
            f"u_post = w*x_pre : 1 (summed)\ndw = {CHANGE} : 1 (summed)", update="w += 0.1*dw"
        )
        prepare(layer, conv, left=0.03, active=0.01)
        for total in conv.sums.values() if visits_all else ():
            total.visit_all()
        Network(source, layer, conv).run(2 * defaultclock.dt)
        found.append(conv.get_kernel("w"))
        assert (conv.sums["u_post"].template == "conv_sum_post_sparse") != visits_all
        assert conv.sums["dw"].template_kwds["lists_elements"] != visits_all
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("geometry", "threads"), [*zip(GEOMETRIES, (2, 0, 2, 0, 2), strict=True)])
def test_feedback_equals_torch(geometry, threads):
    """Few weights are left, or many, or none."""
    prefs.core.default_float_dtype = np.float64 if threads else np.float32
    prefs.devices.cpp_standalone.openmp_threads = threads
    source, layer, conv = build(
        "d_pre = w*y_post : 1 (summed)", (8, 9, 11), update="w += 0", **GEOMETRIES[geometry]
    )
    network = Network(source, layer, conv)
    kwds = {name: getattr(conv.geometry, name) for name in ("stride", "dilation", "groups")}
    for left in (0.01, 0.7, 0):
        mask = prepare(layer, conv, left=left, active=1)
        total = conv.sums["d_pre"]
        assert (np.count_nonzero(mask) * total.sparse_from <= mask.size) == (left < 0.7)
        network.run(defaultclock.dt)
        assert total.template == "conv_sum_pre_product"
        assert total.template_kwds["_listed_var"] is conv.variables["w"]
        y, w = (
            torch.from_numpy(a.astype(float)) for a in (layer.get_maps("y"), conv.get_kernel("w"))
        )
        x = torch.zeros(source.get_maps("x").shape, dtype=torch.float64, requires_grad=True)
        padded = padded_by_torch(x, conv.geometry.padding, conv.geometry.padding_mode)
        torch.nn.functional.conv2d(padded, w, **kwds).backward(y)
        wanted = x.grad.numpy()
        atol = (1e-13 if threads else 1e-6) * max(1, np.abs(wanted).max())
        np.testing.assert_allclose(source.get_maps("d"), wanted, rtol=0, atol=atol)


def test_feedback_through_kernels_of_each_position():
    found = {}
    for target in ("numpy", "auto"):
        prefs.codegen.target = target
        source, layer, conv = build(
            "d_pre = tanh(w*y_post) : 1 (summed)",
            update="w += 0",
            padding=1,
            groups=2,
            weight_sharing=False,
        )
        prepare(layer, conv, left=0.03, active=1)
        Network(source, layer, conv).run(defaultclock.dt)
        found[target] = source.get_maps("d")
    assert conv.sums["d_pre"].template_kwds["_listed_var"] is conv.variables["w"]
    assert np.count_nonzero(found["numpy"]) > 100
    np.testing.assert_allclose(found["auto"], found["numpy"], rtol=0, atol=1e-13)


def test_it_is_explained():
    text = str(build(f"dw = {CHANGE} : 1 (summed)")[-1].explain())
    assert "operations each, fewer if no more than 1 element of 16 is left" in text
    assert "0 where the mask is 0" in text
