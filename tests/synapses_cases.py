"""Convolutions that several tests share."""

import numpy as np
import pytest
import torch
from brian2 import (
    Network,
    defaultclock,
    prefs,
)
from brian2.core.base import BrianObjectException
from numpy.testing import assert_allclose
from torch.nn.grad import conv2d_weight

from hebbsim import ConvSynapses, FeatureMap


def run_steps(*objects, steps=1, **kwds):
    Network(*objects).run(steps * defaultclock.dt, **{"namespace": {}, **kwds})


def close(actual, expected, what=""):
    scale = max(1.0, np.abs(expected).max())
    assert_allclose(actual, expected, rtol=0, atol=1e-12 * scale, err_msg=what)


def coincidences(x, y, w, **geometry):
    """Sum y*x over all positions and samples that share a kernel element, by torch."""
    tensors = torch.tensor(x), w.shape, torch.tensor(y)
    return conv2d_weight(*tensors, **geometry).numpy()


def two_maps(
    in_shape=(2, 6, 5), out_shape=(4, 5, 4), batch_size=2, pre="x : 1", post="u : 1\ny : 1"
):
    return (
        FeatureMap(in_shape, pre, batch_size=batch_size),
        FeatureMap(out_shape, post, batch_size=batch_size),
    )


def random_state(source, target, conv, seed=0):
    """Set x, y and w at random; return them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((source.batch_size, *source.shape))
    y = rng.standard_normal((target.batch_size, *target.shape))
    w = rng.standard_normal(conv.geometry.kernel_shape)
    source.set_maps("x", x)
    target.set_maps("y", y)
    conv.set_kernel("w", w)
    return x, y, w


def maps_for_errors():
    return (
        FeatureMap((2, 4, 4), "x : 1\nv : volt\nd : 1\ng : 1 (shared)\nq : 1", name="source"),
        FeatureMap((3, 3, 3), "u : 1\ny : 1\nI : amp\ndz/dt = -z/ms : 1\nq : 1", name="target"),
    )


def cause_of_failed_run(model, **kwds):
    prefs.codegen.target = "numpy"
    source, target = maps_for_errors()
    conv = ConvSynapses(source, target, model, kernel_size=2, name="conv", **kwds)
    with pytest.raises(BrianObjectException) as error:
        run_steps(source, target, conv)
    return error.value.__cause__
