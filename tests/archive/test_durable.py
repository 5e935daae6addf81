# SPDX-License-Identifier: AGPL-3.0-or-later
"""A small file that is replaced as a whole is the old one where the new one has no room: never a part of it."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from convergences_node.archive.durable import replace_durably

from ..updates.machine import replace

OLD, NEW = b"as it was", b"n" * 20_000
ROOM = 8_192


def by_root(path: Path, data: bytes) -> None:
    """As the installer of updates writes."""
    replace(path, data, 0o600)


@contextmanager
def little_room() -> Iterator[None]:
    """No file grows beyond `ROOM`: as on a disk that is nearly full, write(2) takes what there is room for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("write", [replace_durably, by_root])
def test_without_room_for_all_of_it_the_old_one_stays(tmp_path: Path, write: Callable[[Path, bytes], None]) -> None:
    """And whoever writes is told."""
    path = tmp_path / "settings"
    write(path, OLD)
    with little_room(), pytest.raises(OSError, match="too large"):
        write(path, NEW)
    assert path.read_bytes() == OLD
    write(path, NEW)
    assert path.read_bytes() == NEW


def test_what_had_no_room_takes_none(tmp_path: Path) -> None:
    """The beginning that was written beside it goes: on a full disk there is no room for it either."""
    with little_room(), pytest.raises(OSError, match="too large"):
        replace_durably(tmp_path / "settings", NEW)
    assert not list(tmp_path.iterdir())
