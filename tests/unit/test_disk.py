"""Files as others may have left them: what is read is bounded, what is written whole, and nothing blocks."""

import os

import pytest

from reconciler import disk
from tests.odd import ODD, odd


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_small_file_is_an_error_at_once(tmp_path, kind):
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError):
        disk.read(odd(kind, tmp_path / "x"))
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("kind", sorted(set(ODD) - {"directory"}))
def test_writing_replaces_whatever_is_no_directory(tmp_path, kind):
    disk.write(odd(kind, tmp_path / "x"), b"new", 0o640)
    assert disk.read(tmp_path / "x") == b"new" and os.listdir(tmp_path) == ["x"]
    assert oct((tmp_path / "x").lstat().st_mode)[-3:] == "640"


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(IsADirectoryError):
        disk.write(tmp_path / "x", b"new")
    assert os.listdir(tmp_path) == ["x"]


def test_where_a_process_died_in_the_middle_the_next_of_its_number_goes_on(tmp_path):
    os.mkfifo(tmp_path / f".x.{os.getpid()}")
    disk.write(tmp_path / "x", b"new")
    assert disk.read(tmp_path / "x") == b"new" and os.listdir(tmp_path) == ["x"]


def test_a_file_that_a_person_names_may_be_a_pipe_with_somebody_at_its_other_end(tmp_path):
    reader, writer = os.pipe()
    os.write(writer, b"told")
    os.close(writer)
    assert disk.given(f"/dev/fd/{reader}") == b"told"
    os.close(reader)
    reader, writer = os.pipe()
    disk.give(f"/dev/fd/{writer}", [b"to", b"ld"])
    assert os.read(reader, 9) == b"told"
    assert disk.given(odd("pipe", tmp_path / "x")) == b""
    with pytest.raises(OSError):
        disk.give(str(tmp_path / "x"), [b"nobody reads it"])


@pytest.mark.parametrize("text", [b"[" * 100_000, b"{", b"\xff", b"9" * 5000, b""])
def test_what_is_no_json_is_one_kind_of_error(text):
    with pytest.raises(ValueError):
        disk.parsed(text)
