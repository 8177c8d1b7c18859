"""What starts workers after it has run compiled loops."""

import multiprocessing

import numpy as np
from brian2 import Network, defaultclock, prefs
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

from hebbsim import ConvSynapses, FeatureMap, rules


def learn(name="", channels=16):
    """Learn with loops that are long enough for threads to share them."""
    source = FeatureMap((1, 40, 40), "x : 1", name=f"source{name}")
    layer = FeatureMap((channels, 36, 36), "u : 1\ny : 1", name=f"layer{name}")
    conv = ConvSynapses(source, layer, kernel_size=5, rule=rules.Hebb(0.01), name=f"conv{name}")
    conv.set_kernel("w", np.ones((channels, 1, 5, 5)))
    source.set_maps("x", np.linspace(0, 1, 1600).reshape(1, 40, 40))
    layer.set_maps("y", np.linspace(0, 1, channels * 36 * 36).reshape(channels, 36, 36))
    Network(source, layer, conv).run(2 * defaultclock.dt)
    return float(conv.get_kernel("w").sum())


def work(name, threads):
    prefs.devices.cpp_standalone.openmp_threads = threads
    learn(f"_{name}_other", channels=14)  # in loops that the parent has not loaded
    return learn(f"_{name}")


def answer(queue, *given):
    queue.put(work(*given))


def answer_from_joblib(queue, *given):
    """The second level: workers of a worker."""
    here = work(*given)
    calls = [delayed(work)(f"deep{n}", given[1]) for n in range(2)]
    found = Parallel(n_jobs=2)(calls)
    get_reusable_executor().shutdown()  # else a forked process waits at its end until they idle
    queue.put(here if set(found) == {here} else found)


def answer_from_a_fork(queue, *given):
    """The second level: a process that is forked from a forked one."""
    inner = multiprocessing.get_context("fork").Queue()
    process = multiprocessing.get_context("fork").Process(target=answer, args=(inner, *given))
    process.start()
    queue.put(inner.get())
    process.join()


WORK = {
    "plain": answer,
    "joblib": answer_from_joblib,
    "fork": answer_from_a_fork,
}


def main(method, kind, threads):
    prefs.devices.cpp_standalone.openmp_threads = threads
    expected = learn()
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=WORK[kind], args=(queue, "worker", threads))
    process.start()
    found = queue.get()
    process.join()
    again = learn("_again")
    assert found == expected == again, (found, expected, again)
    print("in time")
