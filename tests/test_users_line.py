"""Errors name the line of the user's script, as those of Brian2's own groups do."""

import inspect

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, Synapses, defaultclock, prefs
from brian2.core.base import BrianObjectException

from hebbsim import ConvSynapses, FeatureMap, WinnerTakeAll
from hebbsim.competition.inhibition import LateralInhibition
from hebbsim.competition.pooling import SumPooling
from hebbsim.maps.encoders import PoissonEncoder
from hebbsim.maps.per_channel_sample_position import PerChannel
from hebbsim.maps.stored_images import StoredImages


def all_parts(*objects):
    for item in objects:
        yield item
        yield from all_parts(*item.contained_objects)


def test_every_object_names_the_line_that_made_it():
    first = inspect.currentframe().f_lineno
    layer = FeatureMap(
        (2, 3, 3),
        "dv/dt = -v/second : 1\nu : 1\ny : 1\nx : 1\nsilenced : 1",
        "v > 1 and silenced < 1",
        "v = 0",
    )
    pooled = FeatureMap((2, 1, 1), "x : 1")
    encoder = PoissonEncoder((2, 3, 3))
    conv = ConvSynapses(encoder, layer, "w : 1", on_pre="v_post += w", kernel_size=1)
    made = [
        *(layer, pooled, encoder, conv, WinnerTakeAll(layer), SumPooling(layer, pooled, 3)),
        *(PerChannel(layer, "da/dt = -a/second : 1", update="a += 1"), LateralInhibition(layer)),
        *(StoredImages(layer, np.zeros((1, 2, 3, 3))), layer[:2], conv.to_synapses()),
        *(NeuronGroup(1, "v : 1"), Synapses(layer, layer, "w : 1")),
    ]
    last = inspect.currentframe().f_lineno
    for item in all_parts(*made):
        file, line = item._creation_stack.split("'")[1], item._creation_stack.split(" line ")[1]
        assert (file, item.name) == (__file__, item.name), item._creation_stack
        assert first < int(line.split(",")[0]) < last


def test_an_error_in_a_run_shows_it():
    prefs.codegen.target = "numpy"
    layer = FeatureMap((1, 1, 1), "v : 1", threshold="v > nothing")
    with pytest.raises(BrianObjectException, match=r"test_users_line.py.*\n.*v > nothing"):
        Network(layer).run(defaultclock.dt, namespace={})
