"""The texts of rules as MathML, which browsers show without a script."""

import ast

from brian2.equations import Equations
from brian2.equations.equations import SingleEquation
from mathml import expression, name

from hebbsim.statements import Statement, parse_statements

__all__ = ["equation_rows", "statement_rows"]


def equation_rows(text: str) -> list[tuple[str, str]]:
    """Return MathML and flags of each equation of a model; parameters have none."""
    lines = (line.split("#")[0] for line in text.splitlines())
    equations = Equations("\n".join(lines))
    return [
        (_block(_equation(equation)), ", ".join(equation.flags))
        for equation in equations.values()
        if equation.expr is not None
    ]


def statement_rows(code: str) -> list[str]:
    """Return the MathML of each statement."""
    return [_block(_statement(statement)) for statement in parse_statements(code)]


def _equation(equation: SingleEquation) -> str:
    left = name(equation.varname)
    if equation.type == "differential equation":
        d = "<mi mathvariant='normal'>d</mi>"
        left = f"<mfrac><mrow>{d}{left}</mrow><mrow>{d}<mi>t</mi></mrow></mfrac>"
    summed = any(flag.startswith(("summed", "cumulative")) for flag in equation.flags)
    right = expression(equation.expr.code)
    return f"{left}<mo>=</mo>{'<mo>∑</mo>' if summed else ''}{right}"


def _statement(statement: Statement) -> str:
    left, value = name(statement.target), expression(statement.value)
    operator = statement.operator.removesuffix("=")
    if operator:
        top = ast.parse(statement.value, mode="eval").body
        is_sum = isinstance(top, ast.BinOp) and isinstance(top.op, ast.Add | ast.Sub)
        value = f"<mo>(</mo>{value}<mo>)</mo>" if is_sum and operator != "+" else value
        sign = {"-": "−", "*": "·"}.get(operator, operator)
        value = f"{left}<mo>{sign}</mo>{value}"
    return f"{left}<mo>←</mo>{value}"


def _block(inside: str) -> str:
    return f'<div><math displaystyle="true"><mrow>{inside}</mrow></math></div>'
