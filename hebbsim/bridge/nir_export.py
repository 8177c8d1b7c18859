"""Export to NIR, the Neuromorphic Intermediate Representation: what other simulators read."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
from brian2 import Quantity
from brian2.units import have_same_dimensions, second

from hebbsim.bridge.nir_library import nir_library
from hebbsim.bridge.nir_neurons import STEPPINGS, LeakyNeuron, NirError, neuron_of
from hebbsim.errors import unknown
from hebbsim.geometry import ConvGeometry
from hebbsim.networks.checkpoint import described
from hebbsim.networks.spiking_network import SpikingNetwork
from hebbsim.networks.stage import Stage

__all__ = ["FORMAT", "to_nir"]

#: Key of the graph's metadata under which a network's description stands
FORMAT = "hebbsim"


def to_nir(
    network: SpikingNetwork,
    *,
    dt: Quantity | None = None,
    stepping: str = "euler",
    linear: bool = True,
    drop_competition: bool = False,
) -> Any:
    """
    Give a spiking network as a graph of NIR [1]_, for other simulators and neuromorphic hardware.

    Parameters
    ----------
    network : SpikingNetwork
        Of leaky integrate-and-fire neurons, or perfect integrators.
    dt : Quantity, optional
        Time step of the reader; by default the network's. Each of the reader's steps is one of the
        network's: give ``0.1*ms`` for snnTorch, which knows no other.
    stepping : {'euler', 'exact'}
        How the reader integrates. snnTorch, Norse and SpikingJelly use Euler's method.
    linear : bool
        Write a layer whose kernel covers the whole map as `nir.Linear`, after a `nir.Flatten`;
        False leaves it a `nir.Conv2d`, for readers that apply NIR's ``start_dim``, which counts
        from the channels, to arrays with samples (snnTorch, Norse).
    drop_competition : bool
        Leave out `inhibition` and `single_spike`, which NIR has no nodes for. The spikes are then
        those of the network without them.

    Returns
    -------
    nir.NIRGraph
        Nodes ``input``, ``conv1`` (`nir.Conv2d`), ``linear1`` (`nir.Linear`, after ``flatten1``) or
        ``pool1`` (`nir.SumPool2d`: a layer without rule whose groups are its channels and whose
        weights are all 1), ``neurons1`` (`nir.LIF` or `nir.IF`), ..., ``output``. Kernels are bit
        for bit the network's. Each kernel's ``metadata`` say whether it is plastic, and by which
        rule; those of the graph hold the network's description, for `from_nir`.

    Raises
    ------
    TypeError
        If `network` is no `SpikingNetwork`.
    NirError
        If a layer has no exact counterpart; with the layer, what was expected and the way out.

    Notes
    -----
    NIR's neuron is ``tau*dv/dt = (v_leak - v) + r*I``, in seconds. Here a spike of weight ``w``
    adds ``a*w`` to a potential ``u`` that decays by ``d = exp(-dt/tau_m)`` a step, and is compared
    with the threshold in the next step: with ``I``, the sum of the weights of the spikes of a step,
    ``u`` becomes ``d*(u + a*I)``. A reader that takes ``I`` as a current makes of ``v``
    ``(1 - dt/tau)*v + (dt/tau)*r*I`` by Euler's method, and ``d*v + (1 - d)*r*I`` exactly. So
    with ::

        tau = dt/(1 - d)        # Euler; exact: tau_m
        r = 1
        v = (u - u_leak)*(1 - d)/(a*d)

    both take the same steps: it is the potential, with its threshold and reset, that is rescaled,
    and not the kernel. ``r`` is 1 since Norse ignores it and SpikingJelly takes that or ``tau/dt``;
    ``v_leak`` is 0 since snnTorch takes nothing else. A perfect integrator has ``r = 1/dt`` and
    ``v = u/a``. A reader that has another time step than `dt` steps otherwise.

    What differs all the same:

    - A reader hands spikes on within a step, Brian2 with the next: layer ``l`` there (from 1) is
      ``l`` steps ahead. Of ``n`` steps here the last of ``L`` layers is what a reader gives for the
      first ``n - L``.
    - In Brian2's default order synapses come before resets: what arrives in the step in which a
      neuron spikes is lost, and a reader keeps it for the next. With ``network.brian2.schedule =
      ['start', 'groups', 'thresholds', 'resets', 'synapses', 'end']`` that difference is gone, and
      spikes are the same but for rounding. NIR can't say the former.
    - Readers compute in single precision, and some spike at the threshold, not above it alone.
    - Adaptive thresholds are written as they are now, one for each channel. snnTorch and
      SpikingJelly take one for all alone.

    References
    ----------
    .. [1] Pedersen, J. E. et al. (2024). Neuromorphic intermediate representation: a unified
       instruction set for interoperable brain-inspired computing. Nature Communications 15, 8122.

    Examples
    --------
    >>> graph = to_nir(network)
    >>> save_nir(graph, 'network.nir')
    """
    nir = nir_library()
    if not isinstance(network, SpikingNetwork):
        raise TypeError(
            f"to_nir: expected a SpikingNetwork, got {type(network).__name__}; NIR is of spiking "
            "neurons. to_torch exports a ConvNetwork"
        )
    if stepping not in STEPPINGS:
        raise ValueError(f"to_nir: {unknown('stepping', stepping, STEPPINGS)}")
    own = float(network.clock.dt)
    step = own if dt is None else _seconds(dt)
    nodes: dict[str, Any] = {"input": nir.Input(np.array(network.input_shape))}
    flat = False
    for number, stage in enumerate(network.stages, start=1):
        found = _nodes_of_layer(
            stage, number, (own, step, stepping), linear, flat, drop_competition
        )
        flat = f"linear{number}" in found
        nodes |= found
    nodes["output"] = nir.Output(list(nodes.values())[-1].output_type["output"])
    names = list(nodes)
    header = {
        "network": described(network),
        "thresholds": [stage.thresholds.tolist() for stage in network.stages],
        "dt": step,
        "options": {
            "stepping": stepping,
            "linear": linear,
            "drop_competition": drop_competition,
        },
    }
    metadata = {FORMAT: json.dumps(header)}
    return nir.NIRGraph(nodes, list(pairwise(names)), metadata=metadata)


def _nodes_of_layer(
    stage: Stage,
    number: int,
    steps: tuple[float, float, str],
    linear: bool,
    flat: bool,
    drop_competition: bool,
) -> dict[str, Any]:
    """Return the nodes of one layer by name; of `flat` maps the last layer gave a vector."""
    label, layer = f"layer {number}", stage.layer
    if not drop_competition and layer.silences:
        raise NirError(
            f"{label}: expected inhibition=None and single_spike=False, since NIR has no nodes for "
            f"competition, got inhibition={layer.inhibition!r} and "
            f"single_spike={layer.single_spike}; drop_competition=True exports the neurons "
            "without it"
        )
    if layer.pooling is not None:
        raise NirError(
            f"{label}: expected pooling=None, since NIR's pooling sums or averages spikes, got "
            f"{layer.pooling!r}; a stride of the next layer makes maps smaller too"
        )
    if layer.delay is not None:
        raise NirError(
            f"{label}: expected no delay, which readers of NIR take for none, got {layer.delay}; "
            "leave it out"
        )
    neuron = neuron_of(layer, stage.thresholds, label)
    nodes = _connection(stage, number, linear, flat)
    out = stage.conv.geometry.out_shape
    shape = (out.channels,) if f"linear{number}" in nodes else tuple(out)
    nodes[f"neurons{number}"] = _neurons(neuron, steps, shape)
    return nodes


def _seconds(dt: Any) -> float:
    if not have_same_dimensions(dt, second) or np.ndim(dt) or not 0 < float(dt) < np.inf:
        raise ValueError(f"to_nir: dt must be a positive time, such as 0.1*ms, got {dt!r}")
    return float(dt)


def _connection(stage: Stage, number: int, linear: bool, flat: bool) -> dict[str, Any]:
    """Return the nodes of a layer's convolution, with bit for bit its kernel."""
    nir = nir_library()
    g, kernel, label = stage.conv.geometry, stage.conv.get_kernel("w"), f"layer {number}"
    if g.padding_mode != "zeros":
        raise NirError(
            f"{label}: expected padding_mode='zeros', which is NIR's, got {g.padding_mode!r}; pad "
            "the images themselves"
        )
    if not g.weight_sharing:
        raise NirError(
            f"{label}: expected weight_sharing=True, since NIR has no nodes for local connections, "
            "got False; share the weights"
        )
    rule = stage.layer.rule
    metadata = {"plastic": str(rule is not None), "rule": "" if rule is None else str(rule)}
    # of vectors there is no other way
    if flat and not _covers_all(g):
        raise NirError(
            f"{label}: expected a kernel of 1x1 without padding or groups after a Linear, which "
            f"hands on a vector, got kernel_size={tuple(g.kernel_size)}, "
            f"padding={tuple(g.padding)} and groups={g.groups}; linear=False writes Conv2d, which "
            "may have padding"
        )
    if flat or (linear and _covers_all(g)):
        vector = {} if flat else {f"flatten{number}": nir.Flatten(np.array(g.in_shape), 0, -1)}
        weight = kernel.reshape(g.out_channels, -1)
        return {**vector, f"linear{number}": nir.Linear(weight, metadata=metadata)}
    if _is_sum_pooling(g, kernel) and rule is None:
        window, step, padding = (np.array(pair) for pair in (g.kernel_size, g.stride, g.padding))
        return {f"pool{number}": nir.SumPool2d(window, step, padding, metadata=metadata)}
    if g.groups != 1:
        raise NirError(
            f"{label}: expected groups=1, since shapes and channels are wrong in nir and its "
            f"readers with others, got {g.groups}; a sum pooling, with weights of 1 and without a "
            "rule, is one that can be exported"
        )
    if g.kernel_size[0] != g.kernel_size[1]:
        raise NirError(
            f"{label}: expected a square kernel, since nir infers shapes of others wrongly, got "
            f"{g.kernel_size}; pad it with zeros to a square"
        )
    bias = np.zeros(g.out_channels, kernel.dtype)
    conv = nir.Conv2d(
        g.in_shape[1:], kernel, g.stride, g.padding, g.dilation, 1, bias, metadata=metadata
    )
    return {f"conv{number}": conv}


def _covers_all(g: ConvGeometry) -> bool:
    return (
        tuple(g.out_shape[1:]) == (1, 1)
        and tuple(g.kernel_size) == tuple(g.in_shape[1:])
        and tuple(g.padding) == (0, 0)
        and g.groups == 1
    )


def _is_sum_pooling(g: ConvGeometry, kernel: np.ndarray) -> bool:
    each_by_itself = g.groups == g.in_shape.channels == g.out_channels
    return each_by_itself and tuple(g.dilation) == (1, 1) and bool((kernel == 1).all())


def _neurons(neuron: LeakyNeuron, steps: tuple[float, float, str], shape: tuple[int, ...]) -> Any:
    """Return neurons of a shape, with an array for each parameter."""
    nir = nir_library()
    values = neuron.to_nir(*steps)

    def full(value: Any) -> np.ndarray:
        per_channel = np.reshape(value, (-1, *[1] * (len(shape) - 1)))
        return np.array(np.broadcast_to(per_channel, shape), dtype=np.float64)

    kind = nir.LIF if "tau" in values else nir.IF
    return kind(**{name: full(value) for name, value in values.items()})
