"""A network that is compiled once and run with many seeds, durations and values."""

import numpy as np
import pytest
from brian2 import NeuronGroup, StateMonitor, Synapses, TimedArray, device, ms, second
from brian2.core.network import Network

from models.common.program import Built, Program, Run


def build():
    step = TimedArray(np.zeros(4), 1 * ms, name="step")
    cells = NeuronGroup(
        6,
        """dx/dt = step(t)/ms : 1
        gain : 1 (shared)
        scale : 1 (constant)""",
        method="euler",
        namespace={"step": step},
        name="cells",
        dt=1 * ms,
    )
    synapses = Synapses(cells, cells, "w : 1", name="synapses")
    synapses.connect(p=0.5)
    cells.gain = 1
    device.apply_run_args()
    synapses.w = "gain_pre*rand()"
    seen = StateMonitor(cells, "x", record=[0], dt=1 * ms, name="seen")
    kept = {
        "i": synapses.variables["_synaptic_pre"],
        "w": synapses.variables["w"],
        "x": seen.variables["x"],
        "scale": cells.variables["scale"],
    }
    return Built(Network(cells, synapses, seen), kept)


def test_one_program_runs_with_seeds_durations_and_values():
    program = Program(build)
    first, again, other = program.run_all([Run(s, 3 * ms) for s in (1, 1, 2)], at_once=2)
    np.testing.assert_array_equal(first["w"], again["w"])
    assert not np.array_equal(first["i"], other["i"])
    assert 0 < first["w"].max() < 1
    np.testing.assert_array_equal(first["x"], [0, 0, 0])

    values = {
        "cells.gain": -2.0,
        "step.values": [1.0, 2.0, 3.0, 4.0],
        "cells.scale": np.arange(6.0),
    }
    found = program.run(Run(1, 4 * ms, values))
    np.testing.assert_array_equal(found["i"], first["i"])
    np.testing.assert_allclose(found["w"], -2 * first["w"])
    np.testing.assert_allclose(found["x"], [0, 1, 3, 6])
    np.testing.assert_array_equal(found["scale"], np.arange(6))

    with pytest.raises(RuntimeError, match="unknown variable 'cells"):
        program.run(Run(1, 1 * ms, {"cells.gian": 1.0}))
    with pytest.raises(RuntimeError, match="does not match expected size"):
        program.run(Run(1, 1 * second, {"cells.scale": np.arange(5.0)}))
