"""The code runner behind everything that hebbsim computes in a step."""

from collections.abc import Callable
from typing import Any

from brian2 import Clock
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.core.variables import ArrayVariable, Variable
from brian2.groups.group import CodeRunner, Group
from brian2.groups.neurongroup import Thresholder

from hebbsim.brian2_private import (
    MadeByUser,
    lacks_code,
    name_users_line,
    wrap_code_object_creation,
)
from hebbsim.codegen.expressions import drawn_function
from hebbsim.codegen.single_writer import refuse_second_writer
from hebbsim.codegen.targets import code_object_class, on_cuda

__all__ = ["LoopNest", "compile_directly"]


class LoopNest(MadeByUser, CodeRunner):
    """Run a template of this project each time step, filled with abstract code.

    Parameters
    ----------
    group : Group
        The group in whose namespace the code is read.
    template : str
        Stem of the template in ``codegen/<language>/templates``.
    code : str or dict
        Abstract code, one string or one a block.
    when, order : str, float
        Place in Brian2's schedule.
    name : str
        Name of this object.
    clock : Clock, optional
        Whose steps these are; by default the group's.
    template_kwds : dict, optional
        What the template needs to know besides.
    """

    #: The variable that is computed anew in each step, which nothing else may write
    computes: Variable | None = None
    #: The variable that it writes, if it is one
    target_variable: Variable | None = None
    #: Samples of the maps that it goes through
    n_samples: int = 1
    #: For how many of them it ran at a time in the last run, and what else did
    block: tuple[int, tuple[str, ...]] | None = None
    #: What its code sets to a number from 0 on where something is wrong
    fault: ArrayVariable | None = None

    def __init__(
        self,
        group: Group,
        template: str,
        code: str | dict[str, str],
        *,
        when: str,
        order: float,
        name: str,
        clock: Clock | None = None,
        template_kwds: dict[str, Any] | None = None,
        needed_variables: list[str] | None = None,
        override_conditional_write: list[str] | None = None,
    ) -> None:
        #: What runs in any language, where nothing better is known
        self.plain_template, self.plain_code = template, code
        super().__init__(
            group,
            template,
            code=code,
            user_code=code,
            clock=group.clock if clock is None else clock,
            when=when,
            order=order,
            name=name,
            template_kwds=template_kwds or {},
            needed_variables=needed_variables,
            override_conditional_write=override_conditional_write,
        )

    def use_plain_code(self) -> None:
        """Go back from a better template to the one that any language has."""
        self.template: str = self.plain_template
        self.abstract_code: Any = self.plain_code
        self.user_code: Any = self.plain_code

    @property
    def label(self) -> str:
        """What errors call it."""
        return f"'{self.name}'"

    @property
    def needs_python(self) -> bool:
        """Whether a step is more than its compiled code."""
        return type(self).run is not LoopNest.run

    def run(self) -> None:
        """Run the code of a step, and complain if something is wrong."""
        super().run()
        if self.fault is not None and self.fault.get_value()[0] >= 0:
            self.complain()

    def complain(self) -> None:
        """Raise an error about what `fault` names."""
        raise NotImplementedError

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check that nothing else writes what is computed, and make the code object."""
        if self.computes is not None:
            refuse_second_writer(self, self.computes, self.label)
        super().before_run(run_namespace)

    def create_default_code_object(self, run_namespace: dict[str, Any]) -> Any:
        """Choose the target's code object class; numpy for functions that have no C++ code."""
        create = super().create_default_code_object
        code = self.abstract_code
        lines = "\n".join(code.values()) if isinstance(code, dict) else code
        variables = getattr(self, "variables", None)
        self.template_kwds["draws"] = bool(
            drawn_function(self.group, lines, run_namespace, variables)
        )
        return _create_code_object(self, create, run_namespace, NumpyCodeObject)


def _create_code_object(
    runner: CodeRunner,
    create: Callable[[dict[str, Any]], Any],
    run_namespace: dict[str, Any],
    fallback: type | None,
) -> Any:
    """Create a code object of the target's class, or of `fallback` where C++ code is missing."""
    runner.codeobj_class = code_object_class()
    if runner.template == "stateupdate" and on_cuda():
        runner.template = "group_update"  # where threads don't compete for shared variables
    try:
        return create(run_namespace)
    except (NotImplementedError, KeyError) as error:
        if runner.codeobj_class is None or not lacks_code(error):
            raise
        runner.codeobj_class = fallback
        runner.use_plain_code()
        return create(run_namespace)


def compile_directly(runner: CodeRunner, *, made_now: bool = True) -> None:
    """Run one of Brian2's own code runners with the target's code object class too.

    Its templates are those of C++ standalone, but for thresholds, whose loop is vectorised. What
    calls a function that has no C++ code, such as ``randn``, stays with Brian2.

    Parameters
    ----------
    runner : CodeRunner
        What runs code.
    made_now : bool
        Whether the user's line that is running made it.
    """
    if made_now:
        name_users_line(runner)
    plain = runner.template

    def use_plain_code() -> None:
        runner.template = plain

    def create(original: Callable[..., Any], run_namespace: dict[str, Any]) -> Any:
        use_plain_code()
        if isinstance(runner, Thresholder) and code_object_class() is not NumpyCodeObject:
            runner.update_abstract_code(run_namespace)  # a threshold has none before
            drawn = drawn_function(runner.group, runner.abstract_code, run_namespace)
            if not drawn and not on_cuda():  # whose own is parallel
                runner.template = "map_threshold"
        return _create_code_object(runner, original, run_namespace, None)

    # not by assignment: groups refuse attributes that they don't know
    runner.__dict__["use_plain_code"] = use_plain_code
    wrap_code_object_creation(runner, create)
