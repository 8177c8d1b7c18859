"""A unit finds Brian2 as in a new process, and leaves it so; programs are built in its folder."""

import os
import random
from copy import deepcopy

import numpy as np
from brian2 import Network, NeuronGroup, defaultclock, get_device, ms, prefs, set_device
from brian2.devices.device import runtime_device

from hebbsim.sweeps.build_folder import build_folder
from hebbsim.sweeps.fresh_process import as_in_a_fresh_process


def test_numbers_clock_and_preferences_are_those_of_a_new_process(tmp_path):
    def draw():
        with as_in_a_fresh_process(7, tmp_path, 1):
            found = random.random(), np.random.rand(), defaultclock.dt  # noqa: NPY002
            assert prefs.codegen.runtime.cython.cache_dir == str(tmp_path / "cython")
            defaultclock.dt = 2 * ms
            prefs.codegen.target = "numpy"
            prefs["codegen.cpp.extra_compile_args_gcc"].append("-g")  # in place
            prefs.core.default_float_dtype = np.float32
            return found

    before = {name: deepcopy(prefs[name]) for name in prefs}
    assert draw() == draw()
    assert {name: prefs[name] for name in prefs} == before


def test_standalone_programs_are_built_in_the_workers_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build = tmp_path / "build"
    with as_in_a_fresh_process(0, build, 1):
        set_device("cpp_standalone", build_on_run=False)
        Network(NeuronGroup(1, "v : 1", name="alone")).run(defaultclock.dt)
        get_device().build(compile=False, run=False)
        assert (build / "standalone" / "main.cpp").exists()
        get_device().reinit()
        set_device("cpp_standalone", build_on_run=False)
        Network(NeuronGroup(1, "v : 1", name="alone")).run(defaultclock.dt)
        get_device().build(directory=str(tmp_path / "mine"), compile=False, run=False)
        assert (tmp_path / "mine" / "main.cpp").exists()
    assert get_device() is runtime_device
    assert set(os.listdir(tmp_path)) == {"build", "mine"}


def test_a_process_keeps_its_build_folder(tmp_path, monkeypatch):
    first = build_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert build_folder() == first
