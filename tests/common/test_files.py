"""A file is replaced as a whole; what is no file is never replaced by one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from payrec.common.errors import UsageError
from payrec.common.files import replacing


def test_a_file_is_replaced_only_when_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"former")
    with pytest.raises(TypeError), replacing(path) as sink:
        sink.write("no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"former"
    with replacing(path) as sink:
        sink.write(b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["list.csv"]


def test_a_pipe_or_a_folder_stays_what_it_is(tmp_path: Path) -> None:
    pipe, folder, link = tmp_path / "pipe", tmp_path / "folder", tmp_path / "link"
    os.mkfifo(pipe)
    folder.mkdir()
    link.symlink_to(pipe)
    for path in (pipe, folder, link):
        with pytest.raises(UsageError, match="expected the name of a file"), replacing(path):
            pass
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert folder.is_dir()
    assert link.is_symlink()
