"""Plastic convolutions: synapses that share one kernel, written as equations."""

from collections.abc import Mapping
from inspect import get_annotations
from typing import Any, NoReturn

import numpy as np
from brian2 import Hz, Quantity
from brian2.core.base import BrianObject
from brian2.core.namespace import get_local_namespace
from brian2.core.variables import LinkedVariable, VariableView
from brian2.equations import Equations
from brian2.groups.group import Group
from brian2.groups.neurongroup import SubexpressionUpdater
from brian2.synapses.synapses import StateUpdater
from brian2.units.fundamentalunits import fail_for_dimension_mismatch

from hebbsim.brian2_private import enable_attributes
from hebbsim.codegen.loop_nest import compile_directly
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.group_as_map import SourceMap
from hebbsim.rules.rule import Rule
from hebbsim.synapses.connections import Connections
from hebbsim.synapses.explain import Explanation, explain
from hebbsim.synapses.explicit import ExplicitSynapses
from hebbsim.synapses.idle_sums import warn_of_idle_sums
from hebbsim.synapses.kernel import KernelGroup
from hebbsim.synapses.kernel_view import KernelView, has_kernel_axes, refuse_kernel
from hebbsim.synapses.left_out import sums_left_out
from hebbsim.synapses.linking import link_shared
from hebbsim.synapses.model import read_model
from hebbsim.synapses.normalization import Normalization
from hebbsim.synapses.pathways import SpikePathway, make_pathways, statements_of_pathways
from hebbsim.synapses.per_sample import SampleKernels
from hebbsim.synapses.reductions import KernelReduction, create_reduced, make_reductions
from hebbsim.synapses.sample_updates import SampleSum
from hebbsim.synapses.spike_queue import Delay, delay_variable, read_delays
from hebbsim.synapses.sums import ConnectionSum, make_sums
from hebbsim.synapses.traces import missing_traces
from hebbsim.synapses.update import KernelUpdate, apply_changes, make_update

__all__ = ["ConvSynapses"]


class ConvSynapses(KernelGroup):
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
        square = w**2 : 1 (summed over filter)            # one value for all of a filter
        norm = sqrt(square) : 1 (constant over filter)    # evaluated once for each filter
        largest = abs(dw) : 1 (maximum over kernel)       # one value

    Sums to neurons run in the slot ``groups``, in the order in which the signal passes; sums to
    the kernel, then `update`, mask and normalisation run in the slot ``end``. So every change of
    a step is computed from the kernel as it was, and applied once.

    ``(summed over filter)``, ``(mean over filter)``, ``(maximum over filter)`` and ``(minimum over
    filter)`` reduce an expression over kernel variables to one value for each filter: all weights
    onto one output channel, or onto one neuron without weight sharing. Each element of the filter
    reads it, as any kernel variable; ``over kernel`` makes a shared variable. They run at the
    start of a step, in slot ``after_start``, or right after the kernel's differential equations;
    those of the step's sums, such as ``abs(dw)``, run after these sums. So all see the kernel as
    it was before `update`, and every other equation of the step reads them.

    Parameters
    ----------
    source : FeatureMap or group
        The map, or any group whose neurons are numbered like a map's (`source_shape`): a
        `Subgroup`, a `PoissonGroup`, a `SpikeGeneratorGroup`, a `NeuronGroup`.
    target : FeatureMap
        A map with `conv_output_shape` of the source's shape.
    model : str or Equations, optional
        Equations; with a `rule`, the default is ``w : 1; u_post = w*x_pre : 1 (summed)``, or with
        a rule for spikes ``w : 1``, in the units that the rule's parameters give the weight.
    on_pre, on_post : str or dict of str, optional
        Statements run along the connections of each neuron that spiked, as in `Synapses`: named
        pathways in a dict. They accumulate (``+=``, ``-=``) into variables of the neurons or of
        the kernel; changes of the kernel in one time step are applied together at its end.
    delay : Quantity or str, or dict of these, optional
        Delay of each pathway; a single one is that of ``'pre'``. A time for all connections, an
        expression over the kernel such as ``'(1 + rand())*ms'``, or an array with the shape of
        ``get_kernel('w')``: a delay for each kernel element. It can be set later too, as in
        ``conv.delay = 2*ms``, ``conv.post.delay = ...``, while no spikes are on their way.
    on_event : str or dict of str, optional
        The event that triggers the pathways, or that of each, if it isn't ``'spike'``.
    kernel_size, stride, padding, dilation : int or (int, int)
        As in `torch.nn.Conv2d`, ``(rows, cols)``.
    padding_mode : {'zeros', 'circular', 'reflect', 'replicate'}
        As in `torch.nn.Conv2d`. Zeros have no synapses; else the border's synapses come from the
        map's other end (a ring, a torus), its mirror image, or its last line.
    source_shape : tuple of int, optional
        ``(channels, rows, cols)`` of a source that is no `FeatureMap`; neuron ``i`` of it is at
        ``((sample*rows + row)*cols + col)*channels + channel``.
    groups : int
        Blocks of channels that are connected to each other alone.
    weight_sharing : bool
        False gives each position a kernel of its own (a locally connected layer).
    rule : Rule, optional
        Adds its equations to the model, its parameters to the namespace and its update. Where
        that clips the weights to bounds, weights beyond them are refused at the start of a run.
        The traces that it needs of neurons that spike are kept in `traces`, unless their model
        has them.
    update : str, optional
        Statements run on each kernel element after the sums, instead of the rule's, such as
        ``'w += 0.01*dw'``.
    weight : str
        The kernel variable that `mask`, `normalize` and the check for finite values apply to.
    mask : array or None
        Ones and zeros, shape ``get_kernel(weight)``: where it is 0, the weight is 0 and stays 0. So
        is what is summed over connections to change it, if that serves for nothing else.
    normalize : {None, 'L1', 'L2'}
        Bring each filter (all weights onto one output channel) to this norm after each update.
    norm : float or Quantity
        The value of the norm, in the units of the weight.
    normalize_when : str, optional
        Normalise at the start of the steps in which this condition holds instead, before anything
        else of the convolution: ``'t_in_timesteps % 1000 == 0'``, or what the neurons' groups say
        once for all, ``'n_repeats_pre == 0 and t_in_timesteps % 1000 == 0'``.
    method, namespace, dtype, dt, clock, order, name
        As in `Synapses`.

    Raises
    ------
    GeometryError
        If the kernel doesn't fit or the target has another shape than the convolution gives.
    ValueError, TypeError
        If an equation has no meaning on a shared kernel.

    Examples
    --------
    SoftHebb with learning rates of each filter (Journé et al. 2023, ICLR): the change of a step is
    divided by its largest absolute value, and a filter learns the faster, the further its norm is
    from 1. ``y`` is a `SoftWinnerTakeAll` of ``u``:

    >>> ConvSynapses(
    ...     source,
    ...     target,
    ...     '''
    ...     w : 1
    ...     u_post = w*x_pre : 1 (summed)
    ...     dw = y_post*(x_pre - u_post*w) : 1 (summed)
    ...     largest = abs(dw) : 1 (maximum over kernel)
    ...     square = w**2 : 1 (summed over filter)
    ...     rate = 0.03*abs(sqrt(square) - 1)**0.5 : 1
    ...     ''',
    ...     update="w += rate*dw/largest",
    ...     kernel_size=5,
    ... )
    """

    add_to_magic_network = True

    rule: Rule | None
    #: What integrates the kernel's differential equations
    state_updater: StateUpdater | None
    subexpression_updater: SubexpressionUpdater | None
    #: The sums over connections, by what they write
    sums: dict[str, ConnectionSum]
    #: What is reduced over a filter or the whole kernel, by what it writes
    reductions: dict[str, KernelReduction]
    #: The event-driven pathways, by name; what they do to the kernel apart from the rest
    pathways: dict[str, SpikePathway]
    #: What is done to the kernel at the end of a step
    update: KernelUpdate | None
    #: What normalises it now and then
    normalization: Normalization | None

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
        padding_mode: str = "zeros",
        delay: Delay | Mapping[str, Delay] | None = None,
        on_event: str | Mapping[str, str] = "spike",
        rule: Rule | None = None,
        update: str | None = None,
        weight: str = "w",
        mask: np.ndarray | None = None,
        normalize: str | None = None,
        norm: float | Quantity = 1.0,
        normalize_when: str | None = None,
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
        self._has_own_clock = dt is not None or clock is not None
        self.codeobj_class = None
        self.connections = Connections.between(
            f"ConvSynapses '{self.name}'",
            source,
            target,
            source_shape,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            weight_sharing=weight_sharing,
            padding_mode=padding_mode,
        )
        self.add_dependency(source)
        self.add_dependency(target)
        self.rule = rule
        self.traces = {}
        for side, _ in self.connections.sides:
            traces = missing_traces(self.connections, rule, side, f"{self.name}_{side}_traces")
            if traces is not None:
                self.traces[side] = traces
        self.contained_objects.extend(self.traces.values())
        self.model = read_model(self.connections, model, rule, self._taken())
        self._add_variables(method, method_options, dtype)
        self._integrate(method, method_options)
        if update is None and rule is not None:
            update = rule.update
        if mask is not None:
            self.add_mask(weight)
        left_out: list[str] = []
        if self.is_masked:
            pathways = statements_of_pathways(rule, on_pre, on_post)
            left_out = sums_left_out(self.model, weight, update, pathways)
        self.sums = make_sums(
            self, self.model, rule, order, weight if self.is_masked else None, left_out
        )
        self._sum_over_samples(order + 2)
        self.pathways = make_pathways(self, rule, on_pre, on_post, on_event, weight)
        delays = read_delays(self.connections.label, delay, self._name_pathways())
        self.contained_objects.extend([*self.sums.values(), *self.pathways.values()])
        now_and_then = normalize_when is not None
        self.update = make_update(
            self,
            update,
            weight=weight,
            normalize=None if now_and_then else normalize,
            norm=1.0 if now_and_then else norm,
            rule=rule,
            order=order,
        )
        self.normalization = None
        if normalize_when is not None:
            self.normalization = Normalization(
                self, normalize_when, weight=weight, normalize=normalize, norm=norm, order=order
            )
            self.contained_objects.append(self.normalization)
        self._tell_pathways()
        self.reductions = make_reductions(self, self.model, self.update, order)
        self.contained_objects.extend(self.reductions.values())
        self.contained_objects.extend([] if self.update is None else [self.update])
        self._changes = apply_changes(self, weight, rule, order)
        self.contained_objects.extend(self._changes)
        enable_attributes(self)
        for pathway, value in delays.items():
            self.set_delay(delay_variable(pathway), value, get_local_namespace(1))
        for pathway in self.pathways.values():
            pathway.queue.prepare(in_use=False)
        if rule is not None and not rule.scheduled and "eta" in self.equations.parameter_names:
            self.eta = rule.learning_rate
        if mask is not None:
            self.set_mask(mask)

    # --- parts ------------------------------------------------------------------------------

    def _taken(self) -> set[str]:
        """Return the names of attributes, those that are still to be set included."""
        declared = {name for kind in type(self).__mro__ for name in get_annotations(kind)}
        return {*dir(type(self)), *self.__dict__, *declared}

    def _add_variables(
        self, method: str | tuple[str, ...], method_options: dict[str, Any] | None, dtype: Any
    ) -> None:
        """Create the variables of each element, of each sample, and the rule's constants."""
        self.equations, self.samples = self.model.kernel, None
        self.changed_by_spikes, self.changed_at_once = {}, set()
        self.neuron_names = set()
        self.create_variables(self.model.stored, self.equations.stochastic_variables, dtype)
        create_reduced(self, self.model.reduced, dtype)
        if self.rule is not None:
            self.namespace.update(
                {k: v for k, v in self.rule.parameters.items() if k not in self.namespace}
            )
        if len(self.model.per_sample):
            self.samples = SampleKernels(
                self,
                self.model.per_sample,
                self.batch_size,
                method=method,
                method_options=method_options,
                dtype=dtype,
            )
            self.contained_objects.append(self.samples)

    def _integrate(
        self, method: str | tuple[str, ...], method_options: dict[str, Any] | None
    ) -> None:
        """Add what runs on each element at the start of a step, as in Brian2's groups."""
        self.state_updater = self.subexpression_updater = None
        if self.equations.diff_eq_names:
            order = self._order_among_neurons()
            self.state_updater = StateUpdater(
                self, method, clock=self.clock, order=order, method_options=method_options
            )
            compile_directly(self.state_updater)
            self.contained_objects.append(self.state_updater)
        if len(self.model.constant_over_dt):
            constant = self.model.constant_over_dt
            self.subexpression_updater = SubexpressionUpdater(self, constant)
            self.contained_objects.append(self.subexpression_updater)

    def _order_among_neurons(self) -> int:
        """Return the `order` of the kernel's state updater: by name, as Brian2 orders its groups'.

        By the names that Brian2 would have given, so that ``neurongroup`` comes before
        ``synapses``.
        """
        if not self.neuron_names:
            return self.order
        own = self.name.replace("convsynapses", "synapses", 1)
        groups = [group for _, group in self.connections.sides if isinstance(group, FeatureMap)]
        later = [g for g in groups if own < g.name.replace("featuremap", "neurongroup", 1)]
        for group in later:
            group.integrate_after(self.order)
        return self.order if later else self.order + 1000

    def _tell_pathways(self) -> None:
        """Let the pathways that change the kernel do their part of the update."""
        if self.update is None:
            return
        learning = [pathway for pathway in self.pathways.values() if pathway.learns]
        for pathway in learning:
            if self.update.nothing_left:
                pathway.look_at_weights()
            elif self.update.touched is not None:
                pathway.flag_touched()
        self.update.pathways = (*learning,)

    def _sum_over_samples(self, order: int) -> None:
        if self.samples is None:
            return
        for equation in self.model.over_samples:
            total = SampleSum(self, equation, self.rule, order)
            self.samples.sums[equation.varname] = total
            self.samples.contained_objects.append(total)

    @property
    def source(self) -> Group:
        """The presynaptic map or group."""
        return self.connections.source

    @property
    def target(self) -> FeatureMap:
        """The postsynaptic map."""
        return self.connections.target

    @property
    def source_map(self) -> SourceMap:
        """How the source's neurons lie on maps."""
        return self.connections.source_map

    @property
    def on_their_way(self) -> set[str]:
        """Names of the variables that hold spikes on their way; all 0 where there are none."""
        queues = [pathway.queue for pathway in self.pathways.values()]
        return {name for queue in queues for name in (queue.ring, queue.slot)}

    def _name_pathways(self) -> list[str]:
        """Let ``conv.pre`` and the like be the pathways, as in `Synapses`; return their names."""
        names: list[str] = []
        taken = self._taken()
        for full_name, pathway in self.pathways.items():
            name = full_name.removesuffix("_plasticity")
            if name in taken:
                raise ValueError(
                    f"{self.connections.label}: '{name}' has a meaning of its own here and can't "
                    "be the name of a pathway; choose another"
                )
            if name not in names:
                names.append(name)
                setattr(self, name, pathway)
        return names

    # mypy takes the last parameter for the value
    def __setattr__(self, name: str, value: Any, level: Any = 0) -> None:
        """Set a variable, or link a shared one to a variable of another group.

        ``conv.reward = linked_var(neuron, 'dopamine')``, as for a `NeuronGroup`. Names in a string
        are looked up where it is assigned.
        """
        if isinstance(value, LinkedVariable):
            link_shared(self, name, value)
        else:
            if has_kernel_axes(value) and self.is_stored(name):
                refuse_kernel(self, name, value)
            super().__setattr__(name, value, level=level + 1)

    def state(self, name: str, use_units: bool = True, level: int = 0) -> Any:
        """Return a variable that can be indexed, as Brian2's groups do."""
        found = super().state(name, use_units, level + 1)
        if type(found) is VariableView and self.is_stored(name):
            found.__class__ = KernelView
        return found

    def set_mask(self, mask: np.ndarray) -> None:
        """Set another pruning mask, and zero the weights that it leaves out.

        Raises
        ------
        ValueError
            If the shape doesn't fit, a value is neither 0 nor 1, or there was no mask before.
        """
        if not self.is_masked:
            raise ValueError(
                f"'{self.name}' was made without a mask; give mask= (of ones, to prune later)"
            )
        given = np.asarray(mask)
        if given.dtype.kind not in "biuf":
            raise ValueError(
                f"'{self.name}': a mask holds ones, and zeros for what is pruned, got an array of "
                f"{given.dtype}"
            )
        values = given.astype(float)
        if (odd := values[~np.isin(values, (0.0, 1.0))]).size:
            raise ValueError(
                f"'{self.name}': a mask holds ones, and zeros for what is pruned, got {odd[0]:g}"
            )
        self.set_kernel("mask", values)
        self.prune()

    def prune(self) -> None:
        """Zero the weights that the mask leaves out; done before every run."""
        if self.update is not None:
            self.update.prune()

    @property
    def learning(self) -> bool:
        """Whether kernel sums, update and normalisation run; assign False to freeze the kernel."""
        return all(runner.active for runner in self._learners())

    @learning.setter
    def learning(self, active: bool) -> None:
        thawed = bool(active) and not self.learning
        instead = [r for r in self.pathways.values() if r.when_learning is False]
        kept = [r.queue for r in instead]  # whose spikes are followed all the time
        for runner in self._learners():
            runner.active = bool(active)
            if thawed and isinstance(runner, SpikePathway) and runner.queue not in kept:
                runner.forget()
        for runner in instead:
            runner.active = not active

    def _learners(self) -> list[BrianObject]:
        learners: list[BrianObject] = [r for r in self.sums.values() if r.side == "kernel"]
        learners += [r for r in self.reductions.values() if r.when == "end"]
        learners += [r for r in self.pathways.values() if r.when_learning]
        if self.samples is not None:
            learners += self.samples.learners
        now_and_then = [r for r in (self.update, self.normalization) if r is not None]
        return [*learners, *self._changes, *now_and_then]

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check units, clocks and what learns; prune weights that were set since the last run."""
        self._check_clock()
        for equations in (self.equations, self.model.event_driven):
            equations.check_units(self, run_namespace=run_namespace)
        self.prune()
        warn_of_idle_sums(self, self.sums)
        super().before_run(run_namespace)

    def _check_clock(self) -> None:
        """Refuse to learn on a default clock of which the neurons know nothing."""
        clocks = [group.clock for _, group in self.connections.sides]
        finest = min(clocks, key=lambda clock: float(clock.dt))
        learns = any(found.side == "kernel" for found in self.sums.values())
        if learns and not self._has_own_clock and float(self.clock.dt) != float(finest.dt):
            raise ValueError(
                f"{self.connections.label} learns once in each step of '{self.clock.name}', dt = "
                f"{self.clock.dt}, and its neurons have steps of '{finest.name}', dt = "
                f"{finest.dt}; give it their clock with clock=, or dt= if it is meant"
            )

    def to_synapses(self) -> ExplicitSynapses:
        """Return the equivalent ordinary Brian2 `Synapses`, every synapse explicit."""
        return ExplicitSynapses(self, self.sums, self.pathways, self.model.cumulative, self.update)

    def explain(self, rate: Quantity | None = None) -> Explanation:
        """Return what will run in each step: terms, loops, what is skipped, and what it costs.

        Parameters
        ----------
        rate : Quantity, optional
            The rate at which neurons fire, such as ``10*Hz``, for which the operations of pathways
            are counted; else all spike in each step.

        Examples
        --------
        >>> print(conv.explain(rate=10 * Hz))
        """
        share = 1.0
        if rate is not None:
            share = self._share_of_neurons(rate)
        runners = self.sums.values(), self.reductions.values(), self.pathways.values()
        return explain(self, *runners, self.update, self.normalization, share)

    def _share_of_neurons(self, rate: Quantity) -> float:
        """Return which part of the neurons spikes in a step."""
        label = self.connections.label
        fail_for_dimension_mismatch(rate, Hz, f"{label}, explain: rate must be a frequency")
        step = min(float(group.clock.dt) for _, group in self.connections.sides)
        share = float(rate) * step
        if not 0 <= share <= 1:
            raise ValueError(
                f"{label}, explain: a neuron spikes at most once in a step, 0*Hz to "
                f"{1 / step:.6g}*Hz, got {rate!r}"
            )
        return share

    def connect(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse what `Synapses` ask for: the convolution says who is connected."""
        raise TypeError(
            f"{self.connections.label}: it is connected when it is made, by the convolution; leave "
            "connect() out, and give mask= where some kernel elements are to be left out"
        )

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
                ("padding_mode", "zeros"),
            )
            if getattr(g, name) != default
        ]
        details = ", ".join([f"kernel_size={g.kernel_size}", *changed])
        return (
            f"<ConvSynapses '{self.name}': '{self.source.name}' {tuple(g.in_shape)} -> "
            f"'{self.target.name}' {tuple(g.out_shape)}, {details}>"
        )
