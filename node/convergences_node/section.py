# SPDX-License-Identifier: AGPL-3.0-or-later
"""What every table of `convergences.toml` is made from, apart from the whole, so that a room can declare its own."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

PORT_MAX = 65_535
Port = Annotated[int, Meta(ge=0, le=PORT_MAX)]


class Section(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A table of the file; an unknown name inside it is refused."""
