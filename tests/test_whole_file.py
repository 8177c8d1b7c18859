"""Files that are whole or as they were."""

import errno
import os
import re

import numpy as np
import pytest

from hebbsim.benchmark import Setting, benchmark
from hebbsim.data.zca import ZCA
from hebbsim.experiments.figures import new_figure, save_figure
from hebbsim.whole_file import check_place, make_folder, whole_file, write_text


def write(path, content):
    with whole_file(path) as file:
        file.write(content)


def test_a_file_takes_its_place_whole(tmp_path):
    path = tmp_path / "state.npz"
    for content in (b"first", b"second, which is longer", b""):
        write(path, content)
        assert path.read_bytes() == content
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("before", [None, b"before"])
def test_an_exception_leaves_what_was_there(tmp_path, error, before):
    path = tmp_path / "state.npz"
    if before is not None:
        path.write_bytes(before)

    def write_a_half():
        with whole_file(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        write_a_half()
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([] if before is None else [before])


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "state.npz"
    path.write_bytes(b"before")

    def fail(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"No space left on device; nothing .*is kept: ") as error:
        write(path, b"after")
    assert error.value.filename == str(path)
    assert error.value.errno == errno.ENOSPC
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"before"]


def test_content_and_entry_are_on_the_disk_in_this_order(tmp_path, monkeypatch):
    """The content before the file takes its name, and the folder's entry after it."""
    path, done = tmp_path / "state.npz", []
    sync, replace = os.fsync, os.replace

    def spy_sync(descriptor):
        synced = os.readlink(f"/proc/self/fd/{descriptor}")
        done.append((synced, os.path.getsize(synced)))
        sync(descriptor)

    def spy_replace(old, new):
        done.append("moved")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", spy_sync)
    monkeypatch.setattr(os, "replace", spy_replace)
    write(path, b"content")
    assert re.fullmatch(rf"{path}\.\w+\.part", done[0][0])
    assert (done[0][1], done[1]) == (7, "moved")
    assert [name for name, _ in done[2:]] == [str(tmp_path)]


def test_a_place_that_cant_be_written_to_is_found_before(tmp_path):
    path = tmp_path / "state.npz"
    path.write_bytes(b"before")
    check_place(path)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"before"]
    for place in (tmp_path / "missing" / "state.npz", path / "state.npz"):
        with pytest.raises(OSError, match="nothing is written there") as error:
            check_place(place)
        assert error.value.filename == str(place)


def test_writers_of_one_file_dont_meet(tmp_path):
    """The last one counts, and each file was whole."""
    path = tmp_path / "state.npz"
    with whole_file(path) as first:
        first.write(b"the first one")
        write(path, b"the second")
        assert path.read_bytes() == b"the second"
        check_place(path)
    assert path.read_bytes() == b"the first one"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_removed(tmp_path):
    path, other = tmp_path / "state.npz", tmp_path / "state.npz2.0123abcd.part"
    (tmp_path / "state.npz.0123abcd.part").write_bytes(b"half")
    other.write_bytes(b"of another file")
    write(path, b"whole")
    assert set(tmp_path.iterdir()) == {path, other}


def fitted_zca():
    return ZCA(0.1).fit(np.random.default_rng(0).random((5, 1, 2, 2)))


WRITERS = {
    "zca.npz": lambda path: fitted_zca().save(path, overwrite=True),
    "table.md": lambda path: write_text(path, "| a | table |"),
    "figure.png": lambda path: save_figure(new_figure(1, 1), path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_interrupted_leaves_what_was_there(tmp_path, monkeypatch, name):
    path = tmp_path / name
    path.write_bytes(b"before")

    def interrupt(descriptor):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            WRITERS[name](path)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"before"]
    WRITERS[name](path)
    assert len(path.read_bytes()) > 6


def test_a_folder_that_cannot_be_made_is_named_with_the_way_out(tmp_path):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(NotADirectoryError, match="name another one"):
        make_folder(tmp_path / "file" / "results")


def test_a_benchmark_that_cannot_be_written_measures_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("a file")
    monkeypatch.setattr("hebbsim.benchmark.runner._measure", lambda *_: pytest.fail("measured"))
    with pytest.raises(NotADirectoryError, match="name another one"):
        benchmark(Setting(threads=1), tmp_path / "file" / "results", parts=["a"])
