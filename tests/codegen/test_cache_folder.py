"""Where compiled code is kept: in a folder of the user's own, or not for long."""

import os
import re
import stat

import pytest

from hebbsim.codegen import cache_folder as module
from hebbsim.codegen.cache_folder import cache_folder


@pytest.fixture
def said(monkeypatch):
    """Collect warnings."""
    warnings = []
    monkeypatch.setattr(module.logger, "warn", lambda text, *_, **__: warnings.append(text))
    return warnings


def test_it_is_made_for_this_user_alone(tmp_path, monkeypatch, said):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "new" / "cache"))
    before = os.umask(0o002)
    try:
        folder = cache_folder()
    finally:
        os.umask(before)
    assert folder == tmp_path / "new" / "cache" / "hebbsim"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert said == []


@pytest.mark.parametrize("named", ["", "relative/cache"])
def test_without_an_absolute_name_it_lies_at_home(tmp_path, monkeypatch, said, named):
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "hebbsim"
    assert said == []


def a_file_in_its_way(parent):
    parent.write_text("")


def a_file_in_its_place(parent):
    parent.mkdir()
    (parent / "hebbsim").write_text("")


def writable_for(mode, of):
    def make(parent):
        (parent / "hebbsim").mkdir(parents=True)
        (parent / of).chmod(mode)

    return make


FAULTS = {
    "a file in its way": (a_file_in_its_way, "cache"),
    "a file in its place": (a_file_in_its_place, "hebbsim"),
    "others write to it": (writable_for(0o707, "hebbsim"), "others can write to .*chmod go-w"),
    "a group writes to it": (writable_for(0o770, "hebbsim"), "others can write to .*chmod go-w"),
    "others replace it": (writable_for(0o777, "."), "everyone can replace what is in"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_one_that_cant_be_used_or_trusted_is_named_and_not_used(tmp_path, monkeypatch, said, name):
    make, message = FAULTS[name]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    make(tmp_path / "cache")
    folder = cache_folder()
    assert tmp_path not in folder.parents
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert cache_folder() == folder
    assert f"{tmp_path}/cache" in said[0]
    assert "name another one in XDG_CACHE_HOME" in said[0]
    assert re.search(message, said[0])


def test_one_that_is_mended_is_used_again(tmp_path, monkeypatch, said):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    a_file_in_its_way(tmp_path / "cache")
    assert tmp_path not in cache_folder().parents
    (tmp_path / "cache").unlink()
    assert cache_folder() == tmp_path / "cache" / "hebbsim"
