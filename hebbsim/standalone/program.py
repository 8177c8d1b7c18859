"""A network as one program of a standalone device, compiled once and run many times."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any
from weakref import finalize

import jinja2
import numpy as np
from brian2 import Network, NetworkOperation, Synapses, prefs, second
from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable, DynamicArrayVariable
from brian2.devices.device import get_device

from hebbsim.brian2_private import forget_stop, was_stopped
from hebbsim.codegen.targets import on_cuda
from hebbsim.standalone.live_arrays import LiveArrays
from hebbsim.standalone.process import ServedProcess

__all__ = ["Program", "Session"]

_HEADERS = ("<unistd.h>", "<algorithm>", "<cstdint>", "<cstdlib>", "<utility>", "<vector>")
#: What a program keeps of the device's tables: by variable, and lists whose entries begin with it
_BY_VARIABLE = ("arrays", "dynamic_arrays", "dynamic_arrays_2d")
_LISTS = ("zero_arrays", "arange_arrays")


class Program:
    """Compile what a network runs on the current standalone device.

    How long it runs, which of its objects do, and all arrays are told to the running program: see
    `running`. The device is left as it was before.

    Parameters
    ----------
    network : Network
        Whose objects all go into the program, whether they are active or not.

    Raises
    ------
    NotImplementedError
        If an object runs in Python, or keeps what a running program can't be asked for.
    """

    def __init__(self, network: Network) -> None:
        self._simulation, self._device = network, get_device()
        self._refuse_others()
        #: What the program was made for: if it changes, another program is needed
        self.made_for = made_for(network)
        self._has_run = False
        self._folder = Path(mkdtemp(prefix="hebbsim-program-"))
        finalize(self, rmtree, self._folder, ignore_errors=True)
        self._cuda = on_cuda()
        with _left_as_it_was(self._device), _all_active(network), _faults_told(network):
            self._device.build_on_run = False
            self._device.has_been_run = False
            noted = _Noted(self._device)
            network.run(0 * second, namespace={})  # makes the code objects, and runs nothing
            #: Each code object's owner, in the order in which they run
            self._runners = [
                (item, code.name) for item in network.sorted_objects for code in item.code_objects
            ]
            codes = [code for item in network.sorted_objects for code in item.code_objects]
            self._handed_on = list(self._shared(codes))
            noted.look()
            self._write(codes, noted)
            with _silently():
                self._device.build(
                    directory=str(self._folder), run=False, with_output=False, direct_call=False
                )
        noted.keep()

    def _refuse_others(self) -> None:
        for item in self._simulation.sorted_objects:
            if isinstance(item, NetworkOperation):
                raise NotImplementedError(
                    f"'{item.name}' runs in Python, which no program of a standalone device calls; "
                    "write it as equations or run_regularly, or use runtime mode"
                )
            keeps = [v for v in _variables_of(item) if isinstance(v, DynamicArrayVariable)]
            if isinstance(item, Synapses) or (keeps and keeps[0].owner.name == item.name):
                raise NotImplementedError(
                    f"'{item.name}' ({type(item).__name__}) holds arrays of no fixed size, which "
                    "the program of a standalone device doesn't hand on; remove it from the "
                    "network, read variables with transform(..., variable=), or use runtime mode"
                )

    def refuse_late_code(self) -> None:
        """Refuse what only a first run would compute, before anything is sent or made anew.

        Raises
        ------
        NotImplementedError
            If a variable was set by an expression, or in part, since the program ran.
        """
        for variable in self._handed_on if self._has_run else ():
            if self._device.array_cache.get(variable) is None:
                raise NotImplementedError(
                    f"'{variable.name}' of '{variable.owner.name}' was set by an expression, or in "
                    "part, which a standalone device does at the start of its first run alone; set "
                    "all of it to an array"
                )

    def _shared(self, codes: Sequence[Any]) -> Iterator[ArrayVariable]:
        """Yield the arrays that the program is told and asked for: all that may change."""
        found: dict[int, ArrayVariable] = {}
        known = self._device.array_cache
        used = {id(v) for code in codes for v in code.variables.values()}
        for clock in {item.clock for item in self._simulation.sorted_objects}:
            used |= {id(clock.variables[name]) for name in ("t", "dt", "timestep")}
            found |= {id(v): v for v in clock.variables.values() if isinstance(v, ArrayVariable)}
        for item in self._simulation.sorted_objects:
            for variable in _variables_of(item):
                fixed = variable.constant and variable.read_only
                if not fixed and (id(variable) in used or known.get(variable) is None):
                    found[id(variable)] = variable
        for variable in found.values():
            # the spikes of a step are of that step alone, and several on a GPU
            if variable.size and not (self._cuda and variable.name.endswith("space")):
                yield variable

    def _write(self, codes: Sequence[Any], noted: "_Noted") -> None:
        """Reduce the device's tables to what the network needs, and write what main does."""
        device, network = self._device, self._simulation
        needed = {v for item in network.sorted_objects for v in _variables_of(item)}
        needed |= {v for code in codes for v in _arrays_of(code)}
        clocks = sorted({item.clock for item in network.sorted_objects}, key=lambda c: c.name)
        needed |= {v for c in clocks for v in c.variables.values() if isinstance(v, ArrayVariable)}
        names = {device.get_array_name(v, access_data=False) for v in needed}
        queue = []
        for what, given in device.main_queue:
            if what == "run_network":
                if given in noted.runs:
                    queue.append((what, (network, [self._main(clocks)])))
            elif what.endswith("run_code_object"):
                if _arrays_of(given[0]) <= needed:
                    queue.append((what, given))
                    codes = [*codes, given[0]]
            elif not isinstance(given, tuple) or given[0] in names:
                queue.append((what, given))
        device.main_queue = queue
        for name in _BY_VARIABLE:
            setattr(device, name, {v: n for v, n in getattr(device, name).items() if v in needed})
        for name in _LISTS:
            setattr(device, name, [entry for entry in getattr(device, name) if entry[0] in needed])
        read = {name for _, given in queue if isinstance(given, tuple) for name in given[1:]
                if isinstance(name, str)}  # fmt: skip
        device.static_arrays = {n: a for n, a in device.static_arrays.items() if n in read}
        device.code_objects = {code.name: code for code in codes}
        device.networks, device.clocks, device.synapses = {network}, set(clocks), set()
        device.headers = [*device.headers, *_HEADERS]

    def _main(self, clocks: Sequence[Any]) -> str:
        arrays = [
            (
                self._device.get_array_name(v),
                v.size,
                self._cuda and v.name not in ("t", "dt", "timestep"),
            )
            for v in self._handed_on
        ]
        return _template().render(
            arrays=arrays,
            steps=[(item.clock.name, f"_run_{name}") for item, name in self._runners],
            clocks=[clock.name for clock in clocks],
            finest=min(clocks, key=lambda clock: float(clock.dt)).name,
            network=self._simulation.name,
            cuda=self._cuda,
        )

    @contextmanager
    def running(self, *, keep: bool) -> Iterator["Session"]:
        """Run the program with the arrays that the device knows.

        Parameters
        ----------
        keep : bool
            Whether the device knows afterwards what became of them; else it knows the arrays as
            they were.
        """
        device, numbers = self._device, {v: n for n, v in enumerate(self._handed_on)}
        self.refuse_late_code()
        process = ServedProcess(self._folder)
        before = device.array_cache
        live = LiveArrays(process, numbers, before)
        has_run = device.has_been_run
        try:
            for variable in self._handed_on:
                if before.get(variable) is None:
                    before[variable] = live.get(variable)  # code computed it
                else:
                    live[variable] = before[variable]
            # variables that are expressions are evaluated from arrays
            device.array_cache, device.has_been_run = live, True
            self._has_run = True
            try:
                yield Session(self, process, live)
            except BaseException:
                if keep and not process.broken:
                    _keep_what_is_left(live, self._handed_on)
                raise
            if keep:
                live.keep(self._handed_on)
        finally:
            device.array_cache, device.has_been_run = before, has_run
            process.close()


class _Noted:
    """What a device notes while the code of a network is made, and has to remember after it.

    Objects set arrays of their own before a run, such as the sizes of queues.
    """

    def __init__(self, device: Any) -> None:
        self._device = device
        self._before = [id(entry) for entry in device.main_queue]
        self._entries = list(device.main_queue)  # so that no other gets their identity
        #: What was noted of runs, and what was set
        self.runs: list[Any] = []
        self._sets: list[Any] = []
        self._known: dict[ArrayVariable, Any] = {}
        self._static: dict[str, np.ndarray] = {}

    def look(self) -> None:
        """Remember what was noted since."""
        device = self._device
        new = [entry for entry in device.main_queue if id(entry) not in self._before]
        self.runs = [given for what, given in new if what == "run_network"]
        self._sets = [
            entry
            for entry in new
            if entry[0].startswith(("set_", "resize_")) and not entry[1][0].endswith("space")
        ]
        self._known, self._static = dict(device.array_cache), dict(device.static_arrays)

    def keep(self) -> None:
        """Note it again, after the device was left as it was."""
        device = self._device
        device.main_queue += self._sets
        read = {name for _, given in self._sets for name in given[1:] if isinstance(name, str)}
        device.static_arrays |= {n: a for n, a in self._static.items() if n in read}
        names = {given[0] for _, given in self._sets}
        cache = device.array_cache
        for variable, values in self._known.items():
            before = cache.get(variable)
            if values is not None:
                cache[variable] = values
            elif device.get_array_name(variable, access_data=False) in names:
                cache[variable] = None  # set, and used by code: the program knows
            elif before is not None and np.size(before) != variable.size:
                cache[variable] = np.zeros(variable.size, variable.dtype)


class Session:
    """A running program."""

    def __init__(self, program: Program, process: ServedProcess, live: LiveArrays) -> None:
        self._program, self._process, self._live = program, process, live
        self._device, self._simulation = program._device, program._simulation
        self._n_queued = len(self._device.main_queue)
        self._static = set(self._device.static_arrays)
        self._runs: list[bool] = []
        forget_stop(self._simulation)

    def run(self, n_steps: int, dt: float) -> None:
        """Run time steps, with the objects that are active now and the arrays as they were set.

        Raises
        ------
        NotImplementedError
            If what was set since is to be computed by the device.
        """
        if n_steps == 0:
            return
        self._take_orders()
        self._live.send()
        runs = [bool(item.active) for item, _ in self._program._runners]
        if runs != self._runs:
            self._process.switch(runs)
            self._runs = runs
        self._process.run(n_steps * dt)
        self._live.forget()
        for item, _ in self._program._runners:
            fault = getattr(item, "fault", None)
            if fault is not None and item.active and fault.get_value()[0] >= 0:
                item.complain()

    @property
    def stopped(self) -> bool:
        """Whether somebody stopped the simulation."""
        return was_stopped(self._simulation)

    def _take_orders(self) -> None:
        """Obey what the device noted since the program was written; arrays are sent by now."""
        queue = self._device.main_queue
        for what, given in queue[self._n_queued :]:
            if what == "seed":
                self._process.seed(
                    int(np.random.SeedSequence().generate_state(1)[0]) if given is None else given
                )
            elif what.endswith("run_code_object"):
                raise NotImplementedError(
                    f"'{given[0].name}' would compute a variable while a program runs that was "
                    "compiled without it; set it to an array"
                )
        del queue[self._n_queued :]
        for name in self._device.static_arrays.keys() - self._static:
            del self._device.static_arrays[name]


def made_for(network: Network) -> list[Any]:
    """Return what the code of a network depends on and a user may change, to be compared."""
    return [
        (
            item.name,
            item.when,
            item.order,
            item.clock.name,
            float(item.clock.dt),
            {k: repr(v) for k, v in (getattr(item, "namespace", None) or {}).items()},
        )
        for item in network.sorted_objects
    ]


@cache
def _template() -> jinja2.Template:
    text = (Path(__file__).parent / "templates" / "serve.cpp").read_text()
    return jinja2.Environment(trim_blocks=True, lstrip_blocks=True).from_string(text)


def _variables_of(item: BrianObject) -> Iterable[ArrayVariable]:
    variables = getattr(item, "variables", None) or {}
    return [v for v in variables.values() if isinstance(v, ArrayVariable)]


def _arrays_of(code: Any) -> set[ArrayVariable]:
    return {v for v in code.variables.values() if isinstance(v, ArrayVariable)}


def _keep_what_is_left(live: LiveArrays, variables: Sequence[ArrayVariable]) -> None:
    try:
        live.keep(variables)
    except RuntimeError:  # the program is gone, and with it what it computed
        return


@contextmanager
def _left_as_it_was(device: Any) -> Iterator[None]:
    """Let a device forget what it is told inside."""
    before = {name: _copied(value) for name, value in vars(device).items()}
    try:
        yield
    finally:
        vars(device).clear()
        vars(device).update(before)


def _copied(value: Any) -> Any:
    """Copy tables within tables, but not what they hold."""
    if isinstance(value, dict):
        found = copy.copy(value)
        for name, held in value.items():
            if isinstance(held, dict | list):
                found[name] = _copied(held)
        return found
    if isinstance(value, list):
        return [_copied(held) if isinstance(held, dict | list) else held for held in value]
    return set(value) if isinstance(value, set) else value


@contextmanager
def _silently() -> Iterator[None]:
    """Let ``make`` say nothing but what is wrong."""
    arguments = prefs["devices.cpp_standalone.extra_make_args_unix"]
    arguments.append("--silent")
    try:
        yield
    finally:
        arguments.remove("--silent")


@contextmanager
def _all_active(network: Network) -> Iterator[None]:
    active = [(item, item.active) for item in network.sorted_objects]
    try:
        for item, _ in active:
            item.active = True
        yield
    finally:
        for item, was_active in active:
            item.active = was_active


@contextmanager
def _faults_told(network: Network) -> Iterator[None]:
    """Let programs go on where something is wrong: it is looked for after each run."""
    ending = [
        item.template_kwds
        for item in network.sorted_objects
        if getattr(item, "fault", None) is not None and item.template_kwds.get("standalone")
    ]
    try:
        for known in ending:
            known["standalone"] = False
        yield
    finally:
        for known in ending:
            known["standalone"] = True
