"""Groups of elements other than neurons: kernel elements, channels, samples."""

from typing import Any

from brian2.core.variables import Variables
from brian2.groups.group import CodeRunner

from hebbsim.brian2_private import CheckedInDouble, set_number_of_elements
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

    def run_on_clock(self, *args: Any, **kwds: Any) -> CodeRunner:
        """Register code to run on a clock, as `Group.run_on_clock`."""
        runner = super().run_on_clock(*args, **kwds)
        if self.codeobj_class is None and kwds.get("codeobj_class") is None:
            compile_directly(runner)
        return runner
