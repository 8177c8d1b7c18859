"""What works where torch isn't installed, and what is said by the rest."""

import json
import subprocess
import sys

import pytest

#: Runs in a process of its own, in which nothing can import torch or torchvision
SCRIPT = """
import json, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())

import numpy as np
from brian2 import prefs
from pathlib import Path
from typer.testing import CliRunner

import hebbsim
from hebbsim.benchmark.runner import benchmark
from hebbsim.benchmark.setting import Setting
from hebbsim.bridge.weights import check_weights, load_network, load_weights, save_weights
from hebbsim.cli import app
from hebbsim.compare.comparison import compare
from hebbsim.compare.settings import CompareSettings

prefs.codegen.target = "numpy"
folder = Path(sys.argv[1])
found = {}

from hebbsim import *  # all that there is

digits = hebbsim.load_dataset("digits")
layer = hebbsim.ConvLayer(4, 5, hebbsim.rules.Oja(), threshold_step=0.3)
network = hebbsim.ConvNetwork((1, 8, 8), [layer], batch_size=50, seed=0)
network.fit(digits.train_images[:100], progress=False)
found["maps"] = network.transform(digits.test_images[:50]).shape
(folder / "net.pt").write_text("of an earlier save")
found["files"] = [p.name for p in save_weights(network, folder / "net", overwrite=True)]
found["left"] = sorted(p.name for p in folder.iterdir())
check_weights(folder / "net")
np.savez(folder / "state", weight=network.stages[0].conv.get_kernel("w"))

settings = CompareSettings.for_data(
    "digits", quick=True, rules=("Oja",), channels=(2,), kernels=(5,), n_train=100, n_test=50
)
rows = compare(settings, folder / "compare")
found["rules"] = [row.rule for row in rows]
found["accuracies"] = [row.accuracy for row in rows]
found["report"] = (folder / "compare" / "report.html").exists()

def said(call):
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

found["said"] = {
    "to_torch": said(lambda: hebbsim.to_torch(network)),
    "from_torch": said(lambda: hebbsim.from_torch(None)),
    "load_weights": said(lambda: load_weights(folder / "net")),
    "load_network": said(lambda: load_network(folder / "net")),
    "data set 'cifar10'": said(lambda: hebbsim.load_dataset("cifar10", data_root=folder)),
    "data set 'mnist'": said(
        lambda: hebbsim.load_dataset("mnist", data_root=folder, download=True)
    ),
    "missing": said(lambda: hebbsim.load_dataset("mnist", data_root=folder)),
    "part b": said(lambda: benchmark(Setting(threads=1), folder / "benchmark", ["b"])),
}
cifar = CliRunner().invoke(app, ["compare", "--data", "cifar10", "--data-root", str(folder)])
found["command"] = [cifar.exit_code, cifar.stderr]
raw = folder / "MNIST" / "raw"
raw.mkdir(parents=True)
for split, n in (("train", 3), ("t10k", 2)):
    (raw / f"{split}-images-idx3-ubyte").write_bytes(
        bytes((0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 4, 0, 0, 0, 5, *range(20 * n)))
    )
    (raw / f"{split}-labels-idx1-ubyte").write_bytes(bytes((0, 0, 8, 1, 0, 0, 0, n, *range(n))))
mnist = hebbsim.load_dataset("mnist", data_root=folder)
found["mnist"] = [mnist.train_images.shape, int(mnist.test_images[1, 0, 3, 4])]
found["loaded"] = [name for name in sys.modules if name.partition(".")[0] == "torch"]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("without_torch")


@pytest.fixture(scope="module")
def found(folder):
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_network_learns_and_its_weights_are_kept(found):
    assert found["maps"] == [50, 4, 4, 4]
    assert found["files"] == ["net.safetensors", "net.json"]
    assert found["left"] == ["net.json", "net.safetensors"]
    assert found["loaded"] == []


def test_what_was_saved_is_read_where_torch_is_installed(found, folder):
    import numpy as np

    from hebbsim.bridge.weights import load_network, load_weights

    weight = np.load(folder / "state.npz")["weight"]
    for kernel in (
        load_weights(folder / "net").conv1.weight.numpy(),
        load_network(folder / "net").stages[0].conv.get_kernel("w"),
    ):
        np.testing.assert_array_equal(kernel, weight)


def test_rules_are_compared_on_the_digits(found):
    assert found["rules"] == ["pixels", "random", "Oja"]
    assert min(found["accuracies"]) > 0.2  # chance is 0.1
    assert found["report"]


@pytest.mark.parametrize(
    "name",
    [
        *("to_torch", "from_torch", "load_weights", "load_network", "part b"),
        *("data set 'cifar10'", "data set 'mnist'"),
    ],
)
def test_the_rest_says_what_to_install(found, name):
    package = "torchvision" if "data set" in name else "torch"
    assert found["said"][name] == (
        f"MissingPackageError: {name} needs the package {package}, which isn't installed: "
        "pip install 'hebbsim[torch]'"
    )


def test_idx_files_are_read_or_missing(found):
    assert found["mnist"] == [[3, 1, 4, 5], 39]
    assert "train-images-idx3-ubyte' is missing, and torchvision," in found["said"]["missing"]


def test_the_command_says_it_in_a_line(found):
    status, text = found["command"]
    assert (status, text.count("\n")) == (2, 1)
    assert "pip install 'hebbsim[torch]'" in text
