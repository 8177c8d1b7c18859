"""What a feature map does with its own variables in the forward phase of a step."""

from typing import Any

import numpy as np
from brian2.core.preferences import prefs
from brian2.core.variables import Variable, Variables
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.units.fundamentalunits import (
    DIMENSIONLESS,
    Dimension,
    Quantity,
    fail_for_dimension_mismatch,
)
from brian2.utils.stringtools import get_identifiers

from hebbsim.codegen.expressions import changed_read, declare_local
from hebbsim.maps.feature_map import FeatureMap
from hebbsim.maps.forward_order import ForwardOperation

__all__ = ["MapOperation", "value_dtype"]


def value_dtype(feature_map: FeatureMap, expression: str, *others: Variable) -> np.dtype:
    """Return the type that holds the values of an expression over a map's variables.

    That of all variables in it, of `others` and of Brian2's numbers.
    """
    known = feature_map.variables
    named = [known[name] for name in get_identifiers(expression) if name in known]
    dtypes = [variable.dtype for variable in (*named, *others)]
    return np.result_type(prefs.core.default_float_dtype, *dtypes)


class MapOperation(ForwardOperation):
    """Compute a variable of a feature map from an expression over the map's variables.

    Parameters
    ----------
    feature_map : FeatureMap
        The map.
    template : str
        The loop nest.
    source : str
        An expression over the map's variables, such as ``'u - theta'``.
    target : str
        The variable to write.
    order : int, optional
        Shifts the place among the forward operations of the step; by default it follows from
        what is read and written, see `hebbsim.maps.forward_order`.
    dimensionless : bool
        Whether the target is a pure number, or has the units of `source`.
    """

    def __init__(
        self,
        feature_map: FeatureMap,
        template: str,
        source: str,
        target: str,
        *,
        order: int = 0,
        name: str | None = None,
        code: str = "",
        dimensionless: bool = False,
        template_kwds: dict[str, Any] | None = None,
    ) -> None:
        self.check_types(feature_map, source)
        self.feature_map = feature_map
        self.source, self.target = source, target
        self.target_variable = feature_map.array_variable(target)
        self._dimensionless = dimensionless
        self.variables = Variables(feature_map)
        for per in ("channel", "position", "sample"):  # the loops define them
            self.variables.add_auxiliary_variable(f"_{per}_idx", dtype=int)
        # an expression over reals may be written to a coarser variable, such as a boolean
        dtype = value_dtype(feature_map, source, self.target_variable)
        super().__init__(
            feature_map,
            template,
            f"_source = {source}\n{code}",
            when="groups",
            order=0,
            name=name or f"{feature_map.name}_{type(self).__name__.lower()}_{target}*",
            template_kwds={
                "memory_shape": feature_map.memory_shape,
                "n_neurons": len(feature_map),
                "_target_var": self.target_variable,
                "values_dtype": dtype,
                **(template_kwds or {}),
            },
            needed_variables=[target],
        )
        feature_map.contained_objects.append(self)
        self.take_place([feature_map], order)
        if not self._reads_target():  # else it changes what is there
            self.computes = self.target_variable

    @property
    def label(self) -> str:
        """What errors call it."""
        return f"{type(self).__name__} on '{self.feature_map.name}'"

    def _reads_target(self) -> bool:
        known = self.feature_map.variables
        return changed_read(self.source, [self.target_variable], known) is not None

    @classmethod
    def check_types(cls, feature_map: object, source: object) -> None:
        """Refuse what is no `FeatureMap` and no expression."""
        if not isinstance(feature_map, FeatureMap):
            raise TypeError(f"{cls.__name__}: expected a FeatureMap, got {feature_map!r}")
        if not isinstance(source, str):
            raise TypeError(
                f"{cls.__name__} on '{feature_map.name}': the source must be an expression such "
                f"as 'u - theta', got {source!r}"
            )

    def source_dimensions(self, run_namespace: dict[str, Any]) -> Dimension:
        """Return the dimensions of the source expression."""
        resolved = self.group.resolve_all(
            get_identifiers(self.source), run_namespace, user_identifiers=set()
        )
        return parse_expression_dimensions(self.source, resolved)

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check the units before the code object is made."""
        dimensions = self.source_dimensions(run_namespace)
        fail_for_dimension_mismatch(
            self.target_variable,
            Quantity(1, dim=DIMENSIONLESS if self._dimensionless else dimensions),
            f"{self.label}: '{self.target}' doesn't have the units of '{self.source}'",
        )
        declare_local(
            self, "_source", self.source, self.template_kwds["values_dtype"], run_namespace
        )
        super().before_run(run_namespace)
