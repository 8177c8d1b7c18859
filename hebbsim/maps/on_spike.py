"""What the spikes of a feature map do to its channels, samples or positions."""

from typing import Any

from brian2.core.variables import ArrayVariable, Variables
from brian2.equations.equations import SUBEXPRESSION

from hebbsim.codegen.expressions import add_suffixed, changed_read, check_statements
from hebbsim.codegen.group import CompiledGroup
from hebbsim.codegen.loop_nest import LoopNest
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.statements import Statement, parse_statements

__all__ = ["MapSpikes"]


class MapSpikes(LoopNest):
    """Run statements on the element of each neuron of the map that spikes.

    Parameters
    ----------
    group : CompiledGroup
        The elements, with their `equations`.
    feature_map : FeatureMap
        The map whose spikes count.
    per : {'channel', 'sample', 'position', 'map'}
        What an element is.
    code : str
        Statements with ``+=`` or ``-=``.

    Raises
    ------
    TypeError, SyntaxError
        If `code` is no text of statements.
    ValueError
        If the map doesn't spike, or the outcome would depend on the order of spikes.
    """

    def __init__(self, group: CompiledGroup, feature_map: FeatureMap, per: str, code: str) -> None:
        self._label = f"{type(group).__name__} '{group.name}', on_spike"
        if not isinstance(code, str):
            raise TypeError(f"{self._label}: expected statements such as 'n += 1', got {code!r}")
        if "_spikespace" not in feature_map.variables:
            raise ValueError(
                f"{self._label}: '{feature_map.name}' doesn't spike, so this would never happen; "
                "give it a threshold"
            )
        self.statements = parse_statements(code)
        self.variables = Variables(group)
        add_suffixed(self.variables, feature_map, "_map", "_map")
        self.variables.add_reference("_spikespace", feature_map, "_spikespace")
        targets = [self._target(group, statement) for statement in self.statements]
        lines, additions = [], []
        for number, (statement, target) in enumerate(zip(self.statements, targets, strict=True)):
            read = changed_read(statement.value, targets, self.variables, group.variables)
            if read is not None:
                raise ValueError(
                    f"{self._label}: '{statement}' reads '{read}', which spikes change in the same "
                    "step, in no defined order; what depends on its own value goes into update or "
                    "a differential equation"
                )
            addition, sign = f"_add{number}", "-" if statement.operator == "-=" else ""
            self.variables.add_auxiliary_variable(
                addition, dimensions=target.dim, dtype=target.dtype
            )
            lines.append(f"{addition} = {sign}({statement.value})")
            additions.append((addition, target))
        super().__init__(
            group,
            "map_spikes",
            "\n".join(lines),
            when="synapses",
            order=group.order - 2,  # before the pathways, which change what is read
            name=f"{group.name}_on_spike",
            template_kwds={
                "per": per,
                "memory_shape": feature_map.memory_shape,
                "n_neurons": len(feature_map),
                "additions": additions,
                "_spikes_var": feature_map.variables["_spikespace"],
            },
            needed_variables=["_spikespace", *{s.target for s in self.statements}],
        )

    def _target(self, group: CompiledGroup, statement: Statement) -> ArrayVariable:
        """Return the variable that a statement changes, or say why it can't."""
        if statement.operator not in ("+=", "-="):
            raise ValueError(
                f"{self._label}: '{statement}' has no meaning where several neurons of an element "
                "spike in one step; accumulate with += or -="
            )
        changeable = [
            e.varname
            for e in group.equations.values()
            if e.type != SUBEXPRESSION
            and not {"shared", "constant"} & set(e.flags)
            and group.variables[e.varname].dtype != bool
        ]
        if statement.target not in changeable:
            raise ValueError(
                f"{self._label}: '{statement}' must change a number that the model stores for each "
                f"element: {', '.join(changeable) or 'there is none; add one, as in n : 1'}"
            )
        return group.variables[statement.target]

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check units and functions before the code object is made."""
        check_statements(self, self._label, self.statements, run_namespace, self.variables)
        super().before_run(run_namespace)
