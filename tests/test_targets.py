"""What the C++ runtime target does besides computing: compile, cache, fall back, report."""

from itertools import pairwise

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, defaultclock, ms, prefs
from cases import random_geometry
from hypothesis import given
from hypothesis import strategies as st

from hebbsim import ConvSynapses, FeatureMap, rules
from hebbsim.codegen import targets
from hebbsim.codegen.cpp import compiler
from hebbsim.codegen.cpp.tiles import Registers, cut, even_cut, kernel_tiles, post_tiles
from hebbsim.codegen.targets import code_object_class


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of compiled libraries."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiler, "_pending", {})
    return tmp_path / "hebbsim"


def learn(name="", rate=0.01, seed=0):
    source = FeatureMap((1, 5, 5), "x : 1", name=f"source{name}")
    layer = FeatureMap((3, 3, 3), "u : 1\ny : 1", name=f"layer{name}")
    conv = ConvSynapses(source, layer, kernel_size=3, rule=rules.Oja(rate), name=f"conv{name}")
    rng = np.random.default_rng(seed)
    source.set_maps("x", rng.random((1, 5, 5)))
    layer.set_maps("y", rng.random((3, 3, 3)))
    Network(source, layer, conv).run(defaultclock.dt)
    return conv.get_kernel("w")


def test_other_names_rates_and_states_share_compiled_code(cache):
    learn()
    compiled = set(cache.iterdir())
    assert len(compiled) == 3  # drive, change, update
    learn("_again", rate=0.5, seed=1)
    assert set(cache.iterdir()) == compiled


def test_the_cache_holds_libraries_alone(cache):
    learn()
    assert {file.suffix for file in cache.iterdir()} == {".so"}


def test_a_compiler_error_shows_the_command_and_the_compilers_words(cache):
    future = compiler.compile_library("this is no C++")
    with pytest.raises(compiler.CompilationError, match=r"g\+\+ .* failed(.|\n)*error:"):
        future.result()


def test_without_a_compiler_numpy_computes_the_same(monkeypatch):
    expected = learn()
    warnings = []
    monkeypatch.setattr(targets, "compiler_available", lambda: False)
    monkeypatch.setattr(targets.logger, "warn", lambda *args, **_: warnings.append(args))
    assert code_object_class().class_name == "numpy"
    np.testing.assert_allclose(learn("_numpy"), expected, atol=1e-15)
    assert "No C++ compiler was found" in warnings[0][0]


def test_what_draws_random_numbers_stays_with_brian2():
    prefs.codegen.target = "auto"
    layer = FeatureMap((2, 3, 3), "dv/dt = -v/(5*ms) + 0.1*xi/ms**0.5 : 1", method="euler")
    layer.run_regularly("v += 0.1*rand()")
    Network(layer).run(2 * ms)
    assert np.std(layer.v[:]) > 0
    assert layer.state_updater.codeobj.class_name != "cpp_runtime"


def test_spiking_maps_run_in_the_same_target_as_neuron_groups_compute():
    model = "dv/dt = (drive - v)/(5*ms) : 1 (unless refractory)\ndrive : 1\nn : 1"
    kwds = {
        "threshold": "v > 1",
        "reset": "v = 0\nn += 1",
        "refractory": 1 * ms,
        "method": "exact",
    }
    layer = FeatureMap((3, 4, 4), model, **kwds)
    layer.drive = "0.5 + 0.05*i"
    Network(layer).run(30 * ms)
    assert layer.state_updater.codeobj.class_name == "cpp_runtime"
    prefs.codegen.target = "numpy"
    group = NeuronGroup(48, model, **kwds)
    group.drive = "0.5 + 0.05*i"
    Network(group).run(30 * ms)
    np.testing.assert_array_equal(layer.n[:], group.n[:])
    np.testing.assert_allclose(layer.v[:], group.v[:], atol=1e-12)
    assert group.n[:].sum() > 100


REGISTERS = [(32, 64), (16, 32), (32, 16)]  # AVX-512, AVX2, NEON


def test_axes_are_cut_into_tiles_without_rest():
    for length in range(1, 70):
        for runs in (cut(length, (8, 4, 2, 1)), even_cut(length, 8)):
            assert runs[0].start == 0
            assert runs[-1].stop == length
            for one, two in pairwise(runs):
                assert one.stop == two.start
            assert all((run.stop - run.start) % run.size == 0 for run in runs)
            assert max(run.size for run in runs) <= 8


@given(
    st.integers(0, 10**6), st.sampled_from([4, 8]), st.sampled_from([(32, 64), (16, 32), (32, 16)])
)
def test_tiles_cover_maps_and_kernels(seed, itemsize, registers):
    geometry = random_geometry(np.random.default_rng(seed))
    registers = Registers(*registers)

    def covered(runs):
        return [n for run in runs for n in range(run.start, run.stop)]

    channels = geometry.out_channels_per_group
    tiles = post_tiles(geometry, itemsize, registers)
    assert covered(tiles.rows) == list(range(geometry.out_shape.rows))
    assert covered(tiles.cols) == list(range(geometry.out_shape.cols))
    assert covered(tiles.channels)[:channels] == list(range(channels))
    assert all(run.size <= channels for run in tiles.channels)  # the last starts earlier instead
    for running in (False, True):
        tiles = kernel_tiles(geometry, 7, itemsize, registers, running=running)
        assert covered(tiles.cols) == list(range(geometry.kernel_size[1]))
        assert covered(tiles.in_channels) == list(range(geometry.in_channels_per_group))
        assert covered(tiles.channels) == list(range(channels))
        assert 1 <= tiles.samples <= 7
