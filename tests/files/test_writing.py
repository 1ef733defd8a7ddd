"""The one writer of files: whole or not at all, where there are locks and where there are none."""

import os
import signal

import pytest

from fastmlp.formats import writing

pytestmark = pytest.mark.skipif(os.name != "posix", reason="elsewhere names and locks are others")


@pytest.fixture(params=["locks", "no locks", "no locks on this drive"])
def path(request, tmp_path, monkeypatch):
    """A path to write to; on Windows there is no fcntl, on some network drives it fails."""
    if request.param == "no locks":
        monkeypatch.setattr(writing, "fcntl", None)
    if request.param == "no locks on this drive":

        def fail(*_):
            raise OSError("no locks available")

        monkeypatch.setattr(writing.fcntl, "flock", fail)
    return tmp_path / "m"


def test_a_file_is_written_and_written_over(path):
    for contents in (b"first", b"second"):
        writing.write_atomically(path, contents[:3], memoryview(contents)[3:])
        assert path.read_bytes() == contents and os.listdir(path.parent) == ["m"]


def test_what_a_killed_save_has_left_is_removed(path):
    left = path.with_name(".m.0123456789abcdef.tmp")
    left.write_bytes(b"half")
    locked = writing.fcntl is not None
    writing.write_atomically(path, b"x")
    assert left.exists() == (locked and writing.fcntl.flock.__name__ == "fail")  # it may be somebody's


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(path, monkeypatch, step):
    writing.write_atomically(path, b"old")

    def fail(*_):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(OSError, match="disk full"):
            writing.write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(path.parent) == ["m"]


def test_a_piece_that_fails_leaves_the_old_file_and_nothing_else(path):
    writing.write_atomically(path, b"old")
    with pytest.raises(TypeError):
        writing.write_atomically(path, b"new", "text")
    assert path.read_bytes() == b"old" and os.listdir(path.parent) == ["m"]


def test_what_only_looks_like_a_temporary_file_stays(tmp_path):
    path, others = (
        tmp_path / "m",
        [".m.tmp", ".m.notes.tmp", ".m.0123456789abcdeg.tmp", ".n.0123456789abcdef.tmp"],
    )
    for name in others:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".m.0123456789abcdef.tmp").write_text("of a save that was killed")
    (tmp_path / ".m.1123456789abcdef.tmp").symlink_to(tmp_path / others[0])
    writing.write_atomically(path, b"x")
    assert sorted(os.listdir(tmp_path)) == sorted([*others, ".m.1123456789abcdef.tmp", "m"])


def test_a_temporary_file_that_another_save_takes_for_a_dead_one_is_made_again(tmp_path, monkeypatch):
    path, taken = tmp_path / "m", []

    def lock(file, how):
        if not taken:  # another save removes it before it is locked
            taken.append(file.name)
            os.unlink(file.name)

    monkeypatch.setattr(writing.fcntl, "flock", lock)
    writing.write_atomically(path, b"x")
    assert path.read_bytes() == b"x" and len(taken) == 1 and os.listdir(tmp_path) == ["m"]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        writing.write_atomically(tmp_path / "none" / "m", b"x")


def test_ctrl_c_waits_for_the_file(tmp_path, monkeypatch):
    """It comes between any two lines, as just after the temporary file was made; none is left behind."""
    made = writing._open_temporary

    def pressed(*about):
        found = made(*about)
        signal.raise_signal(signal.SIGINT)
        return found

    monkeypatch.setattr(writing, "_open_temporary", pressed)
    with pytest.raises(KeyboardInterrupt):
        writing.write_atomically(tmp_path / "file", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"whole"
