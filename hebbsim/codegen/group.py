"""Groups of elements other than neurons: kernel elements, channels, samples."""

from typing import Any

from brian2.core.variables import ArrayVariable, Variables
from brian2.groups.group import CodeRunner

from hebbsim.brian2_private import CheckedInDouble, set_number_of_elements
from hebbsim.codegen.long_sums import accumulator_dtype
from hebbsim.codegen.loop_nest import compile_directly

__all__ = ["CompiledGroup"]


class CompiledGroup(CheckedInDouble):
    """A group whose ``run_regularly`` code is compiled like its loop nests."""

    def start_variables(self, size: int) -> Variables:
        """Create the variables that every group of `size` elements has, and return all."""
        set_number_of_elements(self, size)
        variables = self.variables = Variables(self)
        variables.add_constant("N", size)
        variables.add_arange("i", size=size, constant=True, read_only=True)
        variables.create_clock_variables(self.clock)
        return variables

    def collect_changes(self, name: str) -> ArrayVariable:
        """Return the array that collects a step's changes of a variable by spikes.

        In double precision, whatever that of the variable: many spikes may share an element.
        """
        change = f"_change_{name}"
        if change not in self.variables:
            variable = self.variables[name]
            self.variables.add_array(
                change,
                size=len(self),
                dimensions=variable.dim,
                dtype=accumulator_dtype(variable.dtype),
            )
            self.variables.add_constant(f"_none_{name}", 0.0, dimensions=variable.dim)
        return self.variables[change]

    @staticmethod
    def apply_changes(name: str) -> str:
        """Return the statements that apply what was collected, and start anew."""
        # a plain 0 has no units
        return f"{name} += _change_{name}\n_change_{name} = _none_{name}"

    def run_on_clock(self, *args: Any, **kwds: Any) -> CodeRunner:
        """Register code to run on a clock, as `Group.run_on_clock`."""
        runner = super().run_on_clock(*args, **kwds)
        if self.codeobj_class is None and kwds.get("codeobj_class") is None:
            compile_directly(runner)
        return runner
