"""Statements as text: what a pathway, an update or a reset does, one assignment after the other."""

import re
from dataclasses import dataclass

from brian2.utils.stringtools import get_identifiers

__all__ = ["Statement", "needed_statements", "parse_statements"]

_STATEMENT = re.compile(
    r"^(?P<target>[A-Za-z_]\w*)\s*(?P<operator>[-+*/%]?=)(?!=)\s*(?P<value>.+)$"
)


@dataclass(frozen=True)
class Statement:
    """One statement: ``target operator value``."""

    target: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.target} {self.operator} {self.value}"


def parse_statements(code: str) -> list[Statement]:
    """Split code into its statements, without comments.

    Raises
    ------
    SyntaxError
        If a line is no assignment.
    """
    statements = []
    for line in re.split(r"[\n;]", code):
        text = line.split("#")[0].strip()
        if text:
            found = _STATEMENT.match(text)
            if found is None:
                raise SyntaxError(f"'{text}' is no statement such as 'g_post += w'")
            statements.append(Statement(**found.groupdict()))
    return statements


def needed_statements(
    statements: list[Statement], changed: set[str], chosen: set[str]
) -> list[Statement]:
    """Return the statements for the `chosen` targets and the local variables that they read.

    Parameters
    ----------
    statements : list of Statement
        In their order.
    changed : set of str
        The targets that are stored; all others are local variables.
    chosen : set of str
        Some of the stored targets.
    """
    wanted, kept = set(chosen), []
    for statement in reversed(statements):
        local = statement.target not in changed
        if statement.target in wanted:
            kept.append(statement)
            wanted |= get_identifiers(statement.value)
            if local and statement.operator == "=":
                wanted.discard(statement.target)
    return kept[::-1]
