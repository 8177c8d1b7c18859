"""What a user gives as an array means its values, however they lie in memory."""

from functools import cache

import numpy as np
import pytest
import torch
from brian2 import (
    Network,
    StateMonitor,
    TimedArray,
    check_units,
    defaultclock,
    implementation,
    ms,
)
from conftest import choose_target
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layout_cases import layouts

from hebbsim import (
    Assign,
    ConvLayer,
    ConvNetwork,
    ConvSynapses,
    FeatureMap,
    PerChannel,
    PoissonEncoder,
    SpikingLayer,
    SpikingNetwork,
    StoredImages,
    decode,
    rules,
)
from hebbsim.data.dataset import ImageDataset, as_float
from hebbsim.data.filters import difference_of_gaussians, on_off_channels, standardize
from hebbsim.data.zca import ZCA

IMAGES = np.random.default_rng(0).integers(0, 2, (4, 2, 3, 5)).astype(float)
KERNEL = np.random.default_rng(1).integers(0, 2, (3, 2, 2, 3)).astype(float)
LABELS = np.array([0, 1, 1, 0])
TABLE = np.array([3.0, 1.0, 4.0, 1.0, 5.0])


def few(examples):
    quiet = [HealthCheck.function_scoped_fixture]  # nothing of a fixture is changed
    return settings(max_examples=examples, deadline=None, suppress_health_check=quiet)


def set_maps(images, model="x : 1"):
    layer = FeatureMap((2, 3, 5), model, batch_size=4)
    layer.set_maps("x", images)
    return layer.get_maps("x")


def convolution(**kwds):
    source = FeatureMap((2, 3, 5), "x : 1", threshold="x > 1")
    target = FeatureMap((3, 2, 3), "u : 1\ny : 1")
    return ConvSynapses(source, target, kernel_size=(2, 3), **kwds)


def set_kernel(kernel):
    conv = convolution(model="w : 1")
    conv.set_kernel("w", kernel)
    return conv.get_kernel("w")


def mask(values):
    return convolution(rule=rules.Hebb(0.1), mask=values).get_kernel("mask")


def delay(values):
    conv = convolution(model="w : 1", on_pre="u_post += w", delay=np.multiply(values, 1.0) * ms)
    return conv.get_kernel("delay") / ms


def per_channel(values):
    group = PerChannel(FeatureMap((5, 1, 1), "u : 1"), "theta : 1")
    group.theta = values
    return group.theta[:]


def show(images, order=None):
    layer = FeatureMap((2, 3, 5), "x : 1", batch_size=4)
    StoredImages(layer, images, order=order)
    stored, numbers = (layer.variables[f"_{kept}_of_x"].get_value() for kept in ("images", "order"))
    return stored.reshape(-1, 3, 5, 2)[numbers]


def encode(images):
    encoder = PoissonEncoder((2, 3, 5), batch_size=4)
    encoder.set_maps(encoder.intensity_variable, images)
    return encoder.get_maps(encoder.intensity_variable)


def fit(network, images):
    return network.fit(images, epochs=1, progress=False).stages[0].conv.get_kernel("w")


def rate_network():
    return ConvNetwork((2, 3, 5), [ConvLayer(3, (2, 3), rules.Oja())], batch_size=2)


def rate_features(images):
    return rate_network().transform(images)


def spiking_network():
    layer = SpikingLayer(3, (2, 3), rules.PairSTDP(mu=1))
    return SpikingNetwork((2, 3, 5), [layer], batch_size=2, duration=1 * ms)


def dataset(images, labels=LABELS):
    return ImageDataset("d", images, labels, images, labels, ("a", "b"))


#: What takes real numbers and integers
ANY = {
    "set_maps": (set_maps, IMAGES),
    "set_maps of integers": (lambda a: set_maps(a, "x : integer"), IMAGES),
    "an encoder": (encode, IMAGES),
    "set_kernel": (set_kernel, KERNEL),
    "a mask": (mask, KERNEL),
    "delays": (delay, KERNEL),
    "a variable per channel": (per_channel, TABLE),
    "decode": (lambda a: decode(a, LABELS, a, LABELS), IMAGES),
}
#: What takes images of real numbers
REAL = {
    "as_float": (as_float, IMAGES),
    "a data set": (lambda a: dataset(a).train_images, IMAGES),
    "StoredImages": (show, IMAGES),
}
#: What takes images of float32 and float64
FLOAT = {
    "standardize": (standardize, IMAGES),
    "difference_of_gaussians": (difference_of_gaussians, IMAGES),
    "on_off_channels": (on_off_channels, IMAGES),
    "ZCA": (ZCA(epsilon=1.0).fit_transform, IMAGES),
}
#: What takes whole numbers
WHOLE = {
    "labels": (lambda a: decode(IMAGES, a, IMAGES, a), LABELS),
    "labels of a data set": (lambda a: dataset(IMAGES, a).train_labels, LABELS),
    "an order": (lambda a: show(IMAGES, a), LABELS),
}


CASES = [
    (name, *case, kinds)
    for cases, kinds in (
        (ANY, ("real", "integer")),
        (REAL, ("real",)),
        (FLOAT, ("float",)),
        (WHOLE, ("integer",)),
    )
    for name, case in cases.items()
]


@pytest.mark.parametrize(
    ("function", "values", "kinds"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
@given(data=st.data())
@few(6)
def test_an_array_means_its_values(function, values, kinds, data):
    array = data.draw(layouts(values, kinds))
    np.testing.assert_allclose(function(array), function(values), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "values", "kinds"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
@given(data=st.data())
@few(60)
def test_an_array_in_any_layout_means_its_values(function, values, kinds, data):
    array = data.draw(layouts(values, kinds))
    np.testing.assert_allclose(function(array), function(values), rtol=1e-4, atol=1e-4)


@cache
def learned(build):
    network = build()
    return fit(network, IMAGES), network.transform(IMAGES)


@pytest.mark.parametrize("build", [rate_network, spiking_network])
@given(images=layouts(IMAGES, ("real",)))
@few(2)
def test_networks_learn_and_respond_the_same(build, images):
    network, (kernel, response) = build(), learned(build)
    np.testing.assert_array_equal(fit(network, images), kernel)
    np.testing.assert_array_equal(network.transform(images), response)


@pytest.mark.parametrize("function", [set_maps, encode, show, as_float, standardize, rate_features])
def test_a_tensor_means_its_values(function):
    tensor = torch.tensor(IMAGES).to(memory_format=torch.channels_last)
    np.testing.assert_allclose(function(tensor), function(IMAGES), rtol=1e-12)
    tensor = torch.tensor(IMAGES.T.copy()).permute(3, 2, 1, 0)
    np.testing.assert_allclose(function(tensor), function(IMAGES), rtol=1e-12)


def test_a_tensor_is_a_kernel():
    tensor = torch.tensor(KERNEL).to(memory_format=torch.channels_last)
    np.testing.assert_array_equal(set_kernel(tensor), KERNEL)
    np.testing.assert_array_equal(mask(tensor), KERNEL)


def table(values, name):
    """Return a function of a neuron's number that reads `values` from its namespace."""
    code = f"double {name}(int i) {{ return _namespace_{name}[i]; }}"

    @implementation("cpp", code, namespace={f"_{name}": values})
    @check_units(i=1, result=1)
    def look_up(i):
        return values[i]

    return look_up


@pytest.mark.parametrize("target", ["numpy", "cpp_runtime", "cpp_standalone"])
def test_functions_read_arrays_as_they_lie(target, tmp_path):
    choose_target(target, tmp_path)
    columns = np.stack([TABLE, TABLE + 10], axis=1)
    read_only = columns[:, 0]
    read_only.flags.writeable = False
    arrays = {
        "strided": columns[:, 1],
        "reversed_": TABLE[::-1],
        "turned": np.asfortranarray(columns)[::-2, ::-1][:, 1],
        "read_only": read_only,
        "integer": columns[:, 1].astype("i2")[::-1],
    }
    if target != "cpp_standalone":  # where Brian2 refuses what C++ has no type for
        arrays["swapped"] = columns.astype(">f4")[:, 1]
        arrays["half"] = TABLE.astype("f2")[::-1]
        arrays["long_double"] = TABLE.astype("longdouble")
        arrays["bytes_"] = TABLE.astype("u1")[::-1]
    namespace = {name: table(values, name) for name, values in arrays.items()}
    timed = {
        "first": TimedArray(columns[:, 0], dt=defaultclock.dt),
        "backwards": TimedArray(TABLE[::-1], dt=defaultclock.dt),
        "both": TimedArray(columns[::-1].T[::-1].T, dt=defaultclock.dt),
    }
    calls = [f"{name}(i % 3)" for name in namespace]
    calls += ["first(t)", "backwards(t)", "both(t, i % 2)"]
    terms = " + ".join(f"{100.0**n}*{call}" for n, call in enumerate(calls[:5]))
    rest = " + ".join(f"{100.0**n}*{call}" for n, call in enumerate(calls[5:]))
    layer = FeatureMap((1, 1, 4), "a : 1\nb : 1", namespace=namespace | timed)
    operations = [Assign(layer, terms, "a"), Assign(layer, rest, "b")]
    monitor = StateMonitor(layer, ("a", "b"), record=True, when="end")
    Network(layer, *operations, monitor).run(4 * defaultclock.dt)
    i, k = np.arange(4)[:, None], np.arange(4)[None]
    values = [arrays[name].astype(float)[i % 3] + 0 * k for name in arrays]
    values += [columns[k, 0] + 0 * i, TABLE[::-1][k] + 0 * i, columns[::-1, ::-1][k, i % 2]]
    for found, part in ((monitor.a, values[:5]), (monitor.b, values[5:])):
        expected = sum(100.0**n * value for n, value in enumerate(part))
        np.testing.assert_array_equal(found, expected)
