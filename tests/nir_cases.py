"""Other simulators that read graphs of NIR: each runs a graph on frames of input spikes."""

import contextlib
import io

import numpy as np
from brian2 import ms

#: The time step that a reader takes: snnTorch knows no other
STEPS = {"snntorch": 0.1 * ms, "norse": 1 * ms, "spikingjelly": 1 * ms}


def norse(graph):
    import norse.torch

    return norse.torch.from_nir(graph, dt=1e-3)


def snntorch(graph):
    from snntorch.import_nir import import_from_nir

    with contextlib.redirect_stdout(io.StringIO()):  # it tells about rescaled thresholds
        return import_from_nir(graph)


def spikingjelly(graph):
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    return import_from_nir(graph, dt=1e-3)


READERS = {"snntorch": snntorch, "norse": norse, "spikingjelly": spikingjelly}


def counts(reader, graph, frames):
    """Return the spikes of each output neuron: of frames (steps, samples, channels, rows, cols)."""
    import torch

    module = READERS[reader](graph).float()
    total, state = 0, None
    with torch.no_grad():
        for frame in frames:
            given = torch.from_numpy(np.ascontiguousarray(frame, np.float32))
            output = module(given) if state is None else module(given, state)
            output, state = output if isinstance(output, tuple) else (output, None)
            total = total + output.numpy()
    return total
