"""Statements as text: what a pathway, an update or a reset does, one assignment after the other."""

import ast
import re
from dataclasses import dataclass

from brian2.utils.stringtools import get_identifiers

__all__ = ["Statement", "as_accumulation", "needed_statements", "parse_statements"]

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
            wanted |= get_identifiers(statement.value) - (changed - chosen)
            if local and statement.operator == "=":
                wanted.discard(statement.target)
    return kept[::-1]


def as_accumulation(statement: Statement) -> Statement | None:
    """Return ``v = v + w`` as ``v += w``, and ``v = v - w`` as ``v -= w``; None for others.

    Examples
    --------
    >>> str(as_accumulation(Statement("w", "=", "a*x_pre + w - b")))
    'w += a * x_pre - (b)'
    """
    try:
        tree = ast.parse(statement.value.strip(), mode="eval").body
    except SyntaxError:
        return None
    terms = _terms(tree, 1)
    own = [sign for sign, node in terms if _is_name(node, statement.target)]
    others = [(s, ast.unparse(node)) for s, node in terms if not _is_name(node, statement.target)]
    read = {name for _, text in others for name in get_identifiers(text)}
    if statement.operator != "=" or own != [1] or not others or statement.target in read:
        return None
    if all(sign < 0 for sign, _ in others):
        return Statement(statement.target, "-=", " + ".join(text for _, text in others))
    signed = [text if sign > 0 else f"-({text})" for sign, text in others]
    return Statement(statement.target, "+=", " + ".join(signed).replace(" + -(", " - ("))


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _terms(node: ast.expr, sign: int) -> list[tuple[int, ast.expr]]:
    """Return the terms of a sum, each with its sign."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        right = sign if isinstance(node.op, ast.Add) else -sign
        return [*_terms(node.left, sign), *_terms(node.right, right)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _terms(node.operand, -sign)
    return [(sign, node)]
