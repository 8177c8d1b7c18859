"""Sums over connections equal the explicit synapses and torch, on every target."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from brian2 import Network, defaultclock, prefs
from brian2.core.base import BrianObjectException
from cases import Case, padded_by_torch, random_case

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.geometry import ConvGeometry
from hebbsim.maps.per_channel_sample_position import PerChannel

SEEDS = range(16)
TOLERANCE = {np.float64: 1e-12, np.float32: 2e-5}


def simulate(cases, explicit=False):
    """Run one step of all cases in one network; return drive, feedback, change and weight."""
    built = [case.build(number) for number, case in enumerate(cases)]
    runs = [(*rest, conv.to_synapses() if explicit else conv) for *rest, conv in built]
    Network(*[obj for objects in runs for obj in objects]).run(defaultclock.dt)
    return [
        (target.get_maps("u"), source.get_maps("d"), conv.get_kernel("dw"), conv.get_kernel("w"))
        for source, target, _, conv in built
    ]


# Of the module, so that it runs before a test's own `target` is set: a standalone device
# runs one network.
@pytest.fixture(scope="module")
def explicit_results():
    target = prefs.codegen.target
    prefs.codegen.target = "numpy"
    found = simulate([random_case(seed) for seed in SEEDS], explicit=True)
    prefs.codegen.target = target
    return found


def assert_close(actual, expected, tolerance, what):
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale, err_msg=what)


def test_explicit_synapses_equal_torch(explicit_results):
    for seed, found in zip(SEEDS, explicit_results, strict=True):
        case = random_case(seed)
        for name, ours, theirs in zip(["u", "d", "dw"], found, case.expected(), strict=False):
            assert_close(ours, theirs, 1e-12, f"seed {seed}: {name} of {case.geometry}")


def test_sums_equal_explicit_synapses_and_torch(explicit_results, dtype, target):
    cases = [random_case(seed) for seed in SEEDS]
    for case, found, explicit in zip(cases, simulate(cases), explicit_results, strict=True):
        for name, ours, theirs, torchs in zip(
            ["u", "d", "dw"], found, explicit, case.expected(), strict=False
        ):
            assert ours.dtype == dtype
            message = f"seed {case.seed}: {name} of {case.geometry}"
            assert_close(ours, theirs, TOLERANCE[dtype], message)
            assert_close(ours, torchs, TOLERANCE[dtype], message)
        assert_close(found[3], explicit[3], TOLERANCE[dtype], f"seed {case.seed}: w")


def test_drive_and_feedback_are_conv2d_and_its_gradient(target):
    geometry = ConvGeometry((4, 11, 9), 6, (3, 2), (2, 1), (1, 2), (1, 2), 2)
    case = Case(geometry, 3, "y*x", seed=5)
    ((u, d, dw, _),) = simulate([case])
    x = torch.tensor(case.state["x"], requires_grad=True)
    w = torch.tensor(case.state["w"], requires_grad=True)
    out = F.conv2d(x, w, None, (2, 1), (1, 2), (1, 2), 2)
    (out * torch.tensor(case.state["y"])).sum().backward()
    assert_close(u, out.detach().numpy(), 1e-13, "drive")
    assert_close(d, x.grad.numpy(), 1e-13, "feedback")
    assert_close(dw, w.grad.numpy(), 1e-13, "Hebb")


# Surrogate losses of Miconi 2021: minus their gradient is the rule, once the surrogate output
# `g` has its value replaced by the real y (section "Hebbian learning with gradients").
SURROGATES = {
    "Hebb": lambda wx, norm, y: wx,
    "Instar": lambda wx, norm, y: wx - norm / 2,
    "Oja": lambda wx, norm, y: wx - y * norm / 2,
}


def test_change_is_minus_the_gradient_of_the_published_loss(target, dtype):
    geometry = ConvGeometry((3, 10, 8), 5, 3)
    cases = [Case(geometry, 4, "", rule=getattr(rules, n)(0.01), seed=1) for n in SURROGATES]
    for case in cases:
        case.state["y"] = np.maximum(case.state["y"], 0)
    found = simulate(cases)
    for name, case, (_, _, dw, w_after) in zip(SURROGATES, cases, found, strict=True):
        x, y, w = (torch.tensor(case.state[n]) for n in "xyw")
        w.requires_grad_(True)
        norm = (w**2).sum((1, 2, 3))[:, None, None]
        g = SURROGATES[name](F.conv2d(x, w), norm, y)
        g = g + (y - g).detach()  # the surrogate's gradient, the real output's value
        (-(g**2) / 2).sum().backward()
        assert_close(dw, -w.grad.numpy(), TOLERANCE[dtype], name)
        expected = w.detach().numpy() - 0.01 * w.grad.numpy()
        assert_close(w_after, expected, TOLERANCE[dtype], name)


#: Modes of padding; but with zeros, border neurons are joined by several kernel elements
MODES = ("zeros", "circular", "reflect", "replicate")


def sangers_cases():
    geometry = ConvGeometry((2, 6, 5), 6, (3, 2), 1, (1, 0), 1, 2)
    return [
        Case(replace(geometry, padding_mode=mode), 2, "", rule=rules.Sanger(0.01), seed=2)
        for mode in MODES
    ]


def test_sanger_equals_the_matrix_form(target, dtype):
    cases = sangers_cases()
    for case, (_, _, dw, _) in zip(cases, simulate(cases), strict=True):
        expected = sangers_change(case)
        assert_close(dw, expected, TOLERANCE[dtype], f"Sanger, {case.geometry.padding_mode}")


def sangers_change(case):
    """Return Sanger's rule as a matrix product, for two groups of three channels."""
    geometry, mode = case.geometry, case.geometry.padding_mode
    x, y, w = (torch.tensor(case.state[n]) for n in "xyw")
    w.requires_grad_(True)
    (F.conv2d(padded_by_torch(x, (1, 0), mode), w, groups=2) * y).sum().backward()
    hebb = w.grad.numpy()
    # minus LT[y y'] w, position by position: padding with zeros has no synapses, takes no part
    inside = padded_by_torch(torch.ones(1, 1, 6, 5, dtype=torch.float64), (1, 0), mode)
    inside = F.unfold(inside, (3, 2))[0]
    activity = y.reshape(2, 2, 3, -1)
    weights = w.detach().reshape(2, 3, 2 // 2, 6)
    lower = torch.tril(torch.ones(3, 3, dtype=torch.float64))
    lateral = torch.einsum("bgip,bgjp,tp,ij,gjct->gict", activity, activity, inside, lower, weights)
    return hebb - lateral.reshape(geometry.kernel_shape).numpy()


def test_explicit_sanger():
    cases = sangers_cases()
    prefs.codegen.target = "numpy"
    for ours, explicit in zip(simulate(cases), simulate(cases, explicit=True), strict=True):
        for a, b in zip(ours, explicit, strict=True):
            assert_close(a, b, 1e-12, "Sanger")


def test_padding_that_shows_the_map_again(target, dtype):
    """Kernels wider than a ring, steps, gaps, blocks of channels, kernels of each position."""
    shapes = [
        # in_shape, out_channels, kernel_size, stride, padding, dilation, groups, shared, mode
        ((2, 4, 3), 6, (4, 5), 1, (3, 2), 1, 2, True, "circular"),
        ((3, 5, 4), 4, (3, 2), (2, 1), (2, 3), (2, 1), 1, False, "reflect"),
        ((2, 3, 4), 3, (3, 2), 1, (3, 1), 1, 1, False, "circular"),
        ((1, 7, 1), 9, (3, 2), 2, (0, 2), 1, 1, True, "replicate"),
    ]
    cases = [
        Case(ConvGeometry(*shape), 2, "y*(x - y*w)", rule=rules.Oja(0.01), seed=number + 7)
        for number, shape in enumerate(shapes)
    ]
    for case, found in zip(cases, simulate(cases), strict=True):
        for name, ours, theirs in zip(["u", "d", "dw"], found, case.expected(), strict=False):
            assert_close(ours, theirs, TOLERANCE[dtype], f"{name} of {case.geometry}")


def test_a_wave_goes_around_a_ring(target):
    """Each neuron takes the value of its neighbour on the left; after 5 steps all are home."""
    ring = FeatureMap((1, 1, 5), "x = u : 1\nu : 1")
    kwds = {"kernel_size": (1, 3), "padding": (0, 1), "padding_mode": "circular"}
    conv = ConvSynapses(ring, ring, "w : 1\nu_post = w*x_pre : 1 (summed)", **kwds)
    conv.set_kernel("w", np.array([1, 0, 0]).reshape(1, 1, 1, 3))
    ring.set_maps("u", np.array([[[3, 0, 0, 0, 7]]]))
    Network(ring, conv).run(4 * defaultclock.dt)
    np.testing.assert_array_equal(ring.get_maps("u").ravel(), [0, 0, 0, 7, 3])


def channel_rule(kind, explicit=False):
    """Yield the objects of a rule that follows running means per channel, then what it learned."""
    rng = np.random.default_rng(8)
    rule = getattr(rules, kind)(0.01)
    label = f"{kind.lower()}{int(explicit)}"
    source = FeatureMap((3, 6, 5), "x : 1", batch_size=2, name=f"cs{label}")
    layer = FeatureMap((4, 5, 4), "u : 1\ny : 1", batch_size=2, name=f"cl{label}")
    traces = {}
    for side, group in (("pre", source), ("post", layer)):
        model = getattr(rule, f"{side}_channels")
        if model:
            parameters = rule.parameters
            traces[side] = PerChannel(
                group, model, method="exact", namespace=parameters, name=f"c{side}{label}"
            )
    conv = ConvSynapses(source, layer, kernel_size=2, rule=rule, name=f"cc{label}")
    x, y = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((2, 4, 5, 4))
    source.set_maps("x", x)
    layer.set_maps("y", y)
    conv.set_kernel("w", rng.standard_normal((4, 3, 2, 2)))
    # the traces start where their input is, and so stay
    start = {"BCM": {"post": ("theta_m", "y_square", (y**2).mean((0, 2, 3)))}}.get(
        kind,
        {
            "pre": ("x_mean", "x_now", x.mean((0, 2, 3))),
            "post": ("y_mean", "y_now", y.mean((0, 2, 3))),
        },
    )
    for side, (trace, now, values) in start.items():
        setattr(traces[side], trace, values)
        setattr(traces[side], now, values)
    yield [source, layer, conv.to_synapses() if explicit else conv, *traces.values()]
    yield conv, x, y, {side: values[:, None, None] for side, (_, _, values) in start.items()}


def run_scenes(*scenes):
    """Run all of them in one network; return what each found."""
    Network(*[obj for scene in scenes for obj in next(scene)]).run(defaultclock.dt)
    return [next(scene) for scene in scenes]


def test_rules_with_channel_traces(target, dtype):
    kinds = ["BCM", "Covariance"]
    scenes = run_scenes(*map(channel_rule, kinds))
    for kind, (conv, x, y, means) in zip(kinds, scenes, strict=True):
        w = torch.zeros(4, 3, 2, 2, dtype=torch.float64, requires_grad=True)
        if kind == "BCM":
            pre, post = x, y * (y - means["post"])
        else:
            pre, post = x - means["pre"], y - means["post"]
        (F.conv2d(torch.tensor(pre), w) * torch.tensor(post)).sum().backward()
        assert_close(conv.get_kernel("dw"), w.grad.numpy(), TOLERANCE[dtype], kind)


@pytest.mark.parametrize("kind", ["BCM", "Covariance"])
def test_rules_with_channel_traces_equal_explicit_synapses(kind):
    prefs.codegen.target = "numpy"
    found = run_scenes(channel_rule(kind), channel_rule(kind, explicit=True))
    ours, explicit = (conv for conv, *_ in found)
    for name in ("dw", "w"):
        assert_close(ours.get_kernel(name), explicit.get_kernel(name), 1e-12, f"{kind} {name}")


def test_explicit_synapses_run_on_every_target(target):
    """The oracle itself is not tied to numpy: three steps with learning agree."""
    geometry = ConvGeometry((1, 5, 4), 3, 2)
    explicit, ours = (Case(geometry, 2, "", rule=rules.Oja(0.02), seed=3) for _ in range(2))
    objects = [*explicit.build("a"), *ours.build("b")]
    oracle = objects[3].to_synapses()
    Network(*objects[:3], oracle, *objects[4:]).run(3 * defaultclock.dt)
    assert_close(objects[7].get_kernel("w"), objects[3].get_kernel("w"), 1e-12, "w")
    assert_close(objects[5].get_maps("u"), objects[1].get_maps("u"), 1e-12, "u")


def test_threads_do_not_change_the_result():
    before = prefs.devices.cpp_standalone.openmp_threads
    results = []
    try:
        for threads in (1, 2, 2):
            prefs.devices.cpp_standalone.openmp_threads = threads
            results.append(simulate([random_case(seed) for seed in range(4)]))
    finally:
        prefs.devices.cpp_standalone.openmp_threads = before
    for one, two, again in zip(*results, strict=True):
        for a, b, c in zip(one, two, again, strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(b, c)


@pytest.mark.parametrize(
    ("padding", "dtype"), [(0, np.float64), (1, np.float32)], indirect=["dtype"]
)
def test_each_product_visits_what_is_active_in_it(padding, dtype):
    """Spikes are few where a trace is nowhere zero, and a decay has no neurons."""
    rng, size = np.random.default_rng(3), 10 + 2 * padding - 2
    source = FeatureMap((2, 10, 10), "s : 1\nx : 1", batch_size=2)
    layer = FeatureMap((5, size, size), "s : 1\ny : 1", batch_size=2)
    model = "w : 1\ndw = x_pre*s_post - 2*s_pre*y_post - s_post*s_post*w - 3*w : 1 (summed)"
    conv = ConvSynapses(source, layer, model, kernel_size=3, padding=padding)
    of_pre, of_post = (2, *source.shape), (2, *layer.shape)
    values = {"s": rng.random(of_pre) < 0.1, "x": rng.random(of_pre)}
    spikes, trace, kernel = (
        rng.random(of_post) < 0.01,
        rng.random(of_post),
        rng.random((5, 2, 3, 3)),
    )
    spikes[:, :, :4, :4] = False
    values["x"][:, :, 0, 0] = 0
    source.set_maps("s", values["s"])
    source.set_maps("x", values["x"])
    source.x["row == 0 and col == 0"] = np.inf  # which no spike meets
    layer.set_maps("s", spikes)
    layer.set_maps("y", trace)
    conv.set_kernel("w", kernel)
    Network(source, layer, conv).run(defaultclock.dt)

    x, s, o, y = (torch.tensor(a, dtype=float) for a in (values["x"], values["s"], spikes, trace))
    padded = [F.pad(a, [padding] * 4) for a in (x, s, torch.ones_like(x))]
    with_x, with_s, places = (
        torch.nn.grad.conv2d_weight(a, kernel.shape, b)
        for a, b in zip(padded, (o, y, torch.ones_like(o)), strict=True)
    )
    squares = torch.nn.grad.conv2d_weight(padded[2], kernel.shape, o)
    expected = with_x - 2 * with_s - (squares + 3 * places) * torch.tensor(kernel)
    assert_close(conv.get_kernel("dw"), expected.numpy(), TOLERANCE[dtype], "dw")


def test_explicit_synapses_store_every_connection():
    source = FeatureMap((1, 28, 28), "x : 1")
    layer = FeatureMap((32, 24, 24), "u : 1\ny : 1")
    conv = ConvSynapses(source, layer, kernel_size=5, rule=rules.Oja())
    synapses = conv.to_synapses()
    assert len(synapses) == conv.geometry.n_connections == 460_800
    assert len(conv) == 800
    prefs.codegen.target = "numpy"
    Network(source, layer, synapses).run(0 * defaultclock.dt)


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("channels", [8, 13, 33])
@pytest.mark.parametrize("recurrent", [False, True])
def test_connections_that_read_what_they_sum_to_see_it_as_it_was(recurrent, channels, threads):
    prefs.devices.cpp_standalone.openmp_threads = threads
    found = []
    for target in ("numpy", "auto"):
        prefs.codegen.target = target
        layer = FeatureMap((channels, 6, 5), "u : 1\nx = tanh(u) : 1\ng : 1", batch_size=2)
        source = layer if recurrent else FeatureMap((3, 6, 5), "g : 1", batch_size=2)
        text = "w*x_pre" if recurrent else "w*g_pre*(1 - x_post)"
        model = f"w : 1\nu_post = {text} : 1 (summed)"
        conv = ConvSynapses(source, layer, model, kernel_size=3, padding=1)
        rng = np.random.default_rng(3)
        for group, name in ((source, "g"), (layer, "u")):
            group.set_maps(name, rng.standard_normal((2, *group.shape)))
        conv.set_kernel("w", rng.standard_normal(conv.geometry.kernel_shape))
        Network({layer, source, conv}).run(2 * defaultclock.dt)
        found.append(layer.get_maps("u"))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12, atol=1e-12)


def test_noise_in_a_subexpression_is_refused_too():
    source, layer = FeatureMap((1, 4, 4), "x : 1"), FeatureMap((2, 2, 2), "u : 1")
    model = "w : 1\nnoise = rand() : 1\nu_post = w*x_pre*noise : 1 (summed)"
    conv = ConvSynapses(source, layer, model, kernel_size=3)
    with pytest.raises(BrianObjectException) as error:
        Network(source, layer, conv).run(defaultclock.dt)
    assert "rand() for every term of a sum" in str(error.value.__cause__)
