"""Sums, means and extremes over a filter or the whole kernel: norms, largest changes."""

from collections.abc import Iterable
from typing import Any

from brian2.core.variables import Variables
from brian2.equations.equations import SUBEXPRESSION, SingleEquation
from brian2.groups.group import get_dtype
from brian2.parsing.bast import brian_dtype_from_dtype
from brian2.utils.stringtools import get_identifiers

from hebbsim.codegen.expressions import check_units
from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.statements import parse_statements
from hebbsim.synapses.kernel import KernelGroup
from hebbsim.synapses.model import REDUCTIONS, ConvModel
from hebbsim.synapses.update import KernelUpdate

__all__ = ["KernelReduction", "create_reduced", "make_reductions"]

#: What numpy calls each
_FUNCTIONS = {"summed": "sum", "mean": "mean", "maximum": "max", "minimum": "min", "constant": ""}
#: What is the same for all elements of a filter besides what is shared and reduced
_OF_FILTER = {"out_channel", "out_row", "out_col"}


class KernelReduction(LoopNest):
    """Reduce an expression over kernel elements to one value for each filter, or to one.

    A filter is all weights onto one output channel, or onto one neuron without weight sharing.
    Each of its elements gets the value, so that every expression on an element can read it. What is
    constant over a filter is evaluated once for it. Sums run in double precision. A NaN among the
    values makes any result NaN, an extreme too.

    Parameters
    ----------
    kernel : KernelGroup
        The kernel.
    equation : SingleEquation
        The equation, with one of the flags `REDUCTIONS`.
    when, order : str, float
        Place in the step.
    """

    def __init__(
        self, kernel: KernelGroup, equation: SingleEquation, *, when: str, order: float
    ) -> None:
        self.equation = equation
        #: Its flag, such as ``'summed over filter'``
        self.flag = next(flag for flag in equation.flags if flag in REDUCTIONS)
        how, part = REDUCTIONS[self.flag]
        self.target_variable = kernel.variables[equation.varname]
        self.variables = Variables(kernel)
        self.variables.add_auxiliary_variable(
            "_term", dimensions=equation.dim, dtype=self.target_variable.dtype
        )
        super().__init__(
            kernel,
            "kernel_reduction",
            f"_term = {equation.expr.code}",
            when=when,
            order=order,
            name=f"{kernel.name}_reduction_{equation.varname}",
            template_kwds={
                "geometry": kernel.geometry,
                "how": how,
                "part": part,
                "function": _FUNCTIONS[how],
                "_target_var": self.target_variable,
            },
            needed_variables=[equation.varname],
        )

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the units of the equation before its code object is made."""
        check_units(self, self.equation, self.target_variable, run_namespace)
        super().before_run(run_namespace)


def create_reduced(kernel: KernelGroup, equations: Iterable[SingleEquation], dtype: Any) -> None:
    """Create the variables of reductions: of each element, or shared by all.

    Only the reductions write them.

    Raises
    ------
    TypeError
        If one is to be an integer or a boolean.
    """
    kernel.written_readonly_vars = set()
    for equation in equations:
        flag = next(flag for flag in equation.flags if flag in REDUCTIONS)
        found = get_dtype(equation, dtype)
        if brian_dtype_from_dtype(found) != "float":
            raise TypeError(
                f"{kernel.connections.label}: '{equation.varname}' is ({flag}), which gives real "
                f"numbers, not {equation.var_type}; declare it with units, such as ': 1'"
            )
        whole = REDUCTIONS[flag][1] == "kernel"
        kernel.variables.add_array(
            equation.varname,
            size=1 if whole else len(kernel),
            dimensions=equation.dim,
            dtype=found,
            scalar=whole,
            read_only=True,
            **({"index": "0"} if whole else {}),
        )
        kernel.written_readonly_vars.add(kernel.variables[equation.varname])


def make_reductions(
    kernel: KernelGroup, model: ConvModel, update: KernelUpdate | None, order: int
) -> dict[str, KernelReduction]:
    """Return the reductions of a convolution, by what they write.

    Each runs after those that it reads, and before the `update`, which is put behind them.

    Raises
    ------
    ValueError
        If an expression names what is no value of a kernel element, or something reads what is
        reduced from the sums of the same step before these are there.
    """
    if not model.reduced:
        return {}
    reading = _Reading(kernel, model)
    found: dict[str, KernelReduction] = {}
    for equation in model.reduced:
        reading.check(equation)
        when, place = reading.place(equation.varname)
        found[equation.varname] = KernelReduction(kernel, equation, when=when, order=order + place)
    reading.check_early(kernel, model)
    if update is not None:
        late = (r.order for r in found.values() if r.when == "end")
        update.order = max([update.order, *(place + 1 for place in late)])
    return found


class _Reading:
    """What the equations of a convolution read in a step, themselves and through others."""

    def __init__(self, kernel: KernelGroup, model: ConvModel) -> None:
        self.label = kernel.connections.label
        self.reduced = {e.varname: e for e in model.reduced}
        self.integrated = bool(model.kernel.diff_eq_names)
        self.of_elements = {n for n, v in kernel.variables.items() if v.array and not v.scalar}
        #: Equations that a reader evaluates, or waits for
        self.followed = self.reduced | {
            e.varname: e for e in model.kernel.values() if e.type == SUBEXPRESSION
        }
        sums = {name for name, side in model.sides.items() if side == "kernel"}
        sums |= {e.varname for e in model.over_samples}
        #: What is reduced from the sums of a step
        self.late = {name for name in self.reduced if self.reads(self.reduced[name]) & sums}
        suffixed = [n for n in kernel.connection_variables() if n.endswith(("_pre", "_post"))]
        self.refused = (
            dict.fromkeys(suffixed, "a variable of a map; sum it over the connections, (summed)")
            | {e.varname: "a running sum; sum it to the kernel, (summed)" for e in model.cumulative}
            | dict.fromkeys(
                (e.varname for e in model.per_sample.values()),
                "one value for each sample; sum it over them, (summed over samples)",
            )
        )

    def reads(self, equation: SingleEquation) -> set[str]:
        """Return all names that an equation reads, those in what it reads included."""
        found: set[str] = set()
        pending = set(equation.identifiers)
        while pending:
            name = pending.pop()
            found.add(name)
            if name in self.followed:
                pending |= self.followed[name].identifiers - found
        return found

    def place(self, name: str) -> tuple[str, float]:
        """Return the slot and the order of a reduction."""
        depth = self._depth(name)
        if name in self.late:
            return "end", 2 + depth  # sums over samples are at 2
        if self.integrated:
            return "groups", 1 - 0.5**depth  # between its equations, at 0, and what is forward
        return "after_start", depth

    def _depth(self, name: str) -> int:
        """Return how many reductions a reduction takes, one after the other."""
        below = self.reads(self.reduced[name]) & set(self.reduced)
        return 1 + max((self._depth(other) for other in below), default=0)

    def check(self, equation: SingleEquation) -> None:
        """Refuse what isn't a value of each kernel element, or not the same for all of a filter."""
        if "constant over filter" in equation.flags:
            self._check_constant(equation)
        for name in sorted(self.reads(equation) & set(self.refused)):
            raise ValueError(
                f"{self.label}: '{equation.varname} = {equation.expr.code}' reduces values of "
                f"kernel elements and can't use '{name}', {self.refused[name]} to a variable of "
                "the kernel before"
            )

    def _check_constant(self, equation: SingleEquation) -> None:
        pending, seen = set(equation.identifiers), set[str]()
        while pending:
            name = pending.pop()
            seen.add(name)
            subexpression = self.followed.get(name)
            if name in self.reduced or name in _OF_FILTER:
                continue
            if subexpression is not None:
                pending |= subexpression.identifiers - seen
            elif name in self.of_elements:
                raise ValueError(
                    f"{self.label}: '{equation.varname} = {equation.expr.code}' is (constant over "
                    f"filter), and '{name}' has a value for each element of a filter; reduce it "
                    f"first, as in 's = {name} : 1 (summed over filter)'"
                )

    def check_early(self, kernel: KernelGroup, model: ConvModel) -> None:
        """Refuse to read what is reduced later in the step."""
        to_kernel = [e for e in model.summed if model.sides[e.varname] == "kernel"]
        for equation in (*to_kernel, *model.cumulative, *model.over_samples):
            self._refuse(
                f"{equation.varname} = {equation.expr.code}", self.reads(equation) & self.late
            )
        samples = kernel.samples
        if samples is not None and samples.update is not None:
            for statement in parse_statements(samples.update.abstract_code):
                read = get_identifiers(statement.value)
                read |= {
                    n for name in read & set(self.followed) for n in self.reads(self.followed[name])
                }
                self._refuse(str(statement), read & self.late)

    def _refuse(self, text: str, late: set[str]) -> None:
        for name in sorted(late):
            raise ValueError(
                f"{self.label}: '{text}' runs before '{name}' is reduced from the sums of the "
                f"step; read '{name}' in a statement of update that changes the kernel"
            )
