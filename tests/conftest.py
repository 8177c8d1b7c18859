"""Fixtures: every test that asks for a `target` runs on all code-generation targets."""

import gc
import os
import shutil
import sys

# Tests share the cores, and what they multiply is small: threads of BLAS, OpenMP and torch would
# mostly spin, waiting for each other. Libraries look when they are loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import pytest
from brian2 import BrianLogger, defaultclock, device, ms, prefs, seed, set_device, start_scope
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from cuda_programs import use_cuda
from cython_modules import compile_cython_quickly

TARGETS = (
    *("numpy", "cpp_runtime", "cpp_standalone"),
    pytest.param("cuda_on_cpu", marks=pytest.mark.slow),
    pytest.param("cuda", marks=pytest.mark.gpu),
)

#: Brian2's device of each target that has one
STANDALONE = {
    "cpp_standalone": "cpp_standalone",
    "cuda_on_cpu": "cuda_standalone",
    "cuda": "cuda_standalone",
}


@pytest.fixture(autouse=True)
def _what_stays_is_no_garbage():
    """Keep what was imported or cached before out of the collection that begins each run."""
    gc.collect()  # what the last test left
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _quick_cython():
    """Compile Cython quickly in fixtures of modules too, which are older than those of a test."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        if shutil.which("g++") is not None:
            compile_cython_quickly(monkeypatch)
        yield


@pytest.fixture(autouse=True)
def _fresh_brian():
    """Start and end every test in runtime mode, with Brian2's preferences and a known seed."""
    BrianLogger.suppress_name("resolution_conflict")
    names = (
        "core.default_float_dtype",
        "codegen.target",
        "devices.cpp_standalone.openmp_threads",
    )
    saved = {name: prefs[name] for name in names}
    arguments = list(prefs["codegen.cpp.extra_compile_args_gcc"])
    seed(4711)  # of Brian2's strings, and of what is left in its buffers of random numbers
    start_scope()
    yield
    if type(device.__getattr__("arrays")).__name__ != "WeakKeyDictionary":
        device.reinit()
    set_device("runtime")
    defaultclock.dt = 0.1 * ms
    for name, value in saved.items():
        prefs[name] = value
    prefs["codegen.cpp.extra_compile_args_gcc"][:] = arguments


def choose_target(target: str, folder, monkeypatch=None) -> None:
    """Make `target` the current one; the standalone project goes to `folder`."""
    if target in ("cuda", "cuda_on_cpu"):
        use_cuda(folder / "cuda", monkeypatch, on_cpu=target == "cuda_on_cpu")
        return
    if target == "cpp_standalone":
        if shutil.which("g++") is None:
            pytest.skip("no C++ compiler")
        set_device("cpp_standalone", directory=str(folder / "standalone"))
        return
    if target == "cpp_runtime":
        if shutil.which("g++") is None:
            pytest.skip("no C++ compiler")
        prefs.codegen.target = "auto"
    else:
        prefs.codegen.target = "numpy"


@pytest.fixture(params=TARGETS)
def target(request, tmp_path, monkeypatch):
    """Run the test on each target."""
    choose_target(request.param, tmp_path, monkeypatch)
    return request.param


@pytest.fixture
def brian2_in_numpy(monkeypatch):
    """Let what is Brian2's own run in numpy on the target that compiles loops of this project.

    Where it is what ours is compared with, or records it: Cython takes two seconds for each object.
    """
    brian2_device = sys.modules["brian2.devices.device"]  # whose package gives the name to a device
    monkeypatch.setattr(brian2_device, "_auto_target", NumpyCodeObject)


@pytest.fixture(params=[np.float64, np.float32], ids=["float64", "float32"])
def dtype(request):
    """Run the test in each precision."""
    prefs.core.default_float_dtype = request.param
    return request.param
