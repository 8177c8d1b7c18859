"""Places of forward operations in a step: they follow from what is read and written.

Each operation that is made finds the places anew of all that share maps with it, themselves or
through others: sums to neurons, pooling, operations on a map, sums over a map in slot ``groups``,
and the differential equations of the maps.

- What computes a variable runs before what reads it, whichever was made first.
- In a closed loop, such as a recurrent connection, one value has to be that of the step before: it
  is that which an operation reads that was made before what computes it.
- What changes a variable that it reads itself runs in the order of creation among all that read
  the variable: those that were made before see it as it was.
- Beyond that, operations run in the order of their creation.
"""

import heapq
import itertools
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from brian2.core.variables import Variable

from hebbsim.codegen.expressions import variables_read
from hebbsim.codegen.loop_nest import LoopNest

__all__ = ["ForwardMap", "ForwardOperation"]

_numbers = itertools.count()


class ForwardMap:
    """A group of neurons whose differential equations find their place among forward operations."""

    order: int
    batch_size: int
    equations: Any
    variables: Any
    state_updater: Any

    def start_places(self, order: int) -> None:
        """Prepare the attributes; to be called before Brian2 guards those of the group."""
        self.creation_number = next(_numbers)
        #: What reads or writes this map in slot ``groups``
        self.forward_operations: list[weakref.ReferenceType[ForwardOperation]] = []
        #: `order` that the integration of this map's equations follows
        self.integrated_after = order - 1

    def integrate_at(self, order: int | None) -> None:
        """Let the differential equations be integrated at a place in the step; None is Brian2's."""
        order = self.order if order is None else order
        self.state_updater.order = max(order, self.integrated_after + 1)

    def integrate_after(self, order: int) -> None:
        """Let the differential equations be integrated after what has this `order`."""
        self.integrated_after = max(self.integrated_after, order)
        _arrange([self])


class ForwardOperation(LoopNest):
    """A loop nest that takes its place in slot ``groups``; see the module."""

    #: The variable that it writes
    target_variable: Variable
    order: int

    @property
    def text(self) -> str:
        """The code whose names it reads."""
        assert isinstance(self.abstract_code, str)
        return self.abstract_code

    def reads(self) -> set[Variable]:
        """Return the variables that it reads, itself or through subexpressions."""
        return variables_read(self.text, self.variables, self.group.variables)

    def reads_before_integration(self, computed: set[Variable]) -> bool:
        """Whether it reads what differential equations integrate, as it was before this step.

        Parameters
        ----------
        computed : set of Variable
            What other operations compute in a step.
        """
        return False

    def take_place(self, maps: Iterable["ForwardMap"], shift: int) -> None:
        """Find the places of this operation and of all that are connected with it.

        Parameters
        ----------
        maps : iterable of ForwardMap
            Whose variables it reads or writes.
        shift : int
            What is added to the place that it finds.
        """
        self.creation_number = next(_numbers)
        self.shift = shift
        self.maps = tuple(maps)
        self.n_samples = max((feature_map.batch_size for feature_map in self.maps), default=1)
        self._found: int | None = None
        for feature_map in self.maps:
            feature_map.forward_operations.append(weakref.ref(self))
        _arrange(self.maps)

    def found_place(self, order: int) -> None:
        """Take a place, unless the user gave this operation another one."""
        if self._found is None or self.order == self._found:
            self.order = self._found = order + self.shift


@dataclass(eq=False)
class _Node:
    """What runs in a step: an operation, or the integration of a map's differential equations."""

    number: int
    reads: set[Variable]
    writes: set[Variable]
    #: The map whose equations are integrated, if it is that
    integrates: Any = None
    operation: ForwardOperation | None = None
    after: set["_Node"] = field(default_factory=set)

    @property
    def changes(self) -> bool:
        """Whether it reads what it writes."""
        return self.integrates is None and bool(self.reads & self.writes)

    def leads_to(self, other: "_Node") -> bool:
        """Whether `other` has to run after this."""
        pending, seen = [self], {self}
        while pending:
            node = pending.pop()
            if node is other:
                return True
            pending += node.after - seen
            seen |= node.after
        return False


def _arrange(maps: Iterable["ForwardMap"]) -> None:
    """Find the places of all that is connected with some maps."""
    connected, operations = _connected(maps)
    early = _early(operations)
    nodes = [_integration(feature_map) for feature_map in connected]
    nodes += [
        _Node(o.creation_number, o.reads(), {o.target_variable}, operation=o)
        for o in operations
        if o not in early
    ]
    for operation in early:
        operation.found_place(operation.target_variable.owner.order - 1)
    _connect(nodes)
    _place(nodes, max(max(m.order, m.integrated_after) for m in connected))


def _connected(maps: Iterable["ForwardMap"]) -> tuple[list["ForwardMap"], list[ForwardOperation]]:
    """Return all maps and operations that share variables, in the order of creation."""
    pending = list(maps)
    found: list[ForwardMap] = []
    operations: set[ForwardOperation] = set()
    while pending:
        feature_map = pending.pop()
        if feature_map in found:
            continue
        found.append(feature_map)
        alive = [o for o in (r() for r in feature_map.forward_operations) if o is not None]
        operations |= {*alive}
        pending += [other for operation in alive for other in operation.maps]
    return (
        sorted(found, key=lambda m: m.creation_number),
        sorted(operations, key=lambda o: o.creation_number),
    )


def _early(operations: list[ForwardOperation]) -> list[ForwardOperation]:
    """Return what runs before all differential equations, as Brian2's summed variables do."""
    early = [o for o in operations if o.reads_before_integration(set())]
    while True:
        computed = {o.target_variable for o in operations if o not in early}
        still = [o for o in early if o.reads_before_integration(computed)]
        if len(still) == len(early):
            return early
        early = still


def _integration(feature_map: "ForwardMap") -> _Node:
    equations, variables = feature_map.equations, feature_map.variables
    names = equations.diff_eq_names
    text = "\n".join(equations[name].expr.code for name in names)
    integrated = {variables[name] for name in {*names, "not_refractory"} & set(variables)}
    reads = variables_read(text, variables) - integrated
    return _Node(feature_map.creation_number, reads, integrated, integrates=feature_map)


def _connect(nodes: list[_Node]) -> None:
    """Say which node has to run after which; no loop is left."""
    into_equations, against_creation = [], []
    for writer, reader in itertools.permutations(nodes, 2):
        if not writer.writes & reader.reads:
            continue
        if reader.integrates is not None:
            if writer.integrates is None:
                into_equations.append((writer, reader))
        elif writer.number < reader.number:
            writer.after.add(reader)
        elif writer.changes:
            reader.after.add(writer)
        else:
            against_creation.append((writer, reader))
    for writer, reader in [*into_equations, *against_creation]:
        if not reader.leads_to(writer):
            writer.after.add(reader)


def _place(nodes: list[_Node], start: int) -> None:
    """Give each node its place: that of its creation where nothing else decides."""
    before = dict.fromkeys(nodes, 0)
    for node in nodes:
        for other in node.after:
            before[other] += 1
    first = {node for node in nodes if not before[node]}
    ready = [(node.number, index) for index, node in enumerate(nodes) if node in first]
    heapq.heapify(ready)
    place = start
    while ready:
        node = nodes[heapq.heappop(ready)[1]]
        if node.operation is not None or node not in first:
            place += 1
        if node.operation is not None:
            node.operation.found_place(place)
        else:
            node.integrates.integrate_at(None if node in first else place)
        for other in node.after:
            before[other] -= 1
            if not before[other]:
                heapq.heappush(ready, (other.number, nodes.index(other)))
