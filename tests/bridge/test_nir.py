"""NIR: kernels come back bit for bit, other simulators give our spikes, and refusals name nodes."""

import json
from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms, mV, prefs
from hypothesis import given
from hypothesis import strategies as st
from nir_cases import READERS, STEPS, counts

from hebbsim import SpikingLayer, SpikingNetwork, from_nir, load_nir, rules, save_nir, to_nir
from hebbsim.bridge.nir_neurons import LeakyNeuron, NirError, neuron_of

nir = pytest.importorskip("nir", reason="the package nir isn't installed")
pytestmark = pytest.mark.usefixtures("numpy_target")

FREE = {"inhibition": None, "single_spike": False}
#: Of Brian2's schedule, with resets before synapses, as other simulators have them
RESETS_FIRST = ["start", "groups", "thresholds", "resets", "synapses", "end"]
LAYER = SpikingLayer(8, 3, rules.PairSTDP(mu=1), initial_weights=(-0.2, 0.5), **FREE)
SECOND = replace(
    LAYER,
    out_channels=10,
    kernel_size=6,
    threshold="v > 0.5 + theta",
    initial_weights=(-0.1, 0.2),
)


def build(*layers, **kwds):
    options = {"batch_size": 50, "seed": 3} | kwds
    return SpikingNetwork((1, 8, 8), layers, **options)


def digits(n=50):
    from sklearn.datasets import load_digits

    return load_digits().images[:n, None] / 16


def frames(images, steps):
    """Return what the latency encoder sends: (steps, samples, channels, rows, cols)."""
    latency = np.floor(steps * (1 - images) + 1e-3)
    return np.stack([(latency == step) & (images > 0) for step in range(steps)])


def kernels(network):
    return [stage.conv.get_kernel("w") for stage in network.stages]


@pytest.fixture(scope="module")
def graph():
    saved, prefs.codegen.target = prefs.codegen.target, "numpy"
    yield to_nir(build(LAYER, SECOND))
    prefs.codegen.target = saved


@pytest.fixture(scope="module")
def counted():
    """A network of digits, its graph's spikes in Brian2's order, and with resets first."""
    saved, prefs.codegen.target = prefs.codegen.target, "numpy"
    network = build(replace(LAYER, rule=None), replace(SECOND, rule=None))
    images = digits()
    usual = network.transform(images)
    network.brian2.schedule = RESETS_FIRST
    yield network, images, usual, network.transform(images)
    prefs.codegen.target = saved


@pytest.mark.filterwarnings("ignore")  # of the readers and what they import
@pytest.mark.parametrize("reader", READERS)
def test_other_simulators_give_our_spikes(reader, counted, capsys):
    pytest.importorskip(reader, reason=f"{reader} isn't installed, nor read with")
    network, images, usual, resets_first = counted
    graph = to_nir(network, dt=STEPS[reader], linear=False)
    # their layers are each a step ahead
    shown = frames(images, network.n_steps)[: -len(network.stages)]
    theirs = counts(reader, graph, shown).reshape(usual.shape)
    assert usual.mean() > 0.5
    differences = [np.abs(theirs - ours).mean() for ours in (usual, resets_first)]
    with capsys.disabled():
        print(
            f"\n{reader}: {theirs.mean():.3f} spikes a neuron and digit; mean difference "
            f"{differences[0]:.3f} from {usual.mean():.3f}, with resets first {differences[1]:.4f} "
            f"from {resets_first.mean():.3f}"
        )
    assert differences[0] < 0.25 * usual.mean()
    assert differences[1] < 0.002 * usual.mean()  # thresholds that are met within rounding


def test_kernels_rules_and_settings_come_back_from_a_file(graph, tmp_path):
    assert [type(node).__name__ for node in graph.nodes.values()] == [
        *("Input", "Conv2d", "LIF", "Flatten", "Linear", "LIF", "Output")
    ]
    read = load_nir(save_nir(graph, tmp_path / "network.nir"))
    assert read.nodes["conv1"].metadata["rule"] == str(LAYER.rule)
    back = from_nir(read)
    assert back.layers == (LAYER, SECOND)
    assert back.duration == 30 * ms
    weights = (graph.nodes["conv1"].weight, graph.nodes["linear2"].weight)
    for ours, theirs in zip(kernels(back), weights, strict=True):
        np.testing.assert_array_equal(ours.ravel(), theirs.ravel())
    again = to_nir(back)
    for name, node in graph.nodes.items():
        for key, value in node.to_dict().items():
            np.testing.assert_array_equal(again.nodes[name].to_dict()[key], value)


def test_what_our_own_graph_says_cannot_be_chosen(graph):
    with pytest.raises(NirError, match="so stepping, dt, batch_size can't be chosen; delete graph"):
        from_nir(graph, dt=0.1 * ms, stepping="exact", batch_size=2)


def test_a_foreign_graph_takes_the_same_steps(graph):
    foreign = nir.NIRGraph(dict(graph.nodes), list(graph.edges))
    network = from_nir(foreign, rules={"conv1": LAYER.rule}, batch_size=50)
    assert [layer.rule for layer in network.layers] == [LAYER.rule, None]
    again = to_nir(network)
    for name, node in graph.nodes.items():
        for key, value in node.to_dict().items():
            if key != "metadata":
                one, two = np.asarray(again.nodes[name].to_dict()[key]), np.asarray(value)
                if one.dtype.kind == "f" and key != "weight":
                    np.testing.assert_allclose(one, two, rtol=1e-12, atol=0)
                else:
                    np.testing.assert_array_equal(one, two)


def test_a_damaged_or_missing_file_is_refused(graph, tmp_path):
    path = save_nir(graph, tmp_path / "network.nir")
    whole = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save_nir(graph, path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NirError, match=r"network\.nir is truncated, damaged"):
        load_nir(path)
    with pytest.raises(NirError, match="got none"):
        load_nir(tmp_path / "other.nir")
    assert save_nir(graph, path, overwrite=True).stat().st_size == len(whole)
    assert [file.name for file in tmp_path.iterdir()] == ["network.nir"]


def test_sum_pooling_is_one(tmp_path):
    pooling = replace(LAYER, rule=None, kernel_size=2, stride=2, groups=8, threshold="v > 1")
    network = build(LAYER, pooling)
    with pytest.raises(NirError, match="layer 2: expected groups=1"):
        to_nir(network)
    network.stages[1].conv.set_kernel("w", np.ones((8, 1, 2, 2)))
    graph = load_nir(save_nir(to_nir(network), tmp_path / "pooled.nir"))
    assert isinstance(graph.nodes["pool2"], nir.SumPool2d)
    for one, two in zip(kernels(from_nir(graph)), kernels(network), strict=True):
        np.testing.assert_array_equal(one, two)


def test_competition_is_dropped_when_asked_and_comes_back(monkeypatch):
    layer = SpikingLayer(4, 3, rules.PairSTDP(mu=1), theta_plus=0.1)
    network = build(layer)
    network.stages[0].offset("threshold", "theta").set_value(np.array([0.0, 0.1, 0.2, 0.3]))
    with pytest.raises(NirError, match="layer 1: expected inhibition=None"):
        to_nir(network)
    graph = to_nir(network, drop_competition=True)
    assert len(np.unique(graph.nodes["neurons1"].v_threshold)) == 4
    back = from_nir(graph)
    assert back.layers == (layer,)
    np.testing.assert_array_equal(back.stages[0].thresholds, [0.0, 0.1, 0.2, 0.3])
    monkeypatch.setitem(prefs, "core.default_float_dtype", np.float32)
    graph.nodes["conv1"].weight = graph.nodes["conv1"].weight.astype(np.float32)
    single = from_nir(graph)  # of thresholds that this precision rounds
    np.testing.assert_allclose(single.stages[0].thresholds, [0.0, 0.1, 0.2, 0.3], rtol=1e-6)
    graph.nodes["neurons1"].v_threshold[0] *= 1.00001
    with pytest.raises(NirError, match="got another"):
        from_nir(graph)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "dv/dt = (-v + g)/(20*ms) : 1\ndg/dt = -g/(5*ms) : 1"}, "expected one equation"),
        ({"model": "dv/dt = -v**2/(20*ms) : 1"}, "v_leak - v"),
        ({"model": "dv/dt = (0.5 - v)/(20*ms) : 1"}, "start at rest, 0.5"),
        ({"threshold": "v >= 1"}, "write it with '>'"),
        ({"threshold": "v > 1 + rand()"}, "constants alone"),
        ({"reset": "v -= 1"}, "expected reset='v = 0'"),
        ({"on_pre": "v_post += w*v_post"}, "expected on_pre='v_post"),
    ],
)
def test_other_neurons_are_refused(change, said):
    layer = replace(LAYER, **change)
    with pytest.raises(NirError, match=f"layer 1: .*{said}"):
        neuron_of(layer, np.zeros(8), "layer 1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"delay": 1 * ms}, "expected no delay"),
        ({"pooling": "earliest"}, "expected pooling=None"),
        ({"kernel_size": (2, 3)}, "expected a square kernel"),
        ({"padding": 1, "padding_mode": "reflect"}, "expected padding_mode='zeros'"),
    ],
)
def test_other_connections_are_refused(change, said):
    network = build(replace(LAYER, rule=None, **change))
    with pytest.raises(NirError, match=f"layer 1: {said}"):
        to_nir(network)


@pytest.mark.parametrize(
    "change", [{"groups": 2}, {"kernel_size": 3, "padding": 1}, {"kernel_size": 1, "padding": 1}]
)
def test_a_vector_has_neither_groups_nor_padding(change):
    whole = replace(LAYER, rule=None, kernel_size=8)
    with pytest.raises(NirError, match="layer 2: expected a kernel of 1x1 without padding or gro"):
        to_nir(build(whole, replace(whole, **({"kernel_size": 1} | change))))


@pytest.mark.parametrize(("rest", "tau"), [(-55, 50), (-55, 100), (-60, 12), (-70, 20)])
def test_potentials_start_at_rest_but_for_rounding(rest, tau):
    layer = replace(
        LAYER,
        model=f"dv/dt = ({rest}*mV - v)/({tau}*ms) : volt",
        threshold="v > -50*mV",
        reset=f"v = {rest}*mV",
        initial=f"v = {rest}*mV",
        on_pre="v_post += w*mV",
    )
    assert neuron_of(layer, np.zeros(8), "layer 1").leak == pytest.approx(rest / 1000)


def test_units_and_spellings_are_seen_through():
    layer = replace(
        LAYER,
        model="dv/dt = -(v + 70*mV)/(10*ms) : volt",
        threshold="-50*mV < v - theta*mV",
        reset="v = -65*mV",
        initial="v = -70*mV",
        on_pre="v_post = v_post + 2*mV*w",
    )
    neuron = neuron_of(layer, np.array([0.0, 1.0]), "layer 1")
    assert neuron.tau == pytest.approx(float(10 * ms))
    np.testing.assert_allclose(neuron.threshold, [float(-50 * mV), float(-49 * mV)])
    values = (neuron.leak, neuron.reset, neuron.jump)
    np.testing.assert_allclose(values, [-0.070, -0.065, 0.002])
    assert neuron_of(replace(LAYER, model="v : 1"), np.zeros(8), "layer 1").tau == np.inf


@given(st.floats(1.5e-3, 1), st.floats(0.1, 10), st.sampled_from(["euler", "exact"]), st.booleans())
def test_a_neuron_takes_the_same_steps_in_nir(tau, jump, stepping, leaky):
    """The potential of the docstring's two recursions, by Euler's method and exactly."""
    neuron = LeakyNeuron(tau if leaky else np.inf, -0.07, np.array([1.0]), -0.07, jump)
    values = neuron.to_nir(1e-3, 1e-4, stepping)
    u, v = -0.07, 0.0
    for spikes in (1.0, 0.0, 0.4, 0.0, 2.0):
        u = -0.07 + neuron.decay(1e-3) * (u + 0.07 + jump * spikes)
        if not leaky:
            v += 1e-4 * values["r"] * spikes
        elif stepping == "euler":
            v += 1e-4 / values["tau"] * (-v + values["r"] * spikes)
        else:
            decay = np.exp(-1e-4 / values["tau"])
            v = decay * v + (1 - decay) * values["r"] * spikes
        expected = (u + 0.07) / (1.07) * values["v_threshold"][0]
        assert v == pytest.approx(expected, rel=1e-9)
    back = LeakyNeuron.from_nir(
        {name: float(np.ravel(value)[0]) for name, value in values.items()}, 1e-4, stepping
    )
    assert back.threshold[0] * jump == pytest.approx(1.07, rel=1e-9)


def lif(shape, **kwds):
    full = {name: np.full(shape, v) for name, v in {"tau": 0.02, "r": 1.0, "v_leak": 0.0}.items()}
    return nir.LIF(**{**full, "v_threshold": np.ones(shape), "v_reset": np.zeros(shape), **kwds})


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        (
            [nir.Linear(np.ones((3, 4))), nir.LI(*np.ones((3, 3)))],
            "node 2: expected one of LIF, IF",
        ),
        ([nir.Affine(np.ones((3, 4)), np.ones(3)), lif(3)], "node 1: expected a bias of 0"),
        (
            [nir.Linear(np.ones((3, 4))), lif(3, tau=np.array([0.01, 0.02, 0.03]))],
            "node 2: expected the same tau",
        ),
        ([nir.Linear(np.ones((3, 4))), lif(3, tau=np.full(3, 1e-4))], "node 2: tau = 0.0001 s"),
        ([nir.Linear(np.full((3, 4), np.nan)), lif(3)], "node 1: expected weights that are finite"),
        (
            [nir.Linear(np.ones((3, 4))), lif(3, v_threshold=np.full(3, np.nan))],
            "node 2: expected numbers, got v_threshold = nan",
        ),
    ],
)
def test_nodes_that_no_layer_is_are_refused(nodes, said):
    named = {
        "0": nir.Input(np.array([4])),
        "1": nodes[0],
        "2": nodes[1],
        "3": nir.Output(np.array([3])),
    }
    with pytest.raises(NirError, match=said):
        from_nir(nir.NIRGraph(named, [("0", "1"), ("1", "2"), ("2", "3")]))


@pytest.mark.parametrize("change", [{"model": "dv/dt = -v/(20*ms : 1"}, {"kernel_size": 9}, []])
def test_a_description_that_cannot_be_built_is_refused(graph, change):
    header = json.loads(graph.metadata["hebbsim"])
    layer = header["network"]["layers"][0]
    header["network"]["layers"][0] = {**layer, **change} if change else change
    damaged = nir.NIRGraph(graph.nodes, graph.edges, metadata={"hebbsim": json.dumps(header)})
    with pytest.raises(NirError, match=r"none that this version .* delete graph.metadata"):
        from_nir(damaged)


def test_a_recurrent_graph_and_changed_neurons_are_refused(graph):
    edges = [("0", "1"), ("1", "2"), ("2", "1"), ("2", "3")]
    weight = nir.Linear(np.ones((4, 4)))
    named = {
        "0": nir.Input(np.array([4])),
        "1": weight,
        "2": lif(4),
        "3": nir.Output(np.array([4])),
    }
    with pytest.raises(NirError, match="node 1: expected a chain"):
        from_nir(nir.NIRGraph(named, edges))
    changed = dict(graph.nodes) | {"neurons2": replace(graph.nodes["neurons2"], r=np.full(10, 2.0))}
    with pytest.raises(NirError, match="node neurons2: expected the LIF of the network"):
        from_nir(nir.NIRGraph(changed, graph.edges, metadata=graph.metadata))
