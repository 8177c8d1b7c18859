"""Factors on what a rule changes: whether a connection learns, and what a reward makes of it."""

import ast
import re
from dataclasses import replace

import sympy
from brian2.equations import Equations
from brian2.parsing.sympytools import str_to_sympy

from hebbsim.rules.bounds import clips, is_soft
from hebbsim.statements import parse_statements

__all__ = [
    "check_proportional",
    "condition_factor",
    "scaled_changes",
    "scaled_sums",
    "summed_changes",
    "without_conditions",
]


def condition_factor(rule: str, condition: str) -> str:
    """Return the factor that is 1 where a condition holds, else 0.

    Raises
    ------
    ValueError
        If the condition is no expression.
    """
    try:
        compile(condition.strip(), "condition", "eval")
    except SyntaxError as error:
        raise ValueError(
            f"{rule}: expected a condition such as 'abs(u_post) < 0.1', got {condition!r}"
        ) from error
    return f"int({condition.strip()})"


def summed_changes(equations: str) -> list[str]:
    """Name the sums to the kernel in a rule's equations, such as ``dw``."""
    return [
        name
        for name, equation in Equations(equations).items()
        if "summed" in equation.flags and not name.endswith(("_pre", "_post"))
    ]


def scaled_sums(equations: str, factor: str) -> str:
    """Return equations in which each term of the sums to the kernel has one more factor."""
    text = "\n".join(line.split("#")[0].strip() for line in equations.splitlines())
    for name in summed_changes(text):
        text = re.sub(
            rf"^{name}\s*=\s*([^:]*?)\s*:", rf"{name} = {factor}*(\1) :", text, flags=re.M
        )
    return text


def scaled_changes(rule: str, code: str, factor: str) -> str:
    """Return statements in which what spikes change of the weight has one more factor.

    Raises
    ------
    ValueError
        If the weight is changed by neither ``+=`` nor ``-=``.
    """
    lines = []
    for statement in parse_statements(code):
        if statement.target == "w":
            if statement.operator not in ("+=", "-="):
                raise ValueError(
                    f"{rule}: '{statement}' changes the weight by neither += nor -=, and can't be "
                    "made to depend on a condition; write it as such as 'w += eta*x_pre'"
                )
            statement = replace(statement, value=f"{factor}*({statement.value})")
        lines.append(str(statement))
    return "\n".join(lines)


def check_proportional(rule: str, equations: str, update: str) -> None:
    """Refuse an update that changes the weight otherwise than in proportion to the sums.

    Raises
    ------
    ValueError
        If it does: a factor of the sums is then no factor of the change.
    """
    sums = [str_to_sympy(name) for name in summed_changes(equations)]
    for statement in parse_statements(update):
        if statement.target not in ("w", "w_change") or clips(str(statement)) or is_soft(statement):
            continue
        value = str_to_sympy(statement.value)
        twice = value.subs({name: 2 * name for name in sums}, simultaneous=True)
        if statement.operator == "*=" or sympy.expand(twice - 2 * value) != 0 or not sums:
            raise ValueError(
                f"{rule}: '{statement}' is not in proportion to the rule's sums, and no factor of "
                "them can reward it in the same step; give tau_e, so that a trace waits for the "
                "reward"
            )


def without_conditions(value: str) -> str:
    """Return an expression without what `scaled_changes` put before it: ``int(...)*``."""
    tree = ast.parse(value.strip(), mode="eval").body
    while (
        isinstance(tree, ast.BinOp)
        and isinstance(tree.op, ast.Mult)
        and isinstance(tree.left, ast.Call)
        and ast.unparse(tree.left.func) == "int"
    ):
        tree = tree.right
    return ast.unparse(tree)
