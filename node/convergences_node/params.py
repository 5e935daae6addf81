# SPDX-License-Identifier: AGPL-3.0-or-later
"""What every verb has: parameters that are checked at its door, plain values for an answer, progress on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

Json = Any
"""Values that `json` can write: dict, list, str, int, float, bool, None."""

Tell = Callable[[dict[str, Json]], None]
"""Progress: `{"done": int, "total": int | None, "what": str}`, and any other keys the verb documents."""


class Params(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The parameters of a verb."""
