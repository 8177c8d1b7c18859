"""What the statements of a pathway mean: their names, what they change, what they may not do."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from brian2.core.functions import DEFAULT_FUNCTIONS
from brian2.core.variables import ArrayVariable, Variable, Variables
from brian2.stateupdaters.base import UnsupportedEquationsException
from brian2.stateupdaters.exact import linear
from brian2.utils.stringtools import get_identifiers, word_substitute

from hebbsim.codegen.expressions import changed_read
from hebbsim.errors import closest
from hebbsim.rules.rule import Rule
from hebbsim.statements import (
    Statement,
    as_accumulation,
    needed_statements,
    parse_statements,
)
from hebbsim.synapses.kernel import KernelGroup
from hebbsim.synapses.model import what_to_add

__all__ = ["PathwayPart", "between_spikes", "closest_name", "split_pathway"]

_SUMS = ("+=", "-=")


@dataclass(frozen=True)
class PathwayPart:
    """Statements of a pathway that run together, and how they change what is stored."""

    statements: list[Statement]
    #: What each connection changes at once, so that the next one sees it; the rest adds up
    at_once: frozenset[str]
    #: Whether the order of the connections matters: that of the spikes, as in `Synapses`
    in_order: bool
    #: Whether it rests while the kernel is frozen, runs then alone, or always
    when_learning: bool | None = None


def between_spikes(kernel: KernelGroup, code: str) -> str:
    """Put before a pathway what event-driven equations do between two spikes of a connection.

    Raises
    ------
    UnsupportedEquationsException
        If they are not linear.
    """
    if not len(kernel.model.event_driven):
        return code
    try:
        integrated = linear(kernel.model.event_driven, kernel.variables)
    except UnsupportedEquationsException:
        raise UnsupportedEquationsException(
            f"{kernel.connections.label}: an event-driven equation must be linear, such as "
            "dr/dt = -r/tau; use (clock-driven)"
        ) from None
    # a trace may be called pre or post, and what is kept of it meanwhile has no suffix
    kept = {f"_{name}": f"_{name}_next" for name in kernel.model.event_driven.names}
    step = word_substitute(integrated, {"dt": "(t - lastupdate)", **kept})
    return f"{step}\n{code}\nlastupdate = t"


def split_pathway(
    kernel: KernelGroup, rule: Rule | None, name: str, code: str
) -> list[PathwayPart]:
    """Split a pathway into what it does to neurons and what it does to the kernel.

    Names are those of Brian2's `Synapses`: without a suffix, what is no variable of the connection
    is the target's. Each part keeps the local variables that it needs. Where the parts depend on
    each other, the whole pathway runs while the kernel learns, and what it does to neurons while
    the kernel is frozen.

    Raises
    ------
    ValueError
        If a statement has no meaning on elements that connections share, changes what nothing
        defines, or the pathway changes nothing.
    """
    known = kernel.connection_variables()
    statements = _named(parse_statements(code), known, kernel)
    changed = {s.target for s in statements if isinstance(known.get(s.target), ArrayVariable)}
    label = f"{kernel.connections.label}, pathway '{name}'"
    defined, aliased = set(known), _aliased(known, changed)
    for statement in statements:
        problem = (
            _undefined(statement, defined, kernel)
            or _problem(statement, known, changed, aliased, kernel)
            or _missing(statement, known, kernel, rule)
        )
        if problem:
            raise ValueError(f"{label}: '{statement}' {problem}")
        defined.add(statement.target)
    if not changed:
        raise ValueError(
            f"{label}: '{code.strip()}' changes nothing: no statement has a variable of the "
            "neurons or of the kernel on its left, such as g_post += w"
        )
    return _parts(kernel, statements, known, changed)


def _parts(
    kernel: KernelGroup, statements: list[Statement], known: Variables, changed: set[str]
) -> list[PathwayPart]:
    plastic = changed & kernel.plastic_names
    neural = changed - plastic
    own = {t for t in plastic if kernel.changes_at_once(t)}
    neurons = [known[name] for name in neural]
    in_order = any(
        changed_read(s.value, neurons, known) or (s.target in neural and s.operator not in _SUMS)
        for s in statements
    )
    at_once = own | (neural if in_order else set())

    def part(chosen: set[str], when_learning: bool | None) -> PathwayPart:
        kept = needed_statements(statements, changed, chosen)
        ordered = in_order and bool(chosen & neural)
        return PathwayPart(kept, frozenset(at_once & chosen), ordered, when_learning)

    if not plastic:
        return [part(neural, None)]
    if not neural:
        return [part(plastic, True)]
    if _depend(statements, known, plastic, own, neurons):
        return [part(neural, False), part(changed, True)]
    return [part(neural, None), part(plastic, True)]


def _depend(
    statements: list[Statement],
    known: Variables,
    plastic: set[str],
    own: set[str],
    neurons: list[ArrayVariable],
) -> bool:
    """Whether what a pathway does to the neurons and to the kernel can't be done apart."""
    elements = [known[name] for name in own]
    local = {s.target for s in statements if not isinstance(known.get(s.target), ArrayVariable)}
    drawn = any(_draws(s.value) for s in statements if s.target in local)
    reads_changed = any(
        changed_read(s.value, elements if s.target not in plastic else neurons, known)
        or (s.target in local and changed_read(s.value, [*elements, *neurons], known))
        for s in statements
    )
    return drawn or reads_changed


def _draws(code: str) -> bool:
    """Whether an expression calls one of Brian2's random functions."""
    found = (DEFAULT_FUNCTIONS.get(name) for name in get_identifiers(code))
    return any(function is not None and not function.stateless for function in found)


def _named(
    statements: Iterable[Statement], known: Variables, kernel: KernelGroup
) -> list[Statement]:
    """Give the target's variables their suffix, and write ``v = v + w`` as ``v += w``."""
    of_target = {
        name: f"{name}_post"
        for name in kernel.connections.target.variables
        if name not in known and f"{name}_post" in known
    }
    found: list[Statement] = []
    for statement in statements:
        target = of_target.get(statement.target, statement.target)
        named = Statement(target, statement.operator, word_substitute(statement.value, of_target))
        is_stored = isinstance(known.get(target), ArrayVariable)
        reads_itself = target in get_identifiers(named.value)
        own = target in {s.target for s in found}
        if is_stored or (reads_itself and not own):
            named = as_accumulation(named) or named
        if not is_stored and named.operator == "=":
            of_target.pop(statement.target, None)  # a local variable from here on
        found.append(named)
    return found


def _undefined(statement: Statement, defined: AbstractSet[str], kernel: KernelGroup) -> str | None:
    if statement.operator == "=" or statement.target in defined:
        return None
    if statement.target.endswith(("_pre", "_post")):
        return None  # what is missing there is said with more
    names = {*defined, *kernel.connections.target.variables}
    guess = closest_name(statement.target, names)
    return f"changes '{statement.target}', which nothing defines{guess}"


def closest_name(name: str, known: Iterable[str]) -> str:
    """Ask whether the closest of the known names was meant, if there is one."""
    guess = closest(name, [n for n in known if not n.startswith("_")])
    return f"; did you mean '{guess}'?" if guess is not None else ""


def _aliased(known: Variables, changed: set[str]) -> dict[str, Variable]:
    """Return what has another index than all that changes: names of the same neurons, perhaps.

    Brian2's targets differ where these are read: some read all before they write.
    """
    sides = {known.indices[name] for name in changed}
    return {name: v for name, v in known.items() if known.indices[name] not in sides}


def _problem(
    statement: Statement,
    known: Variables,
    changed: set[str],
    aliased: Mapping[str, Variable],
    kernel: KernelGroup,
) -> str | None:
    target = statement.target
    if target not in changed:
        if target.endswith(("_pre", "_post")) or target in known:
            return "writes no variable that is stored; see the models of the feature maps"
        return None
    read = changed_read(statement.value, [known[name] for name in changed], aliased)
    if read:
        return f"reads '{read}' by another name than it changes it by, in no defined order"
    shared = target in kernel.plastic_names and not kernel.changes_at_once(target)
    if shared and statement.operator not in _SUMS:
        return (
            "has no meaning where several connections share a kernel element; accumulate with += "
            f"or -=, and bound what results in update=, such as update='{target} = clip({target}, "
            "0, 1)'"
        )
    return None


def _missing(
    statement: Statement, known: Variables, kernel: KernelGroup, rule: Rule | None
) -> str | None:
    """Say which variable of a map a statement lacks."""
    for identifier in sorted(get_identifiers(statement.value) - set(known)):
        for side, group in kernel.connections.sides:
            if identifier.endswith(f"_{side}"):
                base = identifier.removesuffix(f"_{side}")
                way_out = what_to_add(kernel.connections, rule, side, base)
                return f"needs a variable '{base}' of '{group.name}'{way_out}"
    return None
