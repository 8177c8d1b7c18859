"""Compile one of the networks that an example simulates, for a GPU that need not be there.

    python -O tests/cuda_examples.py NUMBER FOLDER SCRIPT [OPTION ...]

The script runs with Brian2CUDA as its device, whatever device it asks for, until it comes to run
its network NUMBER, from 0. That network's code goes to FOLDER and is compiled. Those before are not
run, and what they would have computed reads as zeros; so -O leaves the script's assertions out.
What streams from Python (`ConvNetwork.fit`, `SpikingNetwork`) is taken for its network, in which
all layers learn.
"""

import runpy
import sys
from contextlib import contextmanager
from typing import Any

import brian2
import numpy as np
from brian2 import MagicNetwork, Network, prefs
from brian2.devices.device import all_devices

from hebbsim.codegen.cuda.toolkit import compile_without_gpu
from hebbsim.networks.layered_network import LayeredNetwork


def stay_on_cuda() -> None:
    """Make Brian2CUDA the device, whatever others are asked for."""
    choose = brian2.set_device

    def set_device(name="cpp_standalone", **_):
        if name != "runtime":
            choose("cuda_standalone", build_on_run=False)

    set_device()
    compile_without_gpu(9.0)
    for module in (brian2, brian2.devices.device):
        module.set_device, module.reset_device = set_device, lambda: None


def read_unknown_values_as_zeros(device: Any) -> None:
    """Let a script go on past the results of a network that was not run."""
    known = type(device).get_value

    def get_value(self, var, access_data=True):
        try:
            return known(self, var, access_data)
        except NotImplementedError:
            return np.zeros(var.size, var.dtype)

    device.get_value = get_value.__get__(device)


class NothingRuns:
    """What stands for a program that was not run."""

    stopped = False

    def run(self, *_):
        pass


def stream_nothing() -> None:
    """Let layered networks run without what Python gives them, and let all layers learn."""

    @contextmanager
    def run_once(self, **_):
        self.brian2.run(self.clock.dt, namespace={})
        yield NothingRuns()

    LayeredNetwork._ready = run_once


def leave_out_other_networks(device: Any, network: Network) -> None:
    """Forget the code that initialised other networks' objects: it is compiled with theirs."""
    if isinstance(network, MagicNetwork):  # which has all objects
        return
    names = {item.name for item in network.sorted_objects}

    def belongs(code: Any) -> bool:
        return code.owner.name in names

    device.main_queue[:] = [
        (what, arguments)
        for what, arguments in device.main_queue
        if what != "run_code_object" or belongs(arguments[0])
    ]
    device.code_objects = {n: code for n, code in device.code_objects.items() if belongs(code)}


def compile_network(number: int, folder: str) -> list[Network]:
    """Compile the network `number` that is run, and end; return those that were, so far."""
    device, met, run = all_devices["cuda_standalone"], [], Network.run
    build = device.build

    def run_or_compile(self, duration, *arguments, level=0, **options):
        if not any(self is network for network in met):
            met.append(self)
        if len(met) <= number or self is not met[number]:
            return
        del device.get_value  # code depends on what is known
        options["report"] = None
        leave_out_other_networks(device, self)
        run(self, duration, level=level + 1, **options)
        prefs.codegen.cpp.extra_link_args = []  # those of the CPU's linker
        build(directory=folder, run=False, with_output=False)
        sys.exit(0)

    Network.run = run_or_compile
    device.build = lambda **_: None
    return met


def main() -> None:
    """Run the script."""
    number, folder, script = int(sys.argv[1]), *sys.argv[2:4]
    sys.argv[:] = sys.argv[3:]
    stay_on_cuda()
    read_unknown_values_as_zeros(all_devices["cuda_standalone"])
    stream_nothing()
    met = compile_network(number, folder)
    runpy.run_path(script, run_name="__main__")
    sys.exit(f"{script} runs {len(met)} networks, there is no number {number}")


if __name__ == "__main__":
    main()
