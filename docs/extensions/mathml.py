"""Expressions as MathML, in the order in which they are written, which sympy would not keep."""

import ast
import re
from html import escape

__all__ = ["expression", "name"]

_GREEK = {
    "alpha": "α", "beta": "β", "delta": "δ", "eta": "η", "gamma": "γ", "lambda": "λ", "mu": "μ",
    "sigma": "σ", "tau": "τ", "theta": "θ",
}  # fmt: skip
_UNITS = {"msecond": "ms", "second": "s", "mvolt": "mV", "volt": "V", "inf": "∞"}
_SIGNS = {
    ast.Add: "+", ast.Sub: "−", ast.Mult: "·", ast.Mod: "mod", ast.FloorDiv: "//", ast.Gt: "&gt;",
    ast.GtE: "≥", ast.Lt: "&lt;", ast.LtE: "≤", ast.Eq: "=", ast.NotEq: "≠",
    ast.And: "and", ast.Or: "or",
}  # fmt: skip
_BINDS = {ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.Mod: 2, ast.FloorDiv: 2}


def expression(code: str) -> str:
    """Return the MathML of an expression of Brian2."""
    return _node(ast.parse(code.strip(), mode="eval").body)


def name(text: str) -> str:
    """Return the MathML of a variable: ``y_post`` has an index, ``dw`` is the change of ``w``."""
    if text in _UNITS:
        return f"<mi mathvariant='normal'>{_UNITS[text]}</mi>"
    if re.fullmatch(r"d[a-z]", text):
        return f"<mrow><mi mathvariant='normal'>Δ</mi><mi>{text[1:]}</mi></mrow>"
    first, *rest = [part for part in text.split("_") if part]
    if not rest and (numbered := re.fullmatch(r"([A-Za-z])(\d+)", first)):
        first, rest = numbered[1], [numbered[2]]
    elif numbered := re.fullmatch(r"([A-Za-z])(\d)", first):
        first, rest = numbered[1], [numbered[2], *rest]
    symbol = _GREEK.get(first, first)
    style = "" if len(symbol) == 1 else " mathvariant='normal'"
    if not rest:
        return f"<mi{style}>{escape(symbol)}</mi>"
    index = escape(",".join(_GREEK.get(part, part) for part in rest))
    return f"<msub><mi{style}>{escape(symbol)}</mi><mi mathvariant='normal'>{index}</mi></msub>"


def _node(node: ast.expr) -> str:
    match node:
        case ast.Name(id=text):
            return name(text)
        case ast.Constant(value=value):
            return f"<mn>{value}</mn>"
        case ast.UnaryOp(operand=operand):
            sign = "not" if isinstance(node.op, ast.Not) else "−"
            return f"<mrow><mo>{sign}</mo>{_within(operand, 2)}</mrow>"
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return f"<mfrac>{_row(_node(left))}{_row(_node(right))}</mfrac>"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return f"<msup>{_row(_within(left, 4))}{_row(_node(right))}</msup>"
        case ast.BinOp(left=left, op=op, right=right):
            binds = _BINDS[type(op)]
            tighter = binds + (not isinstance(op, ast.Add | ast.Mult))
            sign = f"<mo>{_SIGNS[type(op)]}</mo>"
            return _row(f"{_within(left, binds)}{sign}{_within(right, tighter)}")
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _row(f"{_node(left)}<mo>{_SIGNS[type(op)]}</mo>{_node(right)}")
        case ast.BoolOp(op=op, values=values):
            return _row(f"<mo>{_SIGNS[type(op)]}</mo>".join(map(_node, values)))
        case ast.Call(func=ast.Name(id="int"), args=[condition]):
            return _row(f"<mo>[</mo>{_node(condition)}<mo>]</mo>")  # Iverson's bracket
        case ast.Call(func=ast.Name(id=function), args=arguments):
            inside = "<mo>,</mo>".join(map(_node, arguments))
            return _row(f"<mi mathvariant='normal'>{function}</mi><mo>(</mo>{inside}<mo>)</mo>")
    raise ValueError(f"no MathML for {ast.unparse(node)!r}")


def _within(node: ast.expr, binds: int) -> str:
    """Put brackets around what binds less."""
    inner = 9
    if isinstance(node, ast.UnaryOp | ast.Compare | ast.BoolOp):
        inner = 1
    elif isinstance(node, ast.BinOp):
        inner = 3 if isinstance(node.op, ast.Div | ast.Pow) else _BINDS[type(node.op)]
    return f"<mo>(</mo>{_node(node)}<mo>)</mo>" if inner < binds else _node(node)


def _row(inside: str) -> str:
    return f"<mrow>{inside}</mrow>"
