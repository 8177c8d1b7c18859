"""Plastic convolutions: synapses that share one kernel, written as equations."""

from collections.abc import Mapping
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import Quantity
from brian2.core.base import BrianObject
from brian2.core.variables import ArrayVariable, LinkedVariable
from brian2.equations import Equations
from brian2.equations.equations import SingleEquation
from brian2.groups.group import Group
from brian2.groups.neurongroup import SubexpressionUpdater
from brian2.synapses.synapses import StateUpdater

from hebbsim.convmodel import add_kernel_variables, check_identifiers, read_model, side_of
from hebbsim.featuremap import FeatureMap
from hebbsim.geometry import ConvGeometry, GeometryError
from hebbsim.kernelarrays import KernelArrays
from hebbsim.kernelupdate import KernelUpdate
from hebbsim.linking import link_shared
from hebbsim.loopnest import compile_directly
from hebbsim.pathways import (
    SpikePathway,
    Statement,
    make_pathways,
    needed_statements,
    parse_statements,
)
from hebbsim.rules.rule import Rule
from hebbsim.samplekernels import SampleKernels
from hebbsim.sources import SourceMap
from hebbsim.sums import ConnectionSum

if TYPE_CHECKING:
    from hebbsim.explain import Explanation
    from hebbsim.oracle import ExplicitSynapses

__all__ = ["ConvSynapses"]


class ConvSynapses(KernelArrays):
    """Join two feature maps by a convolution whose kernel is shared and plastic.

    A Brian2 `Group` with one element for each kernel element: ``conv.w = '0.1*randn()'``,
    ``conv.w['out_channel == 3']``, ``conv.run_regularly(...)`` and ``StateMonitor(conv, 'w', ...)``
    work as on any group. ``out_channel``, ``in_channel`` (within its group), ``krow`` and ``kcol``
    can be used in string expressions, and ``n_shared``, how many connections (of all positions
    and samples) share an element.

    In `model`, names without a suffix are kernel variables, ``_pre`` and ``_post`` are the
    variables of the two maps, and ``(summed)`` equations add up over all connections of the
    variable on their left::

        w : 1                                             # one value for each kernel element
        u_post = w*x_pre : 1 (summed)                     # convolution
        d_pre = w*delta_post : 1 (summed)                 # transposed convolution
        dw = y_post*(x_pre - y_post*w) : 1 (summed)       # plasticity
        xhat = y_post*w : 1 (cumulative)                  # runs over the output channels

    Sums to neurons run in the slot ``groups``, in the order in which the signal passes; sums to
    the kernel, then `update`, mask and normalisation run in the slot ``end``. So every change of
    a step is computed from the kernel as it was, and applied once.

    Parameters
    ----------
    source : FeatureMap or group
        The map, or any group whose neurons are numbered like a map's (`source_shape`): a
        `Subgroup`, a `PoissonGroup`, a `SpikeGeneratorGroup`, a `NeuronGroup`.
    target : FeatureMap
        A map with `conv_output_shape` of the source's shape.
    model : str or Equations, optional
        Equations; with a `rule`, the default is ``w : 1; u_post = w*x_pre : 1 (summed)``.
    on_pre, on_post : str or dict of str, optional
        Statements run along the connections of each neuron that spiked, as in `Synapses`: named
        pathways in a dict. They accumulate (``+=``, ``-=``) into variables of the neurons or of
        the kernel; changes of the kernel in one time step are applied together at its end.
    delay : Quantity or dict of Quantity, optional
        Delay of each pathway, the same for all connections; a single one is that of ``'pre'``.
    kernel_size, stride, padding, dilation : int or (int, int)
        As in `torch.nn.Conv2d`, ``(rows, cols)``; padding is with zeros, and has no synapses.
    source_shape : tuple of int, optional
        ``(channels, rows, cols)`` of a source that is no `FeatureMap`; neuron ``i`` of it is at
        ``((sample*rows + row)*cols + col)*channels + channel``.
    groups : int
        Blocks of channels that are connected to each other alone.
    weight_sharing : bool
        False gives each position a kernel of its own (a locally connected layer).
    rule : Rule, optional
        Adds its equations to the model, its parameters to the namespace and its update.
    update : str, optional
        Statements run on each kernel element after the sums, instead of the rule's, such as
        ``'w += 0.01*dw'``.
    weight : str
        The kernel variable that `mask`, `normalize` and the check for finite values apply to.
    mask : array or None
        Ones and zeros, shape ``get_kernel(weight)``: where it is 0, the weight is 0 and stays 0.
    normalize : {None, 'L1', 'L2'}
        Bring each filter (all weights onto one output channel) to this norm after each update.
    norm : float
        The value of the norm.
    method, namespace, dtype, dt, clock, order, name
        As in `Synapses`.

    Raises
    ------
    GeometryError
        If the kernel doesn't fit or the target has another shape than the convolution gives.
    ValueError, TypeError
        If an equation has no meaning on a shared kernel.
    """

    add_to_magic_network = True

    def __init__(
        self,
        source: Group,
        target: FeatureMap,
        model: str | Equations | None = None,
        on_pre: str | Mapping[str, str] | None = None,
        on_post: str | Mapping[str, str] | None = None,
        *,
        kernel_size: int | tuple[int, int],
        source_shape: tuple[int, int, int] | None = None,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        weight_sharing: bool = True,
        delay: Quantity | Mapping[str, Quantity] | None = None,
        rule: Rule | None = None,
        update: str | None = None,
        weight: str = "w",
        mask: np.ndarray | None = None,
        normalize: str | None = None,
        norm: float = 1.0,
        method: str | tuple[str, ...] = ("exact", "euler", "heun"),
        method_options: dict[str, Any] | None = None,
        namespace: dict[str, Any] | None = None,
        dtype: Any = None,
        dt: Quantity | None = None,
        clock: Any = None,
        order: int = 0,
        name: str = "convsynapses*",
    ) -> None:
        super().__init__(
            dt=dt, clock=clock, when="start", order=order, namespace=namespace, name=name
        )
        self.source, self.target = source, target
        self.rule = rule
        #: How the source's neurons lie on maps
        self.source_map = self._check_maps(source_shape)
        self.add_dependency(source)
        self.add_dependency(target)
        self.geometry = self._check_geometry(
            kernel_size, stride, padding, dilation, groups, weight_sharing
        )
        self.batch_size = target.batch_size
        self.codeobj_class = None

        #: The runners of this object, by what they write
        self.sums: dict[str, ConnectionSum] = {}
        #: The event-driven pathways, by name; what they do to the kernel apart from the rest
        self.pathways: dict[str, SpikePathway] = {}
        #: Kernel variables that pathways change
        self.changed_by_spikes: list[str] = []
        self.state_updater: StateUpdater | None = None
        self.subexpression_updater: SubexpressionUpdater | None = None
        self.update: KernelUpdate | None = None
        #: Variables of which each sample has its own values, flagged ``(per sample)``
        self.samples: SampleKernels | None = None
        #: The equations, sorted by what they mean
        self.model = read_model(self, model, rule)
        self.equations = self.model.kernel
        add_kernel_variables(self, self.model, dtype)
        if rule is not None:
            self.namespace.update(
                {key: value for key, value in rule.parameters.items() if key not in self.namespace}
            )

        if len(self.model.per_sample):
            self.samples = SampleKernels(
                self,
                self.model.per_sample,
                method=method,
                method_options=method_options,
                dtype=dtype,
            )
            self.contained_objects.append(self.samples)
        if self.equations.diff_eq_names:
            self.state_updater = StateUpdater(
                self, method, clock=self.clock, order=order, method_options=method_options
            )
            compile_directly(self.state_updater)
            self.contained_objects.append(self.state_updater)
        if len(self.model.constant_over_dt):
            constant = self.model.constant_over_dt
            self.subexpression_updater = SubexpressionUpdater(self, constant)
            self.contained_objects.append(self.subexpression_updater)
        for equation in self.model.summed:
            self._add_sum(equation, order)
        if self.samples is not None:
            for equation in self.model.over_samples:
                self.samples.add_sum(equation, order + 2)
        self.pathways.update(make_pathways(self, on_pre, on_post, delay))
        self.contained_objects.extend(self.pathways.values())
        statements = update if update is not None else (rule.update if rule else None)
        self._add_update(statements, weight, mask, normalize, norm, order)
        self._enable_group_attributes()
        if rule is not None and not rule.scheduled and "eta" in self.equations.parameter_names:
            self.eta = rule.learning_rate
        if mask is not None:
            self.set_mask(mask)

    # --- checks -----------------------------------------------------------------------------

    def _check_maps(self, source_shape: tuple[int, int, int] | None) -> SourceMap:
        if not isinstance(self.target, FeatureMap):
            raise TypeError(
                f"ConvSynapses '{self.name}': the target must be a FeatureMap, got "
                f"{type(self.target).__name__}"
            )
        try:
            found = SourceMap.of(self.source, source_shape, "the source")
        except (TypeError, ValueError) as error:
            raise type(error)(f"ConvSynapses '{self.name}': {error}") from None
        if found.batch_size != self.target.batch_size:
            raise ValueError(
                f"ConvSynapses '{self.name}': source '{self.source.name}' has batch_size "
                f"{found.batch_size}, target '{self.target.name}' has "
                f"{self.target.batch_size}; give both the same"
            )
        return found

    def _check_geometry(self, kernel_size, stride, padding, dilation, groups, weight_sharing):  # type: ignore[no-untyped-def]
        shape = self.source_map.shape
        try:
            geometry = ConvGeometry(
                shape,
                self.target.shape.channels,
                kernel_size,
                stride,
                padding,
                dilation,
                groups,
                weight_sharing,
            )
        except GeometryError as error:
            raise GeometryError(
                f"ConvSynapses '{self.name}' on source '{self.source.name}', shape "
                f"{tuple(shape)}: {error}"
            ) from None
        if geometry.out_shape != self.target.shape:
            raise GeometryError(
                f"ConvSynapses '{self.name}': target '{self.target.name}' has shape "
                f"{tuple(self.target.shape)}, but this convolution of '{self.source.name}' "
                f"{tuple(shape)} gives {tuple(geometry.out_shape)}; see "
                "conv_output_shape"
            )
        return geometry

    # --- variables --------------------------------------------------------------------------

    @property
    def plastic_names(self) -> set[str]:
        """Names of the variables of kernel elements, shared by the samples or of each."""
        own = set() if self.samples is None else self.samples.names
        return {*self.variables, *own}

    def change_variable(self, name: str) -> ArrayVariable:
        """Return the array that collects a step's changes of a kernel variable by spikes."""
        if self.samples is not None and name in self.samples.names:
            return self.samples.change_variable(name)
        change = f"_change_{name}"
        if change not in self.variables:
            variable = self.variables[name]
            if variable.scalar or variable.read_only or not isinstance(variable, ArrayVariable):
                raise ValueError(
                    f"ConvSynapses '{self.name}': '{name}' is no variable of each kernel element, "
                    "and a pathway can't change it"
                )
            self.variables.add_array(
                change, size=len(self), dimensions=variable.dim, dtype=variable.dtype
            )
            self.changed_by_spikes.append(name)
        return self.variables[change]

    # --- runners ----------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a variable, or link a shared one to a variable of another group.

        ``conv.reward = linked_var(neuron, 'dopamine')``, as for a `NeuronGroup`.
        """
        if isinstance(value, LinkedVariable):
            link_shared(self, name, value)
        else:
            super().__setattr__(name, value)

    def _add_sum(self, equation: SingleEquation, order: int) -> None:
        side = side_of(self, equation)
        used = [
            running for running in self.model.cumulative if running.varname in equation.identifiers
        ]
        if used and side != "kernel":
            raise ValueError(
                f"ConvSynapses '{self.name}': '{equation.varname}' sums to neurons and can't use "
                f"the cumulative '{used[0].varname}'"
            )
        check_identifiers(self, [equation, *used])
        if side == "kernel":
            when, run_order = "end", order
        else:
            when = "groups"
            maps = (self.source, self.target)
            reads, writes = maps if side == "post" else maps[::-1]
            run_order = writes.schedule_write(reads) + order
        self.sums[equation.varname] = ConnectionSum(
            self, equation, side, used, when=when, order=run_order
        )
        self.contained_objects.append(self.sums[equation.varname])

    def _add_update(
        self,
        statements: str | None,
        weight: str,
        mask: np.ndarray | None,
        normalize: str | None,
        norm: float,
        order: int,
    ) -> None:
        if self.samples is not None:
            statements = self._update_samples(parse_statements(statements or ""), order + 1)
        if self.changed_by_spikes:  # what spikes did in this step, applied at once
            changes = [(name, f"_change_{name}") for name in self.changed_by_spikes]
            applied = [f"{name} += {change}\n{change} = 0" for name, change in changes]
            lines = parse_statements(statements or "")
            # Brian2 wants what is shared written first
            shared = list(takewhile(lambda s: not self._is_stored(s.target), lines))
            rest = lines[len(shared) :]
            statements = "\n".join([*map(str, shared), *applied, *map(str, rest)])
        if statements is None:
            if mask is not None or normalize is not None:
                raise ValueError(
                    f"ConvSynapses '{self.name}': mask and normalize act when the kernel is "
                    "updated; give a rule, or update='w += ...'"
                )
            return
        if not self._is_stored(weight):
            raise ValueError(
                f"ConvSynapses '{self.name}': the model has no kernel variable '{weight}'; name "
                "the one that learns, of each element, with weight="
            )
        if mask is not None:
            self.variables.add_array(
                "mask", size=self.geometry.kernel_elements, dtype=self.variables[weight].dtype
            )
            statements += f"\n{weight} = {weight}*mask"
        self.update = KernelUpdate(
            self,
            statements,
            weight=weight,
            normalize=normalize,
            norm=norm,
            when="end",
            order=order + 3,
        )
        self.contained_objects.append(self.update)

    def _update_samples(self, statements: list[Statement], order: int) -> str | None:
        """Run an update's statements on the samples' own values; return those on the kernel."""
        assert self.samples is not None
        stored = {s.target for s in statements if s.target in self.plastic_names}
        own = stored & self.samples.names
        self.samples.add_update(needed_statements(statements, stored, own), order)
        rest = needed_statements(statements, stored, stored - own)
        return "\n".join(map(str, rest)) or None

    @property
    def learning(self) -> bool:
        """Whether kernel sums and the update run; assign False to freeze the kernel."""
        return all(runner.active for runner in self._learners())

    @learning.setter
    def learning(self, active: bool) -> None:
        thawed = bool(active) and not self.learning
        for runner in self._learners():
            runner.active = bool(active)
            if thawed and isinstance(runner, SpikePathway):
                runner.forget()

    def _learners(self) -> list[BrianObject]:
        learners: list[BrianObject] = [r for r in self.sums.values() if r.side == "kernel"]
        learners += [r for name, r in self.pathways.items() if name.endswith("_plasticity")]
        if self.samples is not None:
            learners += self.samples.learners
        return learners if self.update is None else [*learners, self.update]

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check units, and prune weights that were set since the last run."""
        self.equations.check_units(self, run_namespace=run_namespace)
        self.prune()
        super().before_run(run_namespace)

    def to_synapses(self) -> "ExplicitSynapses":
        """Return the equivalent ordinary Brian2 `Synapses`, every synapse explicit."""
        from hebbsim.oracle import ExplicitSynapses

        return ExplicitSynapses(self)

    def explain(self) -> "Explanation":
        """Return what will run in each step: terms, loops, what is skipped, and what it costs.

        Examples
        --------
        >>> print(conv.explain())
        """
        from hebbsim.explain import explain

        return explain(self)

    def __len__(self) -> int:
        return self.geometry.kernel_elements

    def __repr__(self) -> str:
        g = self.geometry
        changed = [
            f"{name}={getattr(g, name)}"
            for name, default in (
                ("stride", (1, 1)),
                ("padding", (0, 0)),
                ("dilation", (1, 1)),
                ("groups", 1),
                ("weight_sharing", True),
            )
            if getattr(g, name) != default
        ]
        details = ", ".join([f"kernel_size={g.kernel_size}", *changed])
        return (
            f"<ConvSynapses '{self.name}': '{self.source.name}' {tuple(g.in_shape)} -> "
            f"'{self.target.name}' {tuple(g.out_shape)}, {details}>"
        )
