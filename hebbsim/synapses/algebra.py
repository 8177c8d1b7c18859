"""What algebra says about a sum over connections: which parts of it separate."""

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sympy
from brian2.core.variables import Variables
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str

__all__ = ["Product", "is_zero_with", "separate", "sides_of", "silent_together"]

_MOST_TERMS = 6  # more products than that cost more than they save


@dataclass(frozen=True)
class Product:
    """A product of a presynaptic, a postsynaptic and a kernel expression, ``'1'`` if absent."""

    pre: str
    post: str
    kernel: str

    def __str__(self) -> str:
        return "*".join(f"({f})" for f in (self.kernel, self.post, self.pre) if f != "1") or "1"


def separate(expression: str, side: Callable[[str], str]) -> tuple[Product, ...] | None:
    """Write an expression over connections as a sum of products that separate.

    The sum over positions of ``kernel*post*pre`` is ``kernel`` times one correlation of ``post``
    with ``pre``: a matrix product. Only factors that mix the sides are multiplied out, so that
    deviations from a mean, such as ``(x_pre - m_pre)``, keep their precision. Nor is a power of a
    ratio split: in single precision ``y_post**4`` may be 0 where ``(y_post/pA)**4`` isn't.

    Parameters
    ----------
    expression : str
        A Brian2 expression.
    side : callable
        Returns ``'pre'``, ``'post'``, ``'kernel'`` or ``'constant'`` for the name of a variable.

    Returns
    -------
    tuple of Product or None
        None if it doesn't separate, or into too many terms, or is 0.

    Examples
    --------
    >>> sides = {"x_pre": "pre", "y_post": "post", "w": "kernel"}
    >>> for product in separate("y_post*(x_pre - y_post*w)", sides.get):
    ...     print(product)
    (y_post)*(x_pre)
    (-w)*(y_post*y_post)
    """
    try:
        bases = _Bases(side)
        whole = str_to_sympy(bases.named(expression))
        if whole.has(sympy.true, sympy.false):  # a comparison that sympy's assumptions decided
            return None
        terms = _terms(whole, bases.side)
    except (SyntaxError, TypeError, ValueError, NotImplementedError):
        return None
    if terms is None:
        return None
    merged: dict[tuple[sympy.Expr, sympy.Expr], sympy.Expr] = {}
    for pre, post, kernel in terms:
        merged[pre, post] = merged.get((pre, post), 0) + kernel
    if len(merged) > _MOST_TERMS:
        return None
    products = tuple(
        Product(*(bases.written_out(_text(factor)) for factor in (pre, post, kernel)))
        for (pre, post), kernel in merged.items()
        if kernel != 0
    )
    return products or None  # a sum that cancels is left as it was written


def silent_together(products: Sequence[Product]) -> list[int]:
    """Give products that the same silent neurons leave out the same number.

    Parameters
    ----------
    products : sequence of Product
        Their postsynaptic factors are looked at.

    Returns
    -------
    list of int
        From 0 on. A product is zero at least where all the products are that share its number and
        have fewer factors; one without a postsynaptic factor is never zero.

    Examples
    --------
    >>> spike = Product("trace_pre", "spike_post", "1")
    >>> silent_together([spike, Product("spike_pre", "trace_post", "1")])
    [0, 1]
    >>> silent_together([spike, Product("1", "spike_post*spike_post", "w"), Product("1", "1", "w")])
    [0, 0, 1]
    """
    factors = [_factors(product.post) for product in products]
    fewest = [
        f for f in dict.fromkeys(factors) if not any(other and other < f for other in factors)
    ]
    return [
        next(n for n, few in enumerate(fewest) if few <= f and bool(few) == bool(f))
        for f in factors
    ]


def is_zero_with(expression: str, name: str) -> bool:
    """Return whether an expression is zero wherever a variable is; False if algebra can't say.

    Examples
    --------
    >>> is_zero_with("tanh(w)*gain", "w"), is_zero_with("w + 1", "w")
    (True, False)
    """
    try:
        whole = str_to_sympy(expression)
        return bool(whole.subs({s: 0 for s in whole.free_symbols if str(s) == name}) == 0)
    except (SyntaxError, TypeError, ValueError, NotImplementedError):
        return False


def _factors(expression: str) -> frozenset[str]:
    """Return the factors of a product, without their powers."""
    whole = str_to_sympy(expression)
    bases = (factor.as_base_exp()[0] for factor in sympy.Mul.make_args(whole))
    return frozenset(str(base) for base in bases if not base.is_number)


def sides_of(variables: Variables) -> Callable[[str], str]:
    """Return what says of a variable over connections whose it is.

    By its index: ``'pre'`` and ``'post'`` are neurons, ``'kernel'`` an element, ``'constant'``
    none.
    """

    def side(name: str) -> str:
        index = variables.indices[name] if name in variables else "0"
        return "constant" if index == "0" else index[1:].partition("_")[0]

    return side


class _Bases(ast.NodeTransformer):
    """Name what is raised to a power, if it scales by constants what is of one side."""

    def __init__(self, side: Callable[[str], str]) -> None:
        self._side = side
        self._names: dict[str, str] = {}  # by text
        self._sides: dict[str, str] = {}  # by name

    def named(self, expression: str) -> str:
        """Put the names in place of what they stand for."""
        return ast.unparse(self.visit(ast.parse(expression.strip(), mode="eval")))

    def written_out(self, expression: str) -> str:
        """Put back what the names stand for."""
        texts = {name: text for text, name in self._names.items()}
        return re.sub(r"\b_base\d+\b", lambda found: f"({texts[found[0]]})", expression)

    def side(self, name: str) -> str:
        """Return whose a variable is, or what a name stands for."""
        return self._sides.get(name) or self._side(name)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Name the base of a power."""
        if not (isinstance(node.op, ast.Pow) and isinstance(node.left, ast.BinOp)):
            return self.generic_visit(node)
        base = str_to_sympy(ast.unparse(node.left))
        constants = [s for s in base.free_symbols if self._side(str(s)) == "constant"]
        sides = _sides(base, self._side)
        if not constants or len(sides) != 1:
            return self.generic_visit(node)
        name = self._names.setdefault(sympy_to_str(base), f"_base{len(self._names)}")
        self._sides[name] = sides.pop()
        return ast.BinOp(ast.Name(name), node.op, self.visit(node.right))


def _text(product: sympy.Expr) -> str:
    """Write a product with small powers multiplied out: C++ calls a function for ``x**2``."""
    repeated: list[str] = []
    others: list[sympy.Expr] = []
    for factor in sympy.Mul.make_args(product):
        base, power = factor.as_base_exp()
        if power in (2, 3) and base.is_Symbol:
            repeated += [sympy_to_str(base)] * int(power)
        else:
            others.append(factor)
    rest = sympy.Mul(*others)
    if not repeated:
        return sympy_to_str(product)
    if rest == 1:
        return "*".join(repeated)
    return "*".join([f"({sympy_to_str(rest)})", *repeated])


_Term = tuple[sympy.Expr, sympy.Expr, sympy.Expr]


def _sides(node: sympy.Basic, side: Callable[[str], str]) -> set[str]:
    return {side(str(symbol)) for symbol in node.free_symbols} - {"constant"}


def _terms(node: sympy.Expr, side: Callable[[str], str]) -> list[_Term] | None:
    if node.is_Add:
        found: list[_Term] = []
        for argument in node.args:
            terms = _terms(argument, side)
            if terms is None:
                return None
            found += terms
        return found
    if not _sides(node, side) <= {"pre", "post", "kernel"}:
        return None
    factors = sympy.Mul.make_args(node)
    mixed = [f for f in factors if len(_sides(f, side)) > 1]
    if not mixed:
        return [_sorted(factors, side)]
    whole = _multiplied_out(mixed[0])
    if whole is None:
        return None
    others = [f for f in factors if f is not mixed[0]]
    return _terms(sympy.Add(*(sympy.Mul(*others, part) for part in whole)), side)


def _multiplied_out(factor: sympy.Expr) -> tuple[sympy.Expr, ...] | None:
    """Return the terms that a factor is the sum of, or None."""
    if factor.is_Add:
        return factor.args
    if factor.is_Pow and factor.exp.is_Integer and 1 < factor.exp <= 3:
        expanded = sympy.expand_mul(sympy.expand_multinomial(sympy.expand_power_base(factor)))
        return None if expanded == factor else sympy.Add.make_args(expanded)
    return None


def _sorted(factors: tuple[sympy.Expr, ...], side: Callable[[str], str]) -> _Term:
    parts: dict[str, list[sympy.Expr]] = {"pre": [], "post": [], "kernel": []}
    for factor in factors:
        sides = _sides(factor, side)
        parts[sides.pop() if sides else "kernel"].append(factor)
    pre, post, kernel = (sympy.Mul(*parts[name]) for name in ("pre", "post", "kernel"))
    return pre, post, kernel
