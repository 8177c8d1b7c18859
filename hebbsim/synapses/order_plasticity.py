"""STDP by order on a shared kernel: of each winner, its kernel and its receptive field alone."""

from typing import Any

from brian2 import Quantity
from brian2.core.variables import Variables

from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.stimulus_nest import StimulusNest
from hebbsim.rules.order_stdp import OrderSTDP
from hebbsim.synapses.conv_synapses import ConvSynapses

__all__ = ["OrderPlasticity"]

_KEPT = ("_input_spiked", "_channel_changed", "_change_w")


class OrderPlasticity(StimulusNest):
    """Change a kernel by the order of spikes, for the winners of each stimulus.

    When a neuron of the target has its event ``win`` (see `FirstWinners`), its inputs that have
    spiked in earlier steps of the stimulus are potentiated, and all others are depressed, those in
    the padding too. The changes are added up, and applied in the stimulus' last step, so that all
    of it sees one kernel. Only the kernels of winners are visited. Nothing is changed while
    ``plasticity.active`` is False; switch it between stimuli.

    Parameters
    ----------
    conv : ConvSynapses
        Between two feature maps that spike, with the rule's model:
        ``ConvSynapses(source, layer, rule.model, on_pre="v_post += w", ...)``.
    rule : OrderSTDP
        What is added where, and what becomes of the sum.
    duration : Quantity
        How long a stimulus lasts; the first begins at time 0.
    name : str, optional
        Name of this object.

    Raises
    ------
    TypeError
        If one is no `ConvSynapses` or `OrderSTDP`.
    ValueError
        If the source doesn't spike, nobody wins in the target, the convolution lacks a variable of
        the rule's model, shares no kernel, or has groups or padding other than zeros.

    Examples
    --------
    >>> rule = rules.OrderSTDP(0.004, 0.003).doubling(every=500, until=0.15)
    >>> conv = ConvSynapses(retina, layer, rule.model, on_pre="v_post += w",
    ...                     kernel_size=5, padding=2)
    >>> FirstWinners(layer, 5, radius=2, duration=16*defaultclock.dt)
    >>> learning = OrderPlasticity(conv, rule, duration=16*defaultclock.dt)
    """

    def __init__(
        self,
        conv: ConvSynapses,
        rule: OrderSTDP,
        *,
        duration: Quantity,
        name: str | None = None,
    ) -> None:
        if not isinstance(conv, ConvSynapses) or not isinstance(rule, OrderSTDP):
            raise TypeError(
                f"OrderPlasticity: expected ConvSynapses and a rules.OrderSTDP, got {conv!r} and "
                f"{rule!r}"
            )
        self.conv, self.rule = conv, rule
        self._label = f"OrderPlasticity on '{conv.name}'"
        self._check()
        steps = self._count_steps(self._label, duration, conv.target.clock.dt)
        change = self._add_arrays()
        variables = conv.variables
        code = {
            "change": f"_plus = {rule.potentiation}\n_minus = {rule.depression}",
            "apply": f"dw = _change_w\n{rule.update}",
        }
        if rule.count:
            code["count"] = rule.count
        super().__init__(
            conv,
            "conv_order_plasticity",
            code,
            when="after_synapses",  # this step's spikes are passed on, and not yet known
            order=conv.order,
            clock=conv.target.clock,
            name=name or f"{conv.name}_plasticity",
            template_kwds={
                "geometry": conv.geometry,
                "in_shape": conv.source.memory_shape,
                "out_shape": conv.target.memory_shape,
                "steps": steps,
                "counts": bool(rule.count),
                "_source_spikes_var": conv.source.variables["_spikespace"],
                "_wins_var": conv.target.variables["_winspace"],
                "_change_var": change,
                "_n_stimuli_var": variables["n_stimuli"],
                "_timestep_var": conv.target.variables["t_in_timesteps"],
            },
            needed_variables=[
                *("w", "n_stimuli", "_source_spikespace", "_winspace", "_timestep"),
                *_KEPT,
            ],
        )
        conv.contained_objects.append(self)

    def _check(self) -> None:
        conv, geometry = self.conv, self.conv.geometry
        if not isinstance(conv.source, FeatureMap) or "_spikespace" not in conv.source.variables:
            raise ValueError(
                f"{self._label}: the source '{conv.source.name}' must be a FeatureMap that spikes"
            )
        if "_winspace" not in conv.target.variables:
            raise ValueError(
                f"{self._label}: nobody wins in '{conv.target.name}'; let FirstWinners say who "
                "learns, before this is made"
            )
        missing = [name for name in self.rule.names if name not in conv.variables]
        if missing:
            raise ValueError(
                f"{self._label}: the model lacks {', '.join(missing)}; make the convolution with "
                "model=rule.model"
            )
        if not geometry.weight_sharing or geometry.groups != 1 or geometry.padding_mode != "zeros":
            raise ValueError(
                f"{self._label}: expected a shared kernel without groups, padded with zeros"
            )

    def _add_arrays(self) -> Any:
        """Add what is known of a stimulus so far; return the array of changes."""
        conv, variables = self.conv, self.conv.variables
        for name, size in (
            ("_input_spiked", len(conv.source)),
            ("_channel_changed", conv.geometry.out_channels),
        ):
            variables.add_array(name, size=size, dtype=bool, read_only=True)
        self.variables = Variables(conv)
        w = variables["w"]
        for name in ("_plus", "_minus", "dw"):
            self.variables.add_auxiliary_variable(name, dtype=w.dtype, dimensions=w.dim)
        for name, group, array in (
            ("_source_spikespace", conv.source, "_spikespace"),
            ("_winspace", conv.target, "_winspace"),
            ("_timestep", conv.target, "t_in_timesteps"),
        ):
            self.variables.add_reference(name, group, array)
        return conv.collect_changes("w")
