"""What a user can mend is said in one line, however deep it came from."""

import pytest
import typer
from brian2 import NeuronGroup
from brian2.core.base import BrianObjectException

from hebbsim.codegen.cpp.compiler import CompilationError
from hebbsim.experiments.command_line import USER_ERROR, user_errors
from hebbsim.experiments.held_folder import FolderHeldError


def wrapped(error):
    """Do as Brian2 does with an error before a run."""
    try:
        raise error
    except Exception as cause:
        group = NeuronGroup(1, "v : 1", name="layer1")
        raise BrianObjectException("An error occurred when preparing an object.", group) from cause


def raised(error):
    raise error


@pytest.mark.parametrize("how", [raised, wrapped])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CompilationError("the disk of '/cache' is full;\nfree it"), "'/cache' is full; free it"),
        (MemoryError(), "there isn't enough memory (not said for what); give fewer"),
        (MemoryError("Unable to allocate 169. GiB"), "enough memory (Unable to allocate 169. GiB)"),
        (FolderHeldError("'r' is being written to"), "'r' is being written to"),
        (OSError(28, "No space left on device", "/r/state.npz"), "'/r/state.npz'"),
    ],
)
def test_one_line(capsys, how, error, said):
    with pytest.raises(typer.Exit) as ended, user_errors():
        how(error)
    assert ended.value.exit_code == USER_ERROR
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    assert said in line


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("a bug"), typer.Exit(3)])
def test_other_errors_keep_their_traceback(error):
    with pytest.raises(type(error)), user_errors():
        raised(error)
