"""Sums over a convolution's connections, into postsynaptic, presynaptic or kernel variables."""

import math
from collections.abc import Container
from itertools import count
from typing import Any

import numpy as np
from brian2 import NeuronGroup, Subgroup
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.core.variables import Variable
from brian2.equations.equations import SingleEquation
from brian2.groups.group import Group

from hebbsim.brian2_private import drop_variable
from hebbsim.codegen.expressions import changed_read, check_units, declare_local
from hebbsim.codegen.targets import code_object_class, on_cuda
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.forward_order import ForwardOperation
from hebbsim.rules.rule import Rule
from hebbsim.synapses.algebra import (
    Product,
    is_zero_with,
    separate,
    sides_of,
    silent_together,
)
from hebbsim.synapses.kernel import KernelGroup
from hebbsim.synapses.model import ConvModel, check_identifiers
from hebbsim.synapses.sum_products import (
    feedback_product,
    forward_product,
    shares_multiplications,
)

__all__ = ["ConnectionSum", "make_sums"]


class ConnectionSum(ForwardOperation):
    """Sum an expression over all connections that reach each element of a variable.

    Parameters
    ----------
    kernel : KernelGroup
        The kernel, its connections, and what may be named.
    equation : SingleEquation
        The summed equation; its name ends in ``_post``, ``_pre`` or names a kernel variable.
    side : {'post', 'pre', 'kernel'}
        What the sums are of.
    cumulative : list of SingleEquation
        Subexpressions that run over the output channels, for sums to the kernel.
    order : int
        Place in the step of a sum to the kernel; shifts that of others.
    masked : str, optional
        The weight that a mask prunes.
    left_out : bool
        Whether sums to what it leaves out of the kernel are 0.
    """

    def __init__(
        self,
        kernel: KernelGroup,
        equation: SingleEquation,
        side: str,
        cumulative: list[SingleEquation],
        *,
        order: int,
        masked: str | None,
        left_out: bool = False,
    ) -> None:
        self.side = side
        self.connections = connections = kernel.connections
        self.equation = equation
        #: Active neurons alone are visited if no more than one in so many is active: their
        #: scattered changes cost more each than those of the tiles, the more so the fewer they are.
        #: Measured in C++ at 9 to 900 connections of a neuron; on a GPU a guess
        slowest, fewest = (1000, 8) if on_cuda() else (450, 3)
        self.dense_from = max(fewest, slowest // connections.geometry.fan_in)
        # lists of what a mask leaves are made for so many positions in all
        lists = 1000 // (connections.batch_size * math.prod(connections.geometry.out_shape[1:]))
        #: What a mask leaves is visited alone if no more than one weight in so many is left: from
        #: there on it was faster
        self.sparse_from = 3 + lists
        #: Likewise for what active neurons add to a kernel, one element after the other
        self.left_from = 12 + lists
        self.variables = kernel.connection_variables()
        self.target_variable: Variable = self.variables[equation.varname]
        self.variables.add_auxiliary_variable(
            "_synaptic_var",
            dimensions=self.target_variable.dim,
            dtype=self.target_variable.dtype,
        )
        #: Whether it sums to the elements of the kernel alone that a mask leaves
        self.left_out = left_out
        lines = [*self._run_over_channels(cumulative), f"_synaptic_var = {equation.expr.code}"]
        # neurons that read what is summed, such as a recurrent map's, see it as it was
        self._buffered = (
            changed_read(equation.expr.code, [self.target_variable], self.variables) is not None
        )
        #: The code that visits every connection
        self._text = "\n".join(lines)
        super().__init__(
            kernel,
            f"conv_sum_{side}",
            self._text,
            when="end" if side == "kernel" else "groups",
            order=order,
            clock=kernel.clock if side == "kernel" else connections.group(side).clock,
            name=f"{kernel.name}_sum_{equation.varname}",
            template_kwds={
                "geometry": connections.geometry,
                "batch_size": connections.batch_size,
                "n_neurons": len(connections.target),
                "pre_start": connections.source_map.start,
                "cumulative": [running.varname for running in cumulative],
                "_target_var": self.target_variable,
                "itemsize": np.dtype(self.target_variable.dtype).itemsize,
                "buffered": self._buffered,
                "n_results": self.target_variable.size,
                "_sum_index": self.variables.indices[equation.varname],
                "per_sample": "per sample" in equation.flags,
                "_mask_var": kernel.variables["mask"] if left_out else None,
            },
            needed_variables=[equation.varname, *(["mask"] if left_out else [])],
        )
        if side != "kernel":
            self.computes = self.target_variable
        self._choose_loops(kernel, masked)
        if side != "kernel":
            groups = [group for _, group in connections.sides]
            owners = [g.source if isinstance(g, Subgroup) else g for g in groups]
            self.take_place([g for g in owners if isinstance(g, FeatureMap)], order)
            # a slice may show neurons of other samples
            self.n_samples = connections.batch_size if owners == groups else 1

    def _choose_loops(self, kernel: KernelGroup, masked: str | None) -> None:
        """Find what is multiplied, and what a mask saves."""
        text, variables, geometry = (
            self.equation.expr.code,
            self.variables,
            kernel.connections.geometry,
        )
        #: The products that a sum to the kernel separates into, if it does
        self.products: tuple[Product, ...] | None = None
        visits_all = (
            bool(self.template_kwds["cumulative"])
            or not geometry.weight_sharing
            or "per sample" in self.equation.flags
            # a term is cut to a whole number, its factors aren't
            or not np.issubdtype(self.target_variable.dtype, np.floating)
        )
        if self.side == "kernel" and not visits_all:
            self.products = separate(text, sides_of(variables))
        #: Which of them are zero for the same neurons, see `silent_together`
        self.part_of = silent_together(self.products or ())
        #: What a sum to neurons is, if it is a single product of the kernel with what neurons give
        self.single: Product | None = None
        if self.side != "kernel" and not (visits_all or self._buffered):
            product = forward_product if self.side == "post" else feedback_product
            self.single = product(text, variables, geometry)
        if self.side == "pre":
            # one weight after the other: faster than tiles where nearly all are pruned
            self.sparse_from = 50 if self.single is not None else 2
        self.template_kwds["sparse_from"] = self.sparse_from
        #: Whether it visits the weights alone that a mask leaves
        self.sparse = self._is_sparse(masked)
        self._listed = kernel.variables[masked] if masked is not None else None
        #: Whether active neurons visit the elements alone that it leaves
        self.lists_elements = self.left_out and any(p.pre != "1" for p in self.products or ())
        dtype = np.dtype(self.target_variable.dtype)
        self._shares = self.side == "post" and shares_multiplications(geometry, dtype)

    @property
    def text(self) -> str:
        """The code whose names it reads."""
        return self._text

    def reads_before_integration(self, computed: set[Variable]) -> bool:
        """Whether it reads what differential equations integrate, and nothing that is computed."""
        read = self.reads()
        groups = [self.connections.group("post" if self.side == "pre" else "pre")]
        groups += [*self.group.traces.values()]
        integrated = {group.variables[n] for group in groups for n in _integrated(group)}
        return bool(read & integrated) and not read & computed

    @property
    def label(self) -> str:
        """What errors call it."""
        return self.connections.label

    def _run_over_channels(self, cumulative: list[SingleEquation]) -> list[str]:
        """Make of each (cumulative) text a running sum; return the statements."""
        lines = []
        for running in cumulative:
            name = running.varname
            drop_variable(self.variables, name)
            for auxiliary in (name, f"_before_{name}"):  # of all channels: a long sum
                self.variables.add_auxiliary_variable(
                    auxiliary, dimensions=running.dim, dtype=np.float64
                )
            lines.append(f"{name} = _before_{name} + ({running.expr.code})")
        return lines

    def _is_sparse(self, masked: str | None) -> bool:
        if masked is None or self.side == "kernel":
            return False
        if self.side == "pre":
            return is_zero_with(self.equation.expr.code, masked)
        return self.single is not None and is_zero_with(self.single.kernel, masked)

    def visit_all(self) -> None:
        """From the next run on visit what a mask leaves out, too: what it saves is told by that."""
        self.sparse = self.lists_elements = False

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the units of the equation before its code object is made."""
        check_units(self, self.equation, self.target_variable, run_namespace)
        self.use_plain_code()
        self.template_kwds["_listed_var"] = None
        if code_object_class() is not NumpyCodeObject:
            template = self.loops_of_product()
            if self.products is not None:
                self._separate(run_namespace)
            elif template is not None:
                self._multiply(run_namespace, template)
            if self.side == "pre" and self.sparse and not on_cuda():
                self.template_kwds["_listed_var"] = self._listed
        super().before_run(run_namespace)

    def loops_of_product(self) -> str | None:
        """Name the template that sums a single product, where it is faster than a plain one."""
        if self.single is None:
            return None
        if on_cuda():
            return "conv_sum_post_product" if self.side == "post" else None
        if self.side == "pre":
            return "conv_sum_pre_product"
        if self.sparse:
            return "conv_sum_post_sparse"
        return "conv_sum_post_winograd" if self._shares else None

    def _multiply(self, run_namespace: dict[str, Any], template: str) -> None:
        """Prepare the factors of a product of the kernel with what neurons give."""
        assert self.single is not None
        side, name, given = "pre", "_p", self.single.pre
        if self.side == "pre":
            side, name, given = "post", "_q", self.single.post
        self._declare(name, given, run_namespace)
        self._declare("_k", self.single.kernel, run_namespace)
        self.template = template
        self.abstract_code = {side: f"{name} = {given}", "kernel": f"_k = {self.single.kernel}"}
        if not on_cuda():
            self.abstract_code["direct"] = self._text
        self.user_code = self.abstract_code

    def _declare(self, name: str, expression: str, run_namespace: dict[str, Any]) -> None:
        """Let what is multiplied have the type of the sum."""
        declare_local(self, name, expression, self.target_variable.dtype, run_namespace)

    def _separate(self, run_namespace: dict[str, Any]) -> None:
        """Prepare the code of the products: its factors, and what is made of their sums."""
        assert self.products is not None
        geometry = self.connections.geometry
        pres = list(dict.fromkeys(p.pre for p in self.products if p.pre != "1"))
        for number, pre in enumerate(pres):
            self._declare(f"_p{number}", pre, run_namespace)
        for number, product in enumerate(self.products):
            self._declare(f"_q{number}", product.post, run_namespace)
            factors = f"({product.pre})*({product.post})"
            self._declare(f"_s{number}", factors, run_namespace)
        self.template = "conv_sum_kernel_products"
        self.abstract_code = {
            "post": "\n".join(f"_q{n} = {p.post}" for n, p in enumerate(self.products)),
            "pre": "\n".join(f"_p{n} = {pre}" for n, pre in enumerate(pres)),
            "kernel": "_synaptic_var = "
            + " + ".join(f"({p.kernel})*_s{n}" for n, p in enumerate(self.products)),
        }
        for number, product in enumerate(self.products):
            if product.pre != "1":
                code = f"_s{number} = ({product.post})*({product.pre})"
                self.abstract_code[f"product{number}"] = code
        self.user_code = self.abstract_code
        places = {False: count(), True: count()}  # of plain sums, and of correlations
        products = [
            {
                "number": n,
                "pre_number": pres.index(p.pre) if p.pre != "1" else None,
                "part": self.part_of[n],
                "place": next(places[p.pre != "1"]),
            }
            for n, p in enumerate(self.products)
        ]
        self.template_kwds |= {
            "products": products,
            "parts": [
                [p for p in products if p["part"] == part] for part in sorted(set(self.part_of))
            ],
            "dense_from": self.dense_from,
            "padded": any(geometry.padding),
            "lists_elements": self.lists_elements,
            "left_from": self.left_from,
        }


def make_sums(
    kernel: KernelGroup,
    model: ConvModel,
    rule: Rule | None,
    order: int,
    masked: str | None,
    left_out: Container[str],
) -> dict[str, ConnectionSum]:
    """Return the sums of a convolution, by what they write.

    Those to neurons take their places among the forward operations of the maps; those to the
    kernel run at the end of a step. Those named in `left_out` are 0 where a mask prunes the weight
    that is `masked`.

    Raises
    ------
    ValueError
        If an equation names what isn't there, or a sum to neurons a (cumulative) one.
    """
    connections = kernel.connections
    known = kernel.connection_variables()
    sums: dict[str, ConnectionSum] = {}
    for equation in model.summed:
        side, used = model.sides[equation.varname], model.used_by(equation)
        if used and side != "kernel":
            raise ValueError(
                f"{connections.label}: '{equation.varname}' sums to neurons and can't use the "
                f"cumulative '{used[0].varname}'"
            )
        check_identifiers(connections, rule, known, [equation, *used])
        sums[equation.varname] = ConnectionSum(
            kernel,
            equation,
            side,
            used,
            order=order,
            masked=masked,
            left_out=equation.varname in left_out,
        )
    return sums


def _integrated(group: Group) -> set[str]:
    """Return the names of the variables that a group's state updater changes."""
    owner = group.source if isinstance(group, Subgroup) else group
    if not isinstance(owner, NeuronGroup):
        return set()
    return {*owner.equations.diff_eq_names, "not_refractory"} & set(group.variables)
