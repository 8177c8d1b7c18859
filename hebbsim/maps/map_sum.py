"""Sums over a feature map's neurons, for each channel, sample or position."""

import ast
from typing import Any

from brian2.core.variables import Variables
from brian2.equations.equations import SingleEquation

from hebbsim.codegen.expressions import add_suffixed, check_units
from hebbsim.codegen.group import CompiledGroup
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.forward_order import ForwardOperation

__all__ = ["MapSum"]


def _mean_of(expression: str) -> tuple[str, bool]:
    """Return what is summed, and whether the sum is divided by ``map_size``.

    Once, when all is added up: so the mean of equal numbers is that number, and a share is exact.
    """
    tree = ast.parse(expression.strip(), mode="eval").body
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Div):
        is_mean = isinstance(tree.right, ast.Name) and tree.right.id == "map_size"
        return (ast.unparse(tree.left), True) if is_mean else (expression, False)
    return expression, False


class MapSum(ForwardOperation):
    """Sum an expression over the neurons of each element.

    Parameters
    ----------
    group : CompiledGroup
        The elements, which store the sums.
    feature_map : FeatureMap
        The map whose neurons are summed over.
    per : {'channel', 'sample', 'position', 'map'}
        What an element is.
    equation : SingleEquation
        The summed equation.
    when : {'end', 'groups'}
        After all forward operations of the step, or among them, after what they read.
    """

    def __init__(
        self,
        group: CompiledGroup,
        feature_map: FeatureMap,
        per: str,
        equation: SingleEquation,
        *,
        when: str,
    ) -> None:
        self.equation = equation
        self.variables = Variables(group)
        self.target_variable = group.variables[equation.varname]
        add_suffixed(self.variables, feature_map, "_map", "_map")
        self.variables.add_auxiliary_variable(
            "_synaptic_var",
            dimensions=self.target_variable.dim,
            dtype=self.target_variable.dtype,
        )
        summand, is_mean = _mean_of(equation.expr.code)
        super().__init__(
            group,
            "map_sum",
            f"_synaptic_var = {summand}",
            when=when,
            order=group.order - 1,
            name=f"{group.name}_sum_{equation.varname}",
            template_kwds={
                "per": per,
                "memory_shape": feature_map.memory_shape,
                "n_neurons": len(feature_map),
                "_target_var": self.target_variable,
                "divisor": len(feature_map) // len(group) if is_mean else 1,
            },
            needed_variables=[equation.varname],
        )
        if when == "groups":
            self.take_place([feature_map], group.order)

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the units of the equation before its code object is made."""
        check_units(self, self.equation, self.target_variable, run_namespace)
        super().before_run(run_namespace)
