"""What postsynaptic spikes add to a shared kernel, where it separates into products."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from brian2.core.variables import ArrayVariable, Variables
from brian2.groups.group import CodeRunner
from brian2.utils.stringtools import word_substitute

from hebbsim.codegen.expressions import declare_local
from hebbsim.statements import Statement
from hebbsim.synapses.algebra import Product, separate, sides_of
from hebbsim.synapses.kernel import KernelGroup

__all__ = ["SpikeProducts"]


class _Part(NamedTuple):
    """A product, where it is added up, and the type in which it is computed."""

    change: ArrayVariable
    dtype: Any
    product: Product


@dataclass(frozen=True)
class SpikeProducts:
    """Products that spikes add to kernel variables, each with where it is added.

    The sum over spikes of ``kernel*post*pre`` is ``kernel`` times that of ``post*pre``. What is
    presynaptic is the same for all channels that spike at a position.
    """

    parts: tuple[_Part, ...]

    @classmethod
    def of(
        cls,
        kernel: KernelGroup,
        variables: Variables,
        statements: Iterable[Statement],
        changes: dict[str, ArrayVariable],
    ) -> "SpikeProducts | None":
        """Separate statements that only add to shared kernel variables; None if some don't.

        Parameters
        ----------
        kernel : KernelGroup
            The kernel.
        variables : Variables
            What the statements may name.
        statements : iterable of Statement
            Those of a pathway.
        changes : dict of str to ArrayVariable
            The variables that they change, and where each is added up.
        """
        if not kernel.geometry.weight_sharing:
            return None
        parts: list[_Part] = []
        for statement in statements:
            if statement.target not in changes or statement.operator not in ("+=", "-="):
                return None
            sign = "" if statement.operator == "+=" else "-"
            value = word_substitute(statement.value, kernel.model.of_connections)
            products = separate(f"{sign}({value})", sides_of(variables))
            if products is None:
                return None
            change, dtype = changes[statement.target], variables[statement.target].dtype
            parts += [_Part(change, dtype, product) for product in products]
        return cls(tuple(parts)) if parts else None

    def declare(self, runner: CodeRunner, run_namespace: dict[str, Any]) -> dict[str, str]:
        """Declare the factors as variables of `runner`, and return the code of its blocks."""
        blocks: dict[str, list[str]] = {"pre": [], "kernel": []}
        for name, (dtype, factor) in self._fields().items():
            declare_local(runner, name, factor, dtype, run_namespace)
            blocks["pre"].append(f"{name} = {factor}")
        for number, (_, dtype, product) in enumerate(self.parts):
            for name, factor, block in (
                (f"_q{number}", product.post, f"post{number}"),
                (f"_k{number}", product.kernel, "kernel"),
            ):
                declare_local(runner, name, factor, dtype, run_namespace)
                blocks.setdefault(block, []).append(f"{name} = {factor}")
        return {name: "\n".join(lines) for name, lines in blocks.items()}

    def template_kwds(self) -> dict[str, Any]:
        """Return what the template needs to know."""
        fields = {factor: name for name, (_, factor) in self._fields().items()}
        return {
            "pres": [(name, dtype) for name, (dtype, _) in self._fields().items()],
            "products": [
                {
                    "target": change,
                    "dtype": dtype,
                    "pre": fields[product.pre],
                    "post": f"_q{number}" if product.post != "1" else "",
                    "kernel": f"_k{number}",
                }
                for number, (change, dtype, product) in enumerate(self.parts)
            ],
        }

    def _fields(self) -> dict[str, tuple[Any, str]]:
        """Return a name for each presynaptic factor, with its type."""
        factors = {part.product.pre: part.dtype for part in reversed(self.parts)}
        return {f"_p{n}": (dtype, pre) for n, (pre, dtype) in enumerate(factors.items())}
