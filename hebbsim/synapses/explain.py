"""What a convolution will do in a time step: its sums, how each is computed, and what it costs."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from brian2 import prefs
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable, Subexpression, Variables
from brian2.groups.group import CodeRunner
from brian2.utils.stringtools import get_identifiers

from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.codegen.targets import code_object_class, on_cuda
from hebbsim.synapses.kernel import KernelGroup
from hebbsim.synapses.normalization import Normalization
from hebbsim.synapses.pathways import SpikePathway
from hebbsim.synapses.reductions import KernelReduction
from hebbsim.synapses.sums import ConnectionSum
from hebbsim.synapses.update import KernelUpdate

__all__ = ["Explanation", "Work", "explain"]


@dataclass(frozen=True)
class Work:
    """What one equation costs in a time step.

    Parameters
    ----------
    name : str
        Of the object that runs it, as in Brian2's profiling summary.
    when, order : str, int
        Its place in the step: the slot, and the order in it.
    equation : str
        What it computes.
    loops : tuple of str
        How, in words.
    operations : int
        Multiplications with an addition each, at most; or elements visited.
    n_bytes : int
        Size of the arrays that it reads or writes.
    """

    name: str
    when: str
    order: int
    equation: str
    loops: tuple[str, ...]
    operations: int
    n_bytes: int

    def __str__(self) -> str:
        cost = f"{self.operations:,} operations on {self.n_bytes / 1e6:,.2f} MB"
        lines = (f"    {line}" for line in (*self.loops, cost))
        place = f"{self.when} {self.order}"
        return "\n".join([f"{place}: {self.equation}    [{self.name}]", *lines])


@dataclass(frozen=True)
class Explanation:
    """The work of a convolution in each time step; print it."""

    title: str
    size: str
    works: tuple[Work, ...]
    #: Everything that runs in a step for the convolution and its two groups, in this order
    schedule: tuple[str, ...]

    def __str__(self) -> str:
        schedule = ["", "in each step:", *(f"    {line}" for line in self.schedule)]
        return "\n".join([self.title, self.size, "", *map(str, self.works), *schedule])


def explain(
    kernel: KernelGroup,
    sums: Iterable[ConnectionSum],
    reductions: Collection[KernelReduction],
    pathways: Iterable[SpikePathway],
    update: KernelUpdate | None,
    normalization: Normalization | None,
    share: float = 1.0,
) -> Explanation:
    """Describe what a convolution's generated code does in a step, before it runs.

    Parameters
    ----------
    kernel : KernelGroup
        The kernel.
    sums, reductions, pathways, update, normalization
        What runs over its connections and elements.
    share : float
        Of the neurons that spike in a step, for which operations of pathways are counted.

    Returns
    -------
    Explanation
        Its ``str`` is the text, its ``works`` are the numbers.
    """
    batch_size = kernel.batch_size
    size = (
        f"{len(kernel):,} kernel elements stand for {kernel.connections.number:,} connections of "
        f"{batch_size} sample{'s' if batch_size > 1 else ''}"
    )
    works = [] if normalization is None else [_normalization(normalization)]
    works += [_reduction(reduction) for reduction in reductions if reduction.when != "end"]
    works += [_sum(total) for total in sums]
    works += [_reduction(reduction) for reduction in reductions if reduction.when == "end"]
    works += [_pathway(pathway, share) for pathway in pathways]
    if kernel.samples is not None:
        works += [_samples(runner) for runner in kernel.samples.learners]
    if update is not None:
        works.append(_update(update))
    return Explanation(repr(kernel).strip("<>"), size, tuple(works), _steps(kernel))


def _steps(kernel: KernelGroup) -> tuple[str, ...]:
    """Return slot, order, clock and name of all that runs, as Brian2's network sorts it."""
    pending: list[BrianObject] = [kernel, *(group for _, group in kernel.connections.sides)]
    found: dict[str, BrianObject] = {}
    while pending:
        item = pending.pop()
        pending += item.contained_objects
        if isinstance(item, CodeRunner) and item.active:
            found[item.name] = item
    slots = [
        f"{before}{slot}"
        for slot in prefs.core.network.default_schedule
        for before in ("before_", "", "after_")
    ]
    runners = sorted(found.values(), key=lambda r: (slots.index(r.when), r.order, r.name))
    return tuple(f"{r.when} {r.order}: {r.name} (dt = {r.clock.dt})" + _block(r) for r in runners)


def _block(runner: CodeRunner) -> str:
    """Say what else runs for some samples before a runner goes on to the next."""
    if not isinstance(runner, LoopNest) or runner.block is None:
        return ""
    size, others = runner.block
    return f", {size} sample{'s' if size > 1 else ''} at a time with {', '.join(others)}"


def _update(update: KernelUpdate) -> Work:
    statements = "; ".join(line.strip() for line in update.abstract_code.splitlines())
    norm = update.template_kwds["norm"]
    lines = [
        "for each kernel element",
        *([f"then the L{norm} norm of each filter"] if norm else []),
    ]
    if update.touched is not None and code_object_class() is not NumpyCodeObject:
        lines = ["for the kernel elements that spikes touched: the rest stays as it is"]
    if update.nothing_left:
        lines = ["nothing is left to do: spikes look at the weights that they change"]
    return Work(
        update.name,
        update.when,
        update.order,
        statements,
        tuple(lines),
        0 if update.nothing_left else len(update.group),
        0 if update.nothing_left else _bytes(update, update.group.variables, statements),
    )


def _normalization(runner: Normalization) -> Work:
    norm, elements = runner.template_kwds["norm"], len(runner.group)
    return Work(
        runner.name,
        runner.when,
        runner.order,
        f"{runner.weight} *= {runner.template_kwds['norm_value']:g}/norm",
        (f"the L{norm} norm of each filter, in steps in which {runner.condition}",),
        elements,
        _bytes(runner, runner.group.variables, runner.weight),
    )


def _sum(total: ConnectionSum) -> Work:
    equation, connections = total.equation, total.connections.number
    template = total.loops_of_product()
    text = f"{equation.varname} = {equation.expr.code}"
    loops = {
        "post": "for each target neuron, over its receptive field; tiles of positions by channels",
        "pre": "for each source neuron, over its projective field"
        + ("; tiles of positions by channels" if template == "conv_sum_pre_product" else ""),
        "kernel": "for each kernel element, over all positions and samples that share it",
    }[total.side]
    lines, operations = [loops], connections
    if code_object_class() is NumpyCodeObject:
        lines.append("in numpy, which visits every connection")
    elif total.sparse and not on_cuda():
        lines.append(
            f"where no more than 1 weight of {total.sparse_from} is left, those alone are visited"
        )
    elif template == "conv_sum_post_winograd":
        lines.append(
            "2x2 neurons share multiplications, 16 for 36 (Winograd), unless a weight is 0"
        )
    elif total.products is not None:
        lines, operations = _separated(total, connections)
    return Work(
        total.name,
        total.when,
        total.order,
        text,
        tuple(lines),
        operations,
        _bytes(total, total.variables, text),
    )


def _separated(total: ConnectionSum, connections: int) -> tuple[list[str], int]:
    """Describe a sum that separates into products, and count what it costs if all are active."""
    products = total.products or ()
    geometry, n_neurons = total.connections.geometry, len(total.connections.target)
    places = int(np.prod(geometry.kernel_size)) if geometry.pads_zeros else 1
    lines, operations = ["separates into"], 0
    for product in products:
        factor = "" if product.kernel == "1" else f"({product.kernel}) * "
        terms = [f for f in (product.post, product.pre) if f != "1"] or ["1"]
        lines.append(f"  {factor}sum of {' * '.join(f'({term})' for term in terms)}")
        operations += connections if product.pre != "1" else n_neurons * places
    active: dict[int, dict[str, None]] = {}
    for part, product in zip(total.part_of, products, strict=True):
        active.setdefault(part, {})[product.post] = None
    left = (
        f", fewer if no more than 1 element of {total.left_from} is left"
        if total.lists_elements and not on_cuda()
        else ""
    )
    for posts in active.values():
        if "1" not in posts:
            activity = " or ".join(f"{post} != 0" for post in posts)
            lines.append(
                f"where {activity} in at most 1 neuron of {total.dense_from}, only those are "
                f"visited: {geometry.fan_in} operations each{left}"
            )
    if total.left_out:
        lines.append("0 where the mask is 0")
    return lines, operations


def _reduction(reduction: KernelReduction) -> Work:
    equation, kernel = reduction.equation, reduction.group
    text = f"{equation.varname} = {equation.expr.code}"
    return Work(
        reduction.name,
        reduction.when,
        reduction.order,
        text,
        (f"for each kernel element, {reduction.flag}",),
        len(kernel),
        _bytes(reduction, kernel.variables, text),
    )


def _samples(runner: LoopNest) -> Work:
    """Describe what each sample's own kernel variables cost."""
    equation = getattr(runner, "equation", None)
    text = "; ".join(line.strip() for line in runner.abstract_code.splitlines() if line.strip())
    if equation is not None:
        text = f"{equation.varname} = {equation.expr.code}"
    return Work(
        runner.name,
        runner.when,
        runner.order,
        text,
        ("for each kernel element of each sample",),
        len(runner.group),
        _bytes(runner, runner.variables, text),
    )


def _pathway(pathway: SpikePathway, share: float) -> Work:
    connections = pathway.connections.number
    field = "receptive" if pathway.side == "post" else "projective"
    neurons = len(pathway.connections.group(pathway.side))
    text = "; ".join(map(str, pathway.statements))
    lines = [
        f"for each neuron that spiked, over its {field} field: "
        f"{connections / neurons:.0f} connections on average",
    ]
    if share < 1:
        lines.append(f"counted for {share:.3g} of the neurons")
    if pathway.products is not None and code_object_class() is not NumpyCodeObject:
        lines.append("what is presynaptic is computed once for all channels of a position")
    return Work(
        pathway.name,
        pathway.when,
        pathway.order,
        text,
        tuple(lines),
        round(share * connections),
        _bytes(pathway, pathway.variables, text),
    )


def _bytes(runner: LoopNest, variables: Variables, code: str) -> int:
    """Return the size of the arrays that code names, itself or in subexpressions."""
    found: dict[int, int] = {}
    names, seen = list(get_identifiers(code)), set()
    while names:
        name = names.pop()
        if name in seen or name not in variables:
            continue
        seen.add(name)
        variable = variables[name]
        if isinstance(variable, Subexpression):
            names += get_identifiers(variable.expr)
        elif isinstance(variable, ArrayVariable):
            found[id(variable)] = variable.size * np.dtype(variable.dtype).itemsize
    return sum(found.values())
