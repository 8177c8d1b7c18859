"""The examples in docstrings run, and give what they show."""

import doctest
import importlib
import pkgutil

import brian2
import numpy as np
import pytest
from brian2 import BrianLogger, start_scope

import hebbsim


class Checker(doctest.OutputChecker):
    """An example that shows no output may have one."""

    def check_output(self, want, got, optionflags):
        return not want or super().check_output(want, got, optionflags)


def documented():
    """Yield the docstrings with examples, each once."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for module in pkgutil.walk_packages(hebbsim.__path__, "hebbsim."):
        if module.name.startswith("hebbsim.benchmark"):  # parts of which need rivals
            continue
        found = importlib.import_module(module.name)
        for test in finder.find(found, module.name):
            if test.examples:
                yield test


#: What examples take for granted
COMMON = """
from hebbsim.data.filters import difference_of_gaussians, on_off_channels
from hebbsim.data.dog_bank import dog_bank, normalize_locally
images = np.random.default_rng(0).random((20, 1, 8, 8), dtype=np.float32)
labels = np.arange(20) % 10
test_images, test_labels = images, labels
duration = 16*defaultclock.dt
"""
RATES = "network = ConvNetwork((1, 8, 8), [ConvLayer(4, 3, rules.Oja())], batch_size=10)\n"
LARGE = "images = np.zeros((100, 1, 28, 28), dtype=np.float32)\n"
SPIKES = """
model = "v : 1\\ny : 1\\nfired : boolean"
layer = FeatureMap((200, 8, 8), model, "v > 1 and not fired", "fired = True")
"""
ORDER = f"""{SPIKES}
retina = FeatureMap((1, 8, 8), "bin : integer", "bin == t_in_timesteps % 16")
model = rules.OrderSTDP(soft=None).rewarded(0.004, 0.0005, block=1000).model
conv = ConvSynapses(retina, layer, model, on_pre="v_post += w", kernel_size=5, padding=2)
"""
NIR = """
neurons = {"inhibition": None, "single_spike": False}
network = SpikingNetwork((1, 8, 8), [SpikingLayer(4, 3, rules.PairSTDP(mu=1), **neurons)])
"""
#: What comes before some of them
BEFORE = {
    "LearningCurves": RATES,
    "to_nir": NIR,
    "from_nir": NIR,
    "save_nir": f"{NIR}save_nir(to_nir(network), 'network.nir')\n",
    "load_nir": f"{NIR}save_nir(to_nir(network), 'network.nir')\n",
    "from_torch": f"{LARGE}images = images[:10]\n",
    "load_state_dict": """
import torch
from hebbsim.bridge.state_dicts import load_state_dict
module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3))
torch.save(module.state_dict(), "trained_on_gpu.pt")
""",
    "to_torch": f"import torch\n{RATES}images = images.astype(np.float64)\n",
    "BatchNorm": """
layer = FeatureMap((4, 8, 8), "x : 1\\nz : 1")
network = Network(layer)
""",
    "Decision": ORDER,
    "EarliestSpike": SPIKES,
    "as_intensities": f"{LARGE}layers = [SpikingLayer(4, 5, rules.PairSTDP(mu=1))]\n",
    "latency_bins": LARGE,
    "LatencyEncoder": f"{LARGE}images = images[:2]\nnetwork = Network()\n",
    "PoissonEncoder": f"{LARGE}image = images[0]\n",
    "FeatureMap": LARGE,
    "StoredImages": LARGE + SPIKES,
    "PerChannel": SPIKES,
    "PerMap": SPIKES,
    "ConvNetwork": "images = np.zeros((100, 1, 8, 8), dtype=np.float32)\n",
    "SpikingNetwork": f"{LARGE}images = images[:20]\n",
    "ConvSynapses": """
source = FeatureMap((1, 8, 8), "x : 1")
target = FeatureMap((4, 4, 4), "u : 1\\ny : 1")
""",
    "explain": ORDER,
    "OrderPlasticity": ORDER,
}


def test_all_that_is_exported_has_an_example():
    exported = {name: getattr(hebbsim, name) for name in hebbsim.__all__ if name != "rules"}
    assert [name for name, found in exported.items() if ">>> " not in found.__doc__] == []


@pytest.mark.parametrize("test", list(documented()), ids=lambda test: test.name)
def test_example(test, tmp_path, monkeypatch):
    BrianLogger.suppress_name("resolution_conflict")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(brian2.prefs, "codegen.target", "numpy")
    start_scope()
    scope = {**vars(brian2), **{n: getattr(hebbsim, n) for n in hebbsim.__all__}, "np": np}
    exec(COMMON + BEFORE.get(test.name.rpartition(".")[2], ""), scope)
    test.globs = {**test.globs, **scope}
    # the device is that of the whole process
    test.examples = [e for e in test.examples if not e.source.startswith("set_device(")]
    said: list[str] = []
    runner = doctest.DocTestRunner(Checker())
    assert runner.run(test, out=said.append).failed == 0, "".join(said)
