"""What is said where Brian2CUDA is missing, or beside a Brian2 that it doesn't allow."""

from importlib.metadata import requires

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, ms, prefs, set_device
from brian2.devices.device import all_devices, get_device
from cuda_programs import missing
from typer.testing import CliRunner

from hebbsim.benchmark import on_cuda
from hebbsim.cli import app
from hebbsim.codegen import targets
from hebbsim.codegen.cuda import toolkit
from hebbsim.codegen.cuda.missing import MissingDevice
from hebbsim.errors import SettingsError

INSTALL = "python -m pip install 'hebbsim[cuda]'"


def pretend(monkeypatch, *, brian2: str, installed: bool) -> None:
    """Let a version of Brian2 be here, with Brian2CUDA or without."""
    monkeypatch.setattr(toolkit, "version", {"brian2": brian2}.__getitem__)
    find = toolkit.find_spec
    monkeypatch.setattr(
        toolkit, "find_spec", lambda name: installed or None if name == "brian2cuda" else find(name)
    )


def test_brian2cuda_allows_the_version_that_is_named():
    if missing("Brian2CUDA"):
        pytest.skip("no Brian2CUDA")
    assert f"brian2=={toolkit.BRIAN2}" in requires("brian2cuda")


@pytest.mark.parametrize(
    ("brian2", "installed", "found", "way_out"),
    [
        ("2.10.1", True, "installed", INSTALL),
        ("2.10.1", False, "", INSTALL),
        ("2.11.0", False, "", "it allows Brian2 2.10.1 alone, here is 2.11.0; " + INSTALL),
        ("2.11.0", True, "", "it allows Brian2 2.10.1 alone, here is 2.11.0; " + INSTALL),
        ("2.10.0", True, "", "it allows Brian2 2.10.1 alone, here is 2.10.0; " + INSTALL),
    ],
)
def test_brian2cuda_is_there_beside_its_own_brian2_alone(
    brian2, installed, found, way_out, monkeypatch
):
    pretend(monkeypatch, brian2=brian2, installed=installed)
    item = toolkit.requirements()[0]
    assert (item.name, item.found) == ("Brian2CUDA", found)
    assert item.way_out.removesuffix(" installs both") == way_out


def test_the_command_and_the_benchmark_name_both_versions(monkeypatch):
    pretend(monkeypatch, brian2="2.11.0", installed=True)
    result = CliRunner().invoke(app, ["cuda"])
    assert result.exit_code == 1
    assert "missing: it allows Brian2 2.10.1 alone, here is 2.11.0" in result.output
    with pytest.raises(SettingsError, match=r"Brian2CUDA: it allows Brian2 2.10.1 alone, here is"):
        on_cuda.torch_device()


@pytest.mark.parametrize("before", ["runtime", "cpp_standalone"])
def test_a_missing_device_says_so_and_leaves_the_current_one(before, tmp_path, monkeypatch):
    pretend(monkeypatch, brian2="2.11.0", installed=False)
    monkeypatch.setitem(all_devices, "cuda_standalone", MissingDevice())
    options = {} if before == "runtime" else {"directory": str(tmp_path)}
    set_device(before, **options)
    for arguments in ({}, {"build_on_run": False}, {"directory": "output"}):
        with pytest.raises(ImportError, match=r"cuda_standalone needs Brian2CUDA: it allows"):
            set_device("cuda_standalone", **arguments)
        assert get_device() is all_devices[before]
    set_device("runtime")
    prefs.codegen.target = "numpy"
    group = NeuronGroup(1, "dv/dt = 1/ms : 1", method="euler")
    Network(group).run(1 * ms)
    np.testing.assert_allclose(group.v, 1)


def test_brian2cuda_beside_another_brian2_gets_no_code_to_generate(monkeypatch):
    pretend(monkeypatch, brian2="2.11.0", installed=True)
    monkeypatch.setattr(targets, "on_cuda", lambda: True)
    with pytest.raises(ImportError, match=r"it allows Brian2 2.10.1 alone, here is 2.11.0"):
        targets.code_object_class()


def test_the_device_is_known_whatever_is_installed():
    assert isinstance(all_devices["cuda_standalone"], MissingDevice) == bool(missing("Brian2CUDA"))
