"""What the statements of a pathway mean: their names, what they change, what they may not do."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from brian2.core.variables import ArrayVariable, Variables
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

__all__ = ["closest_name", "split_pathway"]


def split_pathway(
    kernel: KernelGroup, rule: Rule | None, name: str, code: str
) -> tuple[list[Statement], list[Statement]]:
    """Split a pathway into what it does to neurons and what it does to the kernel.

    Names are those of Brian2's `Synapses`: without a suffix, what is no variable of the connection
    is the target's. Each part keeps the local variables that it needs.

    Raises
    ------
    ValueError
        If a statement has no meaning that is independent of the order of spikes, changes what
        nothing defines, or the pathway changes nothing.
    """
    known = kernel.connection_variables()
    statements = _named(parse_statements(code), known, kernel)
    changed = {s.target for s in statements if isinstance(known.get(s.target), ArrayVariable)}
    label = f"{kernel.connections.label}, pathway '{name}'"
    defined = set(known)
    for statement in statements:
        problem = (
            _undefined(statement, defined, kernel)
            or _problem(statement, known, changed, kernel.plastic_names)
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
    parts = []
    for plastic in (False, True):
        chosen = {t for t in changed if (t in kernel.plastic_names) == plastic}
        parts.append(needed_statements(statements, changed, chosen) if chosen else [])
    return parts[0], parts[1]


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


def _problem(
    statement: Statement, known: Variables, changed: set[str], plastic: set[str]
) -> str | None:
    target = statement.target
    neurons = [known[name] for name in changed if name not in plastic]
    read = changed_read(statement.value, neurons, known)
    if read:
        return f"reads '{read}', which the pathway changes in the same step"
    if target not in changed:
        if target.endswith(("_pre", "_post")) or target in known:
            return "writes no variable that is stored; see the models of the feature maps"
        return None
    if statement.operator not in ("+=", "-="):
        where = "a kernel element" if target in plastic else "a neuron"
        return (
            f"has no meaning where several spikes reach {where} in one step; accumulate with += "
            "or -="
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
