"""A file is written whole, whatever happens meanwhile."""

import os
import threading
from pathlib import Path

import pytest

from skewtest.files import write_whole


def test_a_text_is_written_in_utf_8_and_bytes_as_they_are(tmp_path):
    write_whole(tmp_path / "a", "ä")
    write_whole(tmp_path / "b", b"\xff\n")
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa4"
    assert (tmp_path / "b").read_bytes() == b"\xff\n"


def test_a_new_file_has_the_mode_of_the_umask_and_an_old_one_keeps_its_own(tmp_path):
    before = os.umask(0o077)
    try:
        write_whole(tmp_path / "new", "text")
    finally:
        os.umask(before)
    (tmp_path / "old").write_text("")
    (tmp_path / "old").chmod(0o640)
    write_whole(tmp_path / "old", "text")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"new": 0o600, "old": 0o640}


def test_what_cannot_be_written_leaves_the_file_as_it_was_and_nothing_beside_it(
    tmp_path, monkeypatch
):
    file = tmp_path / "a"
    file.write_text("before")

    def fails(_path, _to):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, "after")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert file.read_text() == "before"


def test_readers_meet_the_old_file_or_the_new_one(tmp_path):
    file = tmp_path / "a"
    texts = {"a" * 200_000, "b" * 300_000}
    write_whole(file, "a" * 200_000)
    writers = [
        threading.Thread(target=lambda: [write_whole(file, text) for text in [*texts] * 40])
        for _ in range(2)
    ]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        seen.add(file.read_text())
    assert seen <= texts


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "a").write_text("before")
    (tmp_path / "link").symlink_to("a")
    write_whole(tmp_path / "link", "after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a").read_text() == "after"


def test_a_pipe_is_written_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "text")
    reader.join()
    assert read == ["text"]
    assert pipe.is_fifo()


def test_a_long_name_can_be_written(tmp_path):
    write_whole(tmp_path / ("x" * 250), "text")
    assert (tmp_path / ("x" * 250)).read_text() == "text"
