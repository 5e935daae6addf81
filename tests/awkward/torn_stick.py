# SPDX-License-Identifier: AGPL-3.0-or-later
"""A stick that gives no file back any more, once it was read so many times: its plug is loose, or it dies."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest


class TornStick:
    """Every `Path.open` below `stick` after the first `after` gives a file whose reading is an error."""

    def __init__(self, stick: Path, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = after
        opened = Path.open

        def open_(path: Path, *args: Any, **kwargs: Any) -> Any:
            if path.is_relative_to(stick):
                self.left -= 1
                if self.left < 0:
                    return Unreadable()
            return opened(path, *args, **kwargs)

        monkeypatch.setattr(Path, "open", open_)

    @property
    def failed(self) -> bool:
        """Whether somebody has met an error."""
        return self.left < 0


class Unreadable:
    """An opened file that the stick does not give back."""

    def __enter__(self) -> Unreadable:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def read(self, count: int = -1) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
