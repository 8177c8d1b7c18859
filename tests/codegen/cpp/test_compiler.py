"""Compiled libraries: what shares them, and where they are kept."""

import pytest
from targets_cases import learn

from hebbsim.codegen.cpp import compiler


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of compiled libraries."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiler, "_pending", {})
    return tmp_path / "hebbsim"


def test_other_names_rates_and_states_share_compiled_code(cache):
    learn()
    compiled = set(cache.iterdir())
    assert len(compiled) == 3  # drive, change, update
    learn("_again", rate=0.5, seed=1)
    assert set(cache.iterdir()) == compiled


def test_the_cache_holds_libraries_alone(cache):
    learn()
    assert {file.suffix for file in cache.iterdir()} == {".so"}


def test_a_compiler_error_shows_the_command_and_the_compilers_words(cache):
    future = compiler.compile_library("this is no C++")
    with pytest.raises(compiler.CompilationError, match=r"g\+\+ .* failed(.|\n)*error:"):
        future.result()
