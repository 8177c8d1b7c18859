"""What makes the compilation of Brian2's own modules in runtime mode cheap."""

from brian2 import prefs
from brian2.codegen.runtime.cython_rt import cython_rt

from hebbsim.codegen.cache_folder import cache_folder

#: Of modules that are optimised little: Brian2 doesn't tell them from others
_CYTHON = cache_folder() / "cython-of-tests"


def compile_cython_quickly(monkeypatch) -> None:
    """Let Brian2's own runtime code be optimised little: it runs for a few steps."""
    chosen = cython_rt.get_compiler_and_args

    def chosen_but_quick():
        compiler, arguments = chosen()
        return compiler, [*arguments, "-O1", "-g0"]

    monkeypatch.setattr(cython_rt, "get_compiler_and_args", chosen_but_quick)
    monkeypatch.setitem(prefs, "codegen.runtime.cython.cache_dir", str(_CYTHON))
