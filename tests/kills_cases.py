"""Work that is killed, and goes on: jobs, what they give, and how they are killed."""

import json
import os
import signal
import time
import traceback
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
from brian2 import prefs, second
from networks_cases import SHAPE, images, spiking_network, two_layers
from safetensors.numpy import load_file
from targets_cases import learn

from hebbsim import ConvLayer, ConvNetwork, SpikingNetwork, rules
from hebbsim.codegen.cpp import libraries
from hebbsim.compare.comparison import compare
from hebbsim.compare.results import ResultsFolder
from hebbsim.compare.settings import CompareSettings
from models.miconi2021 import Settings, run
from models.miconi2021.results import Results
from models.miconi2021.settings import named_conditions

# --- jobs: each goes on with what is in its folder --------------------------------------------


def one_layer():
    layer = ConvLayer(3, 3, rules.Oja("2/n_shared"), threshold_step=0.5)
    return ConvNetwork(SHAPE, [layer], batch_size=10)


def fit(build, folder, n_images=40, **kwds):
    network = build()
    given = {"epochs": 3, "progress": False, **kwds}
    network.fit(images(n_images), checkpoint=folder / "state.npz", resume=True, **given)


def rewarded():
    network = spiking_network()
    (layer,) = network.layers
    gated = rules.RewardGated(layer.rule, 1 * second, 0.1 * second, trial_by_trial=True)
    layers = [replace(layer, rule=gated)]
    return SpikingNetwork(**{**network.declaration(), "layers": layers})


def compared(folder):
    settings = CompareSettings.for_data(
        "digits", rules=("Oja",), seeds=2, epochs=2, channels=(4,), kernels=(6,), n_train=100
    )
    compare(settings, folder, resume=True, progress=False)


def miconi(folder):
    settings = Settings.quick(
        None, channels=(5, 6, 7), n_train=100, n_test=50, epochs=2, burn_in=1, threads=1
    )
    settings = replace(settings, batch_size=50)
    run(settings, named_conditions(["base"], 0.9), [0, 1], folder, resume=True, progress=False)


def compiled(folder):
    prefs.codegen.target = "auto"
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    libraries._libraries.clear()  # as in a new process
    np.save(folder / "kernel.npy", learn())


LABELS = np.arange(40) % 4

JOBS = {
    "one layer": partial(fit, one_layer, n_images=20, epochs=2),
    "rate": partial(fit, two_layers),
    "layerwise": partial(fit, two_layers, layerwise=True, burn_in=3),
    "STDP": partial(fit, spiking_network),
    "reward": partial(fit, rewarded, labels=LABELS),
    "compare": compared,
    "miconi2021": miconi,
    "compilation": compiled,
}


def outcome(folder):
    """All that a job gives, but for seconds and dates."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".npz":
            with np.load(path) as file:
                found |= {f"{name}:{key}": file[key].tolist() for key in file.files}
        elif path.suffix == ".npy":
            found[name] = np.load(path).tolist()
        elif path.suffix == ".safetensors":
            found |= {f"{name}:{key}": v.tolist() for key, v in load_file(path).items()}
        elif path.name == "results.csv":
            for kind in (ResultsFolder, Results):
                results = kind(path.parent)
                if tuple(path.read_text().splitlines()[0].split(",")) == results.columns:
                    rows = [replace(row, seconds=0) for row in results.read()]
                    found[name] = list(map(repr, rows))  # NaN is no equal of itself
        elif path.name == "settings.json":
            found[name] = json.loads(path.read_text())
        elif path.suffix in (".md", ".png", ".part"):
            found[name] = path.suffix if path.suffix == ".png" else path.read_bytes()
    return found


# --- kills ------------------------------------------------------------------------------------


def start(job, *args):
    """Do a job in a forked process; return its number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        child = os.fork()
    if child == 0:
        status = 1
        try:
            job(*args)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def wait(child, seconds):
    """Wait for a process; return its status, or None if it is still at work."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        number, status = os.waitpid(child, os.WNOHANG)
        if number:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return None


def kill(child):
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def finish(job, *args, seconds=300):
    """Do a job in a forked process, in time."""
    child = start(job, *args)
    status = wait(child, seconds)
    if status is None:
        kill(child)
    assert status == 0, f"it ended with {status}"


def kill_at_change(job, folder, number, after):
    """Do a job, and end without another word before or after its n-th change of the folder."""
    changes, replace_file = [], os.replace

    def change(*args, **kwds):
        changes.append(args)
        if len(changes) == number and not after:
            os._exit(9)
        replace_file(*args, **kwds)
        if len(changes) == number:
            os._exit(9)

    os.replace = change
    job(folder)
