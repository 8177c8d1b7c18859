"""Import from NIR: a `SpikingNetwork` from a chain of convolutions and neurons."""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from brian2 import Quantity, ms, second

from hebbsim.bridge.nir_export import FORMAT, to_nir
from hebbsim.bridge.nir_library import nir_library
from hebbsim.bridge.nir_neurons import STEPPINGS, LeakyNeuron, NirError
from hebbsim.errors import unknown
from hebbsim.geometry import MapShape
from hebbsim.networks.spiking_layer import SpikingLayer
from hebbsim.networks.spiking_network import SpikingNetwork
from hebbsim.rules.rule import Rule

__all__ = ["from_nir"]

_CONNECTIONS = ("Conv2d", "Linear", "Affine", "SumPool2d", "AvgPool2d")
_NEURONS = ("LIF", "IF")
type Found = tuple[str, Any]


def from_nir(
    graph: Any,
    *,
    rules: Mapping[str, Rule] | None = None,
    stepping: str | None = None,
    dt: Quantity | None = None,
    **settings: Any,
) -> SpikingNetwork:
    """
    Build the spiking network that a graph of NIR stands for.

    Parameters
    ----------
    graph : nir.NIRGraph
        Either what `to_nir` gave, whose network comes back with its rules, competition and
        settings; or a chain of `nir.Conv2d`, `nir.SumPool2d`, `nir.AvgPool2d`, or `nir.Linear`
        after `nir.Flatten`, each followed by `nir.LIF` or `nir.IF` with the same constants for all
        neurons.
    rules : mapping of str to Rule, optional
        The rules that kernels are to learn by, by their nodes' names, of a graph that isn't ours.
    stepping : {'euler', 'exact'}, optional
        How the simulator that wrote the graph integrates, with such a graph; by default by
        Euler's method.
    dt : Quantity, optional
        Its time step, and the network's, with such a graph; by default 1 ms.
    **settings
        As of `SpikingNetwork`, with such a graph: ``duration``, ``encoding``, ``batch_size``, ...

    Returns
    -------
    SpikingNetwork
        With bit for bit the kernels of the graph, in Brian2's ``prefs.core.default_float_dtype``.
        Potentials of a foreign graph are counted from rest in units of what a spike of weight 1
        adds: see the notes of `to_nir`.

    Raises
    ------
    TypeError
        If `graph` is no graph of NIR; `load_nir` reads a file.
    NirError
        If a node can't be expressed exactly; with its name, what was expected and the way out. If
        the neurons or nodes of our own graph are no longer those of its description.

    Examples
    --------
    >>> save_nir(to_nir(network), "network.nir")
    >>> copy = from_nir(load_nir("network.nir"))
    >>> bool((copy.stages[0].conv.w[:] == network.stages[0].conv.w[:]).all())
    True
    """
    nir = nir_library()
    if not isinstance(graph, nir.NIRGraph):
        raise TypeError(
            f"from_nir: expected a nir.NIRGraph, got {type(graph).__name__}; load_nir(path) reads "
            "a file"
        )
    if stepping not in (None, *STEPPINGS):
        raise ValueError(f"from_nir: {unknown('stepping', stepping, STEPPINGS)}")
    chain = _chain(graph)
    if FORMAT in graph.metadata:
        given = {"rules": rules or None, "stepping": stepping, "dt": dt, **settings}
        if named := [name for name, value in given.items() if value is not None]:
            raise NirError(
                f"from_nir: the graph describes its own network, so {', '.join(named)} can't be "
                f"chosen; delete graph.metadata['{FORMAT}'] first"
            )
        return _own(graph)
    stepping, dt = stepping or "euler", 1 * ms if dt is None else dt
    rules = dict(rules or {})
    pairs = _pairs(chain[1:-1])
    nodes = [name for (name, _), _ in pairs]
    for name in rules.keys() - set(nodes):
        raise NirError(f"from_nir: {unknown('node in rules', name, nodes)}")
    shape = _input_shape(*chain[0], flat=isinstance(pairs[0][0][1], nir.Linear | nir.Affine))
    declared, kernels = [], []
    current: tuple[int, ...] = shape
    for connection, neurons in pairs:
        layer, kernel = _layer(connection, current)
        cells = _cell(*neurons, float(dt), stepping).equations()
        layer = {**layer, **cells, "inhibition": None, "single_spike": False}
        built = SpikingLayer(**layer, rule=rules.get(connection[0]))
        declared.append(built)
        kernels.append((connection[0], kernel))
        current = tuple(built.geometry(MapShape.of(current)).out_shape)
        _check_shape(*neurons, current)
    network = SpikingNetwork(shape, declared, dt=dt, **settings)
    _set_kernels(network, kernels)
    return network


def _chain(graph: Any) -> list[Found]:
    """Return the nodes from the input to the output, which have to be in a row."""
    nir = nir_library()
    starts = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    if len(starts) != 1:
        raise NirError(f"from_nir: expected one Input, got {starts or 'none'}")
    name, chain, seen = starts[0], [], set()
    while True:
        chain.append((name, graph.nodes[name]))
        seen.add(name)
        following = [after for before, after in graph.edges if before == name]
        arriving = [before for before, after in graph.edges if after == name]
        if len(arriving) > 1 or len(following) > 1 or seen.intersection(following):
            raise NirError(
                f"node {name}: expected a chain of nodes, got edges from {arriving} and to "
                f"{following}; a SpikingNetwork neither branches nor recurs: build it of "
                "FeatureMap and ConvSynapses"
            )
        if not following:
            break
        name = following[0]
    left = graph.nodes.keys() - seen
    if left or not isinstance(chain[-1][1], nir.Output):
        raise NirError(
            f"node {name}: expected the chain to end in an Output with all nodes, got a "
            f"{type(chain[-1][1]).__name__}, and {sorted(left) or 'none'} are left over"
        )
    return chain


def _pairs(chain: Sequence[Found]) -> list[tuple[Found, Found]]:
    """Return each connection with its neurons."""
    nir = nir_library()
    kept = [(name, node) for name, node in chain if not isinstance(node, nir.Flatten)]
    for (name, node), (_, following) in pairwise(chain):
        if isinstance(node, nir.Flatten) and not isinstance(following, nir.Linear | nir.Affine):
            raise NirError(
                f"node {name}: expected Linear or Affine after a Flatten, got "
                f"{type(following).__name__}; place it right before one"
            )
    for place, (name, node) in enumerate(kept):
        expected = _NEURONS if place % 2 else _CONNECTIONS
        if type(node).__name__ not in expected:
            kinds = ", ".join(expected)
            raise NirError(
                f"node {name}: expected one of {kinds} here, since layers are connections with "
                f"neurons, got {type(node).__name__}; a layer of a SpikingNetwork holds nothing "
                "else: fold it into its neighbours, or leave it out"
            )
    if not kept or len(kept) % 2:
        raise NirError("from_nir: expected connections that are each followed by LIF or IF")
    return list(zip(kept[::2], kept[1::2], strict=True))


def _input_shape(name: str, node: Any, *, flat: bool) -> tuple[int, int, int]:
    shape = tuple(int(n) for n in np.ravel(node.input_type["input"]))
    if flat and len(shape) == 1:
        shape = (*shape, 1, 1)
    if len(shape) != 3:
        raise NirError(
            f"node {name}: expected a shape (channels, rows, cols) without samples, got {shape}"
        )
    return shape


def _layer(found: Found, shape: tuple[int, ...]) -> tuple[dict[str, Any], np.ndarray]:
    """Return the settings of a layer's connection, and its kernel."""
    nir = nir_library()
    name, node = found
    if np.any(getattr(node, "bias", 0)):
        raise NirError(
            f"node {name}: expected a bias of 0, since a layer has no constant input, got others; "
            "put it into the thresholds"
        )
    if isinstance(node, nir.Linear | nir.Affine):
        if node.weight.ndim != 2 or node.weight.shape[1] != np.prod(shape):
            raise NirError(
                f"node {name}: expected weights of (out, {np.prod(shape)}), for a map of {shape}, "
                f"got {node.weight.shape}"
            )
        kernel = node.weight.reshape(-1, *shape)
        return {"out_channels": len(kernel), "kernel_size": shape[1:]}, kernel
    stride = _pair(node.stride)
    if isinstance(node, nir.Conv2d):
        if isinstance(node.padding, str | bytes):
            raise NirError(
                f"node {name}: expected padding in pixels, got {node.padding!r}; write it as "
                "numbers"
            )
        how: dict[str, Any] = {key: _pair(getattr(node, key)) for key in ("padding", "dilation")}
        out, size = len(node.weight), node.weight.shape[2:]
        how |= {"out_channels": out, "kernel_size": size, "groups": int(node.groups)}
        return {**how, "stride": stride}, node.weight
    size, padding = _pair(node.kernel_size), _pair(node.padding)
    value = 1.0 if isinstance(node, nir.SumPool2d) else 1 / (size[0] * size[1])
    how = {"out_channels": shape[0], "kernel_size": size, "groups": shape[0]}
    return {**how, "stride": stride, "padding": padding}, np.full((shape[0], 1, *size), value)


def _pair(value: Any) -> tuple[int, int]:
    one, two = (int(n) for n in np.broadcast_to(np.ravel(value), 2))
    return one, two


def _cell(name: str, node: Any, dt: float, stepping: str) -> LeakyNeuron:
    names = ("tau", "r", "v_leak", "v_threshold", "v_reset")
    values = {}
    for key in names:
        if hasattr(node, key):
            unique = np.unique(getattr(node, key))
            if len(unique) != 1:
                raise NirError(
                    f"node {name}: expected the same {key} for all neurons, as a layer's equations "
                    f"have, got {len(unique)} values from {unique.min():g} to {unique.max():g}"
                )
            values[key] = float(unique[0])
            if np.isnan(values[key]):
                raise NirError(f"node {name}: expected numbers, got {key} = nan")
    try:
        return LeakyNeuron.from_nir(values, dt, stepping)
    except NirError as error:
        raise NirError(f"node {name}: {error}") from None


def _check_shape(name: str, node: Any, shape: tuple[int, ...]) -> None:
    found = np.shape(node.v_threshold)
    if found not in ((), (1,)) and np.prod(found) != np.prod(shape):
        raise NirError(f"node {name}: expected neurons of shape {shape}, got {found}")


def _set_kernels(network: SpikingNetwork, kernels: Sequence[tuple[str, np.ndarray]]) -> None:
    for (name, kernel), stage in zip(kernels, network.stages, strict=True):
        dtype = stage.conv.variables["w"].dtype
        if not np.isfinite(kernel).all():
            raise NirError(f"node {name}: expected weights that are finite, got NaN or infinity")
        rounded = kernel.astype(dtype)
        if not np.array_equal(rounded, kernel):
            raise NirError(
                f"node {name}: weights of {kernel.dtype} would be rounded to {np.dtype(dtype)}; "
                "set prefs.core.default_float_dtype = float64 first"
            )
        stage.conv.set_kernel("w", rounded.reshape(stage.conv.get_kernel("w").shape))


def _own(graph: Any) -> SpikingNetwork:
    """Return the network that a graph of ours describes, if its nodes are still those of it."""
    way_out = f"delete graph.metadata['{FORMAT}'] to read the nodes alone"
    try:
        header = json.loads(graph.metadata[FORMAT])
        network = SpikingNetwork.from_description(header["network"])
        for stage, thresholds in zip(network.stages, header["thresholds"], strict=True):
            variable = stage.offset("threshold", "theta")
            if variable is not None:
                variable.set_value(np.array(thresholds))
        # the pooling is recognised by its weights
        _set_kernels(network, _weights(graph, network))
        expected = to_nir(network, dt=header["dt"] * second, **header["options"])
    except NirError:
        raise
    except (AttributeError, KeyError, SyntaxError, TypeError, ValueError) as error:
        raise NirError(
            f"from_nir: its description is none that this version of hebbsim can build "
            f"({type(error).__name__}: {error}); {way_out}"
        ) from error
    precision = network.stages[0].conv.variables["w"].dtype
    for name in [*expected.nodes, *graph.nodes]:
        ours, theirs = expected.nodes.get(name), graph.nodes.get(name)
        if type(ours) is not type(theirs) or not _equal(ours, theirs, precision):
            raise NirError(
                f"node {name}: expected the {type(ours).__name__} of the network that the graph "
                f"describes, got another {type(theirs).__name__}; only weights may have changed "
                f"since. {way_out[0].upper()}{way_out[1:]}"
            )
    if sorted(graph.edges) != sorted(expected.edges):
        raise NirError(
            f"from_nir: expected the edges of the network that the graph describes, "
            f"{expected.edges}, got {graph.edges}. {way_out[0].upper()}{way_out[1:]}"
        )
    return network


def _weights(graph: Any, network: SpikingNetwork) -> list[tuple[str, np.ndarray]]:
    """Return the kernel of each layer with its node's name."""
    nir = nir_library()
    kernels = []
    for number, stage in enumerate(network.stages, start=1):
        names = [f"conv{number}", f"linear{number}", f"pool{number}"]
        name = next((name for name in names if name in graph.nodes), names[0])
        shape = stage.conv.get_kernel("w").shape
        node = graph.nodes.get(name)
        weight = (
            np.ones(shape) if isinstance(node, nir.SumPool2d) else getattr(node, "weight", None)
        )
        if weight is None or weight.size != np.prod(shape):
            found = "none" if weight is None else f"of {weight.shape}"
            raise NirError(
                f"node {name}: expected weights of {shape}, which the network that the graph "
                f"describes has, got {found}"
            )
        kernels.append((name, weight))
    return kernels


def _equal(one: Any, two: Any, precision: Any) -> bool:
    """Whether nodes differ in nothing but their weights, and what single precision rounds off."""
    values = [node.to_dict() for node in (one, two)]
    return all(
        _same(values[0][key], values[1][key], precision)
        for key in values[0].keys() - {"weight", "metadata", "input_shape"}
    )


def _same(one: Any, two: Any, precision: Any) -> bool:
    if precision != np.float32 or np.asarray(one).dtype.kind != "f":
        return np.array_equal(one, two)
    rounding = 4 * float(np.finfo(np.float32).eps)
    return np.shape(one) == np.shape(two) and np.allclose(one, two, rtol=rounding, atol=0)
