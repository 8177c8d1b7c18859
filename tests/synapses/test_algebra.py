"""What separates into products, and that it means the same."""

import numpy as np
import pytest
from brian2 import Network, defaultclock, prefs
from hypothesis import given
from hypothesis import strategies as st

from hebbsim import ConvSynapses, FeatureMap, conv_output_shape
from hebbsim.synapses.algebra import Product, separate

NAMES = ("x_pre", "m_pre", "y_post", "z_post", "w", "b")


def side(name):
    return {"x": "pre", "m": "pre", "y": "post", "z": "post"}.get(name[0], "kernel")


@pytest.mark.parametrize(
    ("expression", "products"),
    [
        ("y_post*x_pre", [("x_pre", "y_post", "1")]),
        ("y_post*(x_pre - w)", [("x_pre", "y_post", "1"), ("1", "y_post", "-w")]),
        ("y_post*(x_pre - y_post*w)", [("x_pre", "y_post", "1"), ("1", "y_post*y_post", "-w")]),
        ("x_pre*y_post*(y_post - z_post)", [("x_pre", "y_post*(y_post - z_post)", "1")]),
        ("x_pre*tanh(y_post)**2/(1 + w)", [("x_pre", "tanh(y_post)**2", "1/(w + 1)")]),
        ("-0.1*w", [("1", "1", "-0.1*w")]),
    ],
)
def test_rules_separate(expression, products):
    assert list(separate(expression, side)) == [Product(*p) for p in products]


@pytest.mark.parametrize(
    ("expression", "product"),
    [
        ("w*(y_post/unit)**4", Product("1", "(y_post/unit)**4", "w")),
        ("w*(y_post/unit)**2", Product("1", "(y_post/unit)*(y_post/unit)", "w")),
        ("(x_pre/unit)**3*w**2", Product("(x_pre/unit)*(x_pre/unit)*(x_pre/unit)", "1", "w*w")),
        (
            "w*(x_pre/unit)**2*(y_post/unit)**2",
            Product("(x_pre/unit)*(x_pre/unit)", "(y_post/unit)*(y_post/unit)", "w"),
        ),
        ("w*y_post/unit", Product("1", "y_post", "w/unit")),
        ("w*(3*y_post)**4", Product("1", "y_post**4", "81*w")),
    ],
)
def test_powers_of_ratios_stay_whole(expression, product):
    """In single precision a power of a small current may be 0, and that of its unit infinite."""
    assert separate(expression, lambda name: "constant" if name == "unit" else side(name)) == (
        product,
    )


def test_deviations_from_a_mean_are_not_multiplied_out():
    """They would lose their precision: the mean of squares minus the square of the mean."""
    (product,) = separate("(x_pre - m_pre)*(y_post - z_post)", side)
    assert product.kernel == "1"
    assert "m_pre" in product.pre
    assert "z_post" in product.post


@pytest.mark.parametrize(
    "expression",
    [
        "x_pre - x_pre",
        "exp(-(x_pre - w)**2)",
        "int(x_pre > w)*y_post",
        "sqrt(x_pre + y_post)",
        "y_post*(x_pre-w)**4",
    ],
)
def test_what_mixes_the_sides_stays_whole(expression):
    assert separate(expression, side) is None


@st.composite
def expressions(draw, depth=3):
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from([*NAMES, "2.5", "x_pre**2", "tanh(y_post)"]))
    left, right = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    return f"({left} {draw(st.sampled_from('+-*'))} {right})"


@given(expressions(), st.integers(0, 1000))
def test_separated_is_the_same(expression, seed):
    products = separate(expression, side)
    if products is None:
        return
    values = dict(zip(NAMES, np.random.default_rng(seed).standard_normal(len(NAMES)), strict=True))
    names = {**values, "tanh": np.tanh}
    for product in products:
        for text, of in ((product.pre, "pre"), (product.post, "post"), (product.kernel, "kernel")):
            assert {side(n) for n in NAMES if n in text} <= {of}
    found = sum(eval(str(p), names) for p in products)
    assert found == pytest.approx(eval(expression, names), abs=1e-9)


RULES = {
    "instar": "y_post*(x_pre - w)",
    "oja": "y_post*(x_pre - y_post*w)",
    "two products": "y_post*x_pre - y_post**2*x_pre**2 + 0.1*y_post*w",
    "threshold": "x_pre*clip(y_post - 0.5, 0, inf)",
    "everywhere": "y_post*x_pre - 0.01*w",
    "whole": "y_post*exp(-(x_pre - w)**2)",
    "shared by both sides": "(x_pre - eta)*tanh(y_post - eta)",
    "nothing": "0*x_pre + y_post*x_pre - x_pre*y_post",
    "decided comparison": "y_post*int(t >= 0*second)*x_pre",
    "of each sample": "y_post*trace_e*x_pre",
}


@pytest.mark.parametrize("density", [0, 0.02, 0.5, 1])
@pytest.mark.parametrize("padding", [0, (1, 0), (0, 2)])
@pytest.mark.parametrize("text", RULES.values(), ids=RULES)
def test_few_and_many_active_neurons_give_what_numpy_gives(text, padding, density):
    compare_with_numpy(text, density, padding=padding)


@pytest.mark.parametrize("density", [0.02, 1])
@pytest.mark.parametrize(
    ("padding", "mode"), [((1, 0), "circular"), ((2, 1), "reflect"), ((0, 3), "replicate")]
)
@pytest.mark.parametrize("name", ["oja", "everywhere"])
def test_active_neurons_by_padding_that_shows_the_map_again(name, padding, mode, density):
    compare_with_numpy(RULES[name], density, padding=padding, padding_mode=mode)


def compare_with_numpy(text, density, **geometry):
    """Sum a rule to the kernel in C++ and in numpy, with a share of the neurons active."""
    rng = np.random.default_rng(4)
    shape = conv_output_shape((3, 9, 8), 40, (3, 2), **geometry)
    x, y = rng.standard_normal((2, 3, 9, 8)), rng.standard_normal((2, *shape))
    y *= rng.random(y.shape) < density
    kernel = rng.standard_normal((40, 3, 3, 2))
    found = []
    for target in ("numpy", "auto"):
        prefs.codegen.target = target
        source = FeatureMap((3, 9, 8), "x : 1", batch_size=2)
        layer = FeatureMap(shape, "y : 1", batch_size=2)
        model = f"w : 1\neta : 1 (shared)\ntrace_e : 1 (per sample)\ndw = {text} : 1 (summed)"
        conv = ConvSynapses(source, layer, model, kernel_size=(3, 2), **geometry)
        source.set_maps("x", x)
        layer.set_maps("y", y)
        conv.set_kernel("w", kernel)
        conv.eta = 0.3
        conv.samples.trace_e = "0.1 + (i % 7)"
        Network(source, layer, conv).run(defaultclock.dt)
        found.append(conv.get_kernel("dw"))
    scale = max(1, np.abs(found[0]).max())
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("groups", [1, 2])
def test_dense_sums_over_chunks_of_samples(groups, threads):
    """Of many samples, which pass through the cache a few at a time, on any number of threads."""
    prefs.devices.cpp_standalone.openmp_threads = threads
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((26, 20, 14, 14)), rng.standard_normal((26, 26, 12, 12))
    kernel = rng.standard_normal((26, 20 // groups, 3, 3))
    source = FeatureMap((20, 14, 14), "x : 1", batch_size=26)
    layer = FeatureMap((26, 12, 12), "u : 1\ny : 1", batch_size=26)
    model = """w : 1
    u_post = w*x_pre : 1 (summed)
    dw = y_post*(x_pre - y_post*w) : 1 (summed)"""
    conv = ConvSynapses(source, layer, model, kernel_size=3, groups=groups)
    source.set_maps("x", x)
    layer.set_maps("y", y)
    conv.set_kernel("w", kernel)
    Network(source, layer, conv).run(defaultclock.dt)
    patches = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    blocks = [np.split(array, groups, axis) for array, axis in ((patches, 1), (y, 1), (kernel, 0))]
    drive, change = [], []
    for inputs, active, weights in zip(*blocks, strict=True):
        drive.append(np.einsum("birckl,nikl->bnrc", inputs, weights, optimize=True))
        product = np.einsum("birckl,bnrc->nikl", inputs, active, optimize=True)
        squares = (active**2).sum(axis=(0, 2, 3))
        change.append(product - squares[:, None, None, None] * weights)
    np.testing.assert_allclose(layer.get_maps("u"), np.concatenate(drive, axis=1), atol=1e-11)
    np.testing.assert_allclose(conv.get_kernel("dw"), np.concatenate(change), atol=1e-9)
