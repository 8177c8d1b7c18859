"""Comparisons of single-precision variables with numbers, which C++ makes in double precision."""

import ast
from collections.abc import Mapping

import numpy as np
from brian2.core.variables import Variable

__all__ = ["in_single_precision"]

#: Whether a bound that lies between two numbers in single precision may be rounded down
_DOWN: dict[type[ast.cmpop], bool] = {ast.Gt: True, ast.LtE: True, ast.Lt: False, ast.GtE: False}
_MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Gt: ast.Lt,
    ast.Lt: ast.Gt,
    ast.GtE: ast.LtE,
    ast.LtE: ast.GtE,
}


def in_single_precision(expression: str, variables: Mapping[str, Variable]) -> str:
    """Write numbers that variables in single precision are compared with in that precision.

    A number is rounded to the side on which no variable can lie in between, so that the result is
    that of the comparison in double precision, which takes four times as long in vectors.

    Parameters
    ----------
    expression : str
        Python's syntax, as Brian2 hands it to its generators.
    variables : mapping
        What names stand for.

    Examples
    --------
    >>> from brian2 import NeuronGroup
    >>> in_single_precision("v > 0.1", NeuronGroup(1, "v : 1", dtype="float32").variables)
    'v > 0.09999999403953552'
    """
    if not any(sign in expression for sign in "<>"):
        return expression
    tree = ast.parse(expression, mode="eval")
    bounds = _Bounds(variables)
    bounds.visit(tree)
    return ast.unparse(tree) if bounds.changed else expression


class _Bounds(ast.NodeVisitor):
    """Round the numbers that variables are compared with, in place."""

    def __init__(self, variables: Mapping[str, Variable]) -> None:
        self._known = variables
        self.changed = False

    def visit_Compare(self, node: ast.Compare) -> None:
        """Round a number on either side."""
        self.generic_visit(node)
        if len(node.ops) > 1 or type(node.ops[0]) not in _DOWN:
            return
        sign, right = type(node.ops[0]), node.comparators[0]
        if self._is_single(node.left) and _is_fraction(right):
            node.comparators[0] = self._rounded(right, down=_DOWN[sign])
        elif self._is_single(right) and _is_fraction(node.left):
            node.left = self._rounded(node.left, down=_DOWN[_MIRRORED[sign]])

    def _is_single(self, node: ast.expr) -> bool:
        variable = self._known.get(node.id) if isinstance(node, ast.Name) else None
        return variable is not None and getattr(variable, "dtype", None) == np.float32

    def _rounded(self, node: ast.expr, *, down: bool) -> ast.expr:
        value = float(ast.literal_eval(node))
        with np.errstate(over="ignore"):
            nearest = np.float32(value)
            if float(nearest) != value and (float(nearest) > value) == down:
                nearest = np.nextafter(nearest, np.float32(-np.inf if down else np.inf))
        if float(nearest) == value or not np.isfinite(nearest):
            return node
        self.changed = True
        return ast.parse(repr(float(nearest)), mode="eval").body


def _is_fraction(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return isinstance(node, ast.Constant) and type(node.value) is float
