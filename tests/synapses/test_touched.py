"""An update that visits only what spikes touched gives what a look at every element gives."""

import numpy as np
import pytest
from brian2 import Network, defaultclock, network_operation, prefs
from numpy.testing import assert_array_equal
from synapses_cases import close

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.geometry import ConvGeometry, MapShape
from hebbsim.synapses.update import NonFiniteWeightsError

STEPS = 12
GEOMETRIES = {
    "one position": ((4, 8, 8), (20, 1, 1), {"kernel_size": 8}),
    "unshared": ((2, 9, 9), (8, 7, 7), {"kernel_size": 3, "weight_sharing": False}),
    "unshared, grouped": (
        (4, 8, 8),
        (8, 8, 8),
        {"kernel_size": 3, "padding": 1, "groups": 2, "weight_sharing": False},
    ),
    "shared": ((32, 5, 5), (24, 5, 5), {"kernel_size": 3, "padding": 1}),
}


def maps(in_shape, out_shape, rule):
    return (
        FeatureMap(
            shape,
            f"fires : 1\n{model}",
            threshold="fires > 0.5",
            reset=f"fires = 0\n{reset}",
            method="exact",
        )
        for shape, model, reset in (
            (in_shape, rule.pre_model, rule.pre_reset),
            (out_shape, rule.post_model, rule.post_reset),
        )
    )


def learned(target, geometry, *operations, masked=False, rule=None, runs=2, **kwds):
    """Return the kernel, and whether the update visited only what was touched."""
    prefs.codegen.target = target
    rng = np.random.default_rng(3)
    rule = rule or rules.PairSTDP(1.0, A_plus=0.3, A_minus=0.4)
    in_shape, out_shape, more = GEOMETRIES[geometry]
    source, layer = maps(in_shape, out_shape, rule)
    source.run_regularly("fires = int(sin(t/dt*1.7 + i*0.9) > 0.93)", when="before_start")
    layer.run_regularly("fires = int(sin(t/dt*2.3 + i*1.3) > 0.97)", when="before_start")
    in_map, out_map = MapShape(*in_shape), MapShape(*out_shape)
    shape = ConvGeometry(in_map, out_map.channels, **more).kernel_shape
    mask = rng.random(shape) > 0.3 if masked else None
    conv = ConvSynapses(source, layer, rule=rule, mask=mask, **more, **kwds)
    conv.set_kernel("w", rng.random(shape))
    network = Network(source, layer, conv, *(operation(conv) for operation in operations))
    for _ in range(runs):
        conv.set_kernel("w", np.asarray(conv.get_kernel("w")) * 0.9)
        network.run(STEPS * defaultclock.dt, namespace={})
    return conv.get_kernel("w"), conv.update.template_kwds["touched"]


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
def test_the_rest_stays_as_it_is(geometry, masked):
    plain, seen_by_numpy = learned("numpy", geometry, masked=masked)
    sparse, touched = learned("cython", geometry, masked=masked)
    assert touched
    assert not seen_by_numpy
    assert (plain == 0).any()  # bounds act
    close(sparse, plain)


def beyond_bounds(conv):
    @network_operation(dt=5 * defaultclock.dt)
    def set_weights():
        conv.w[::7] = 1.5

    return set_weights


def test_what_a_network_operation_sets_is_seen():
    kernels = {}
    for target in ("numpy", "cython"):
        kernels[target], touched = learned(target, "one position", beyond_bounds)
    assert touched
    assert kernels["cython"].max() <= 1
    close(kernels["cython"], kernels["numpy"])


def test_other_writers_and_other_updates_have_every_element_visited():
    def decay(conv):
        return conv.run_regularly("w *= 0.99", when="start")

    plain, _ = learned("numpy", "one position", decay)
    found, touched = learned("cython", "one position", decay)
    assert not touched
    close(found, plain)
    for update in ("w = clip(w*0.999, 0, 1)", "w = clip(w, 0, 1 - 0.01*t/dt)"):
        plain, _ = learned("numpy", "one position", update=update)
        found, touched = learned("cython", "one position", update=update)
        assert not touched
        close(found, plain)


def test_small_kernels_are_visited_whole():
    prefs.codegen.target = "cython"
    rule = rules.PairSTDP(0.1)
    source, layer = maps((1, 6, 6), (4, 4, 4), rule)
    conv = ConvSynapses(source, layer, rule=rule, kernel_size=3)
    assert conv.update.touched is None
    assert "touched" not in str(conv.explain())


def test_explain_says_so():
    rule = rules.PairSTDP(0.1)
    source, layer = maps((4, 8, 8), (20, 1, 1), rule)
    conv = ConvSynapses(source, layer, rule=rule, kernel_size=8)
    assert "for the kernel elements that spikes touched" in str(conv.explain())


def test_infinite_weights_are_found_where_they_were_touched():
    prefs.codegen.target = "cython"
    source = FeatureMap((4, 8, 8), "x : 1", threshold="t > 3.5*dt and i == 77", reset="")
    layer = FeatureMap((20, 1, 1), "v : 1")
    conv = ConvSynapses(
        source, layer, "w : 1", on_pre="w += 1/x_pre", update="w = clip(w, 0, inf)", kernel_size=8
    )
    with pytest.raises(NonFiniteWeightsError, match=f"kernel element {77 * 20}, step 4"):
        Network(source, layer, conv).run(10 * defaultclock.dt)


def test_a_second_run_sees_what_was_set_between():
    found = [learned(target, "unshared", runs=3)[0] for target in ("numpy", "cython")]
    close(*found)
    again = learned("cython", "unshared", runs=3)[0]
    assert_array_equal(found[1], again)
