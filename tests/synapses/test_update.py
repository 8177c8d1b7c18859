"""The end of a learning step: change, mask, norm, and weights that diverge."""

import re

import numpy as np
import pytest
from brian2 import (
    DimensionMismatchError,
    Network,
    SpikeGeneratorGroup,
    defaultclock,
    ms,
    mV,
    nA,
    nS,
    pA,
    prefs,
)
from conftest import STANDALONE
from numpy.testing import assert_array_equal
from synapses_cases import (
    cause_of_failed_run,
    close,
    coincidences,
    random_state,
    run_steps,
    two_maps,
)

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.synapses import idle_sums
from hebbsim.synapses.update import NonFiniteWeightsError


def test_masks_zero_the_weights_at_once():
    source, target = two_maps()
    mask = np.random.default_rng(6).integers(0, 2, (4, 2, 2, 2))
    conv = ConvSynapses(source, target, kernel_size=2, rule=rules.Hebb(), mask=mask)
    conv.w = 3
    conv.set_mask(1 - mask)
    assert_array_equal(conv.get_kernel("w"), 3 * (1 - mask))
    assert_array_equal(conv.get_kernel("mask"), 1 - mask)


def test_a_change_that_nothing_applies_is_warned_of(monkeypatch):
    """Once for a convolution, and not where something else than an update applies it."""
    prefs.codegen.target = "numpy"
    model = "w : 1\nu_post = w*x_pre : 1 (summed)\ndw = y_post*x_pre : 1 (summed)"
    idle, regular = (
        ConvSynapses(*two_maps(), model, kernel_size=2, name=name) for name in ("idle", "regular")
    )
    regular.run_regularly("w += 0.1*dw")
    warnings = []
    monkeypatch.setattr(
        idle_sums.logger, "warn", lambda text, _, once: warnings.append((text, once))
    )
    for conv in (idle, regular):
        network = Network(conv.source, conv.target, conv)
        network.run(defaultclock.dt)
        network.run(defaultclock.dt)
    ((message, once),) = {*warnings}
    assert once
    assert re.match(r"ConvSynapses 'idle': 'dw' is summed .* give update='w \+= 0.01\*dw'", message)


def diverging():
    """Some weights are squared in each step: step n makes them 10**2**(n + 1)."""
    source, target = two_maps()
    rule = rules.Hebb(learning_rate=1.0)
    conv = ConvSynapses(
        source, target, kernel_size=2, rule=rule, update="w = w*w + 0*dw", name="conv"
    )
    conv.w = 1
    conv.w["out_channel == 2 and krow == 1"] = 10
    return source, target, conv


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_weights_that_diverge_stop_the_run(target, capfd):
    source, layer, conv = diverging()
    # in memory: (krow, kcol, in_channel, out_channel)
    element = 1 * 16 + 2
    if target in STANDALONE:
        with pytest.raises(RuntimeError, match="run failed"):
            run_steps(source, layer, conv, steps=20)
        assert f"conv: 'w' is not finite at kernel element {element}" in capfd.readouterr().err
        return
    with pytest.raises(NonFiniteWeightsError) as error:
        run_steps(source, layer, conv, steps=20)
    message = (
        rf"'w' of 'conv' became inf at kernel element {element} under the rule Hebb, step 8, "
        r"t = .*0\.8.*\. Lower the learning rate, or bound or normalise the weights"
    )
    assert re.fullmatch(message, str(error.value))
    assert isinstance(error.value, ArithmeticError)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_weights_that_spikes_change_at_once_stop_the_run(target, capfd):
    # no weight is shared: each spike visits its own, and nothing else is looked at
    spikes = SpikeGeneratorGroup(6, [4] * 8, np.arange(8) * 0.1 * ms)
    layer = FeatureMap((2, 1, 1), "v : 1", name="layer")
    conv = ConvSynapses(
        spikes,
        layer,
        "w : 1",
        on_pre="w *= 1 + 1e100*krow",
        source_shape=(1, 2, 3),
        kernel_size=(2, 3),
        name="conv",
    )
    conv.w = 1
    element = (1 * 3 + 1) * 2  # of neuron 4 and channel 0
    if target in STANDALONE:
        with pytest.raises(RuntimeError, match="run failed"):
            run_steps(spikes, layer, conv, steps=8)
        assert f"conv: 'w' is not finite at kernel element {element}" in capfd.readouterr().err
        return
    network = Network(spikes, layer, conv)
    with pytest.raises(NonFiniteWeightsError, match=f"kernel element {element}, step 3,"):
        network.run(0.8 * ms)
    assert np.isfinite(np.delete(conv.w[:], [element, element + 1])).all()
    conv.w = 1
    network.run(0.2 * ms)
    conv.w[3] = np.inf  # set by hand
    with pytest.raises(NonFiniteWeightsError, match="kernel element 3, step"):
        network.run(0.1 * ms)


def test_units_of_updates_must_match():
    model = "w : siemens\ndw = x_pre*y_post : 1 (summed)"
    cause = cause_of_failed_run(model, update="w += 0.1*dw")
    assert isinstance(cause, DimensionMismatchError)
    assert "dw" in str(cause)


@pytest.mark.parametrize(
    ("unit", "norm", "message"),
    [
        ("amp", 1, r"norm must have the units of 'w : amp', such as norm=1\*amp, got 1"),
        ("amp", 1 * mV, r"units of 'w : amp', such as norm=1\*amp, got 1. \* mvolt"),
        ("siemens", 1.0, r"'w : siemens', such as norm=1\*siemens, got 1.0"),
        ("1", 1 * nS, "units of 'w : 1', such as norm=1, without units, got 1. . nsiemens"),
        ("volt/second", 1, r"'w : metre\*\*2\*kilogram\*second\*\*-4\*amp\*\*-1', such as"),
    ],
)
@pytest.mark.parametrize("normalize", ["L1", "L2"])
def test_norms_have_the_units_of_the_weight(unit, norm, message, normalize):
    source, target = two_maps()
    with pytest.raises(DimensionMismatchError, match=message):
        ConvSynapses(
            source,
            target,
            f"w : {unit}",
            update="w *= 2",
            kernel_size=2,
            normalize=normalize,
            norm=norm,
        )


def test_norms_with_units(target):
    source, layer = two_maps()
    kwds = {"update": "w *= 2", "kernel_size": 2, "norm": 3 * pA}
    w = np.random.default_rng(0).standard_normal((4, 2, 2, 2))
    built = {}
    for normalize in ("L1", "L2"):
        conv = ConvSynapses(source, layer, "w : amp", normalize=normalize, **kwds)
        conv.set_kernel("w", w * nA)
        built[normalize] = conv
    run_steps(source, layer, *built.values())
    for (normalize, conv), power in zip(built.items(), (1, 2), strict=True):
        found = np.asarray(conv.get_kernel("w"))
        norms = (np.abs(found) ** power).sum((1, 2, 3)) ** (1 / power)
        np.testing.assert_allclose(norms, 3e-12, rtol=1e-12, err_msg=normalize)
        assert (np.sign(found) == np.sign(w)).all()


def test_schedules_have_units():
    """A learning rate that is an expression in t is a number at every t."""
    prefs.codegen.target = "numpy"
    source, target = two_maps()
    rule = rules.Hebb("0.01*exp(-t/(1*second))")
    conv = ConvSynapses(source, target, kernel_size=2, rule=rule)
    x, y, w = random_state(source, target, conv)
    run_steps(source, target, conv, steps=2)
    change = coincidences(x, y, w)
    close(conv.get_kernel("w"), w + 0.01 * change * (1 + np.exp(-1e-4)))


def test_weights_set_after_the_mask_are_pruned_before_the_first_step():
    source, layer = FeatureMap((1, 2, 2), "x : 1"), FeatureMap((1, 1, 1), "u : 1\ny : 1")
    mask = np.array([[[[1, 0], [0, 1]]]])
    conv = ConvSynapses(source, layer, kernel_size=2, rule=rules.Hebb(0.1), mask=mask)
    conv.w, source.x = 1, 1
    Network(source, layer, conv).run(defaultclock.dt)
    assert layer.u[0] == 2
    np.testing.assert_array_equal(conv.get_kernel("w"), mask)


def test_a_mask_with_nan_is_refused():
    source, layer = FeatureMap((1, 2, 2), "x : 1"), FeatureMap((1, 1, 1), "u : 1\ny : 1")
    mask = np.array([[[[0, 1], [np.nan, 1]]]])
    with pytest.raises(ValueError, match="ones, and zeros for what is pruned, got nan"):
        ConvSynapses(source, layer, kernel_size=2, rule=rules.Hebb(), mask=mask)
    Network(source, layer)


def test_a_mask_cannot_be_set_where_there_was_none():
    source, layer = FeatureMap((1, 2, 2), "x : 1"), FeatureMap((1, 1, 1), "u : 1\ny : 1")
    conv = ConvSynapses(source, layer, kernel_size=2, rule=rules.Hebb())
    with pytest.raises(ValueError, match="was made without a mask; give mask="):
        conv.set_mask(np.ones((1, 1, 2, 2)))
    Network(source, layer, conv)
