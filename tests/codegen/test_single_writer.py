"""Two that compute one variable are found, whatever they are."""

import numpy as np
import pytest
from brian2 import Network, Synapses, defaultclock, prefs
from brian2.core.base import BrianObjectException

from hebbsim import (
    ConvSynapses,
    FeatureMap,
    MaxPooling,
    Rectify,
    StoredImages,
    WinnerTakeAll,
)

SUM = "w : 1\nu_post = w*x_pre : 1 (summed)"


def maps():
    source = FeatureMap((1, 2, 2), "x : 1\nz : 1", name="source")
    return source, FeatureMap((1, 2, 2), "u : 1\nx : 1\ny : 1", name="target")


def convolution(source, target):
    return ConvSynapses(source, target, SUM, kernel_size=1)


def synapses(source, target):
    explicit = Synapses(source, target, SUM)
    explicit.connect(j="i")
    return explicit


def pooling(source, target):
    return MaxPooling(source, target, 1, source="z", target="u")


def winners(source, target):
    return WinnerTakeAll(target, source="x", target="u")


def rectified(source, target):
    return Rectify(target, source="y", target="u")


def images(source, target):
    return StoredImages(target, np.ones((3, 1, 2, 2)), "u")


WRITERS = [convolution, synapses, pooling, winners, rectified, images]
PAIRS = [(a, b) for n, a in enumerate(WRITERS) for b in WRITERS[n:] if not a is b is synapses]
PAIRS.remove((images, images))  # refused when they are made


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_second_writer_is_refused(first, second):
    prefs.codegen.target = "numpy"
    source, target = maps()
    objects = [source, target, first(source, target), second(source, target)]
    running = [item for item in objects if item not in target.contained_objects]
    with pytest.raises(BrianObjectException) as error:
        Network(*running).run(defaultclock.dt)
    assert "'u' of 'target' is written by" in str(error.value.__cause__)
    assert not target.u[:].any()


def test_what_changes_its_own_variable_is_no_second_writer():
    prefs.codegen.target = "numpy"
    source, target = maps()
    source.x = [-1, 2, -3, 4]
    conv = convolution(source, target)
    conv.w = 1
    Rectify(target, source="u", target="u")
    Network(source, target, conv).run(defaultclock.dt)
    assert list(target.u[:]) == [0, 2, 0, 4]


def test_what_rests_or_runs_elsewhere_is_no_second_writer():
    prefs.codegen.target = "numpy"
    source, target = maps()
    first, second, third = (convolution(source, target) for _ in range(3))
    second.active = False
    for runner in second.contained_objects:
        runner.active = False
    first.w = source.x = 2
    Network(source, target, first, second).run(defaultclock.dt)
    assert list(target.u[:]) == [4] * 4
    assert third.w[0] == 0
