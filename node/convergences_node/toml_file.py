# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files that a person writes in TOML (settings, mappings, declarations): read whole within a bound, or refused.

Every refusal is a `LocalError` that names the file; what the tables have to say is for whoever asked for them.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from convergences_protocol.errors import Fault, LocalError


def read_toml(path: Path, bytes_max: int, absent: LocalError | None = None) -> bytes:
    """The bytes of the file. Without it `absent` is raised; if none is given, that it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        if absent is not None and isinstance(error, FileNotFoundError):
            raise absent from None
        reason = str(error.strerror or error)
        raise LocalError(
            f"{path} cannot be read: {reason}",
            fault=Fault("", "file_unreadable", {"file": str(path), "reason": reason}),
        ) from error
    check_size(data, bytes_max, str(path))
    return data


def check_size(data: bytes, bytes_max: int, name: str) -> None:
    """Refuse what is larger than such a file can be."""
    if len(data) > bytes_max:
        raise LocalError(
            f"{name} is larger than {bytes_max} bytes",
            fault=Fault("", "file_large", {"file": name, "bytes_max": bytes_max}),
        )


def tables_of(data: bytes, name: str, hint: str | None = None) -> dict[str, Any]:
    """The tables of a TOML text; `name` and `hint` are for the sentence of a refusal."""
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise LocalError(
            f"{name} is not UTF-8 text", hint=hint, fault=Fault("", "file_not_text", {"file": name})
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise LocalError(
            f"{name} is not TOML: {error}",
            hint=hint,
            fault=Fault("", "file_not_toml", {"file": name, "reason": str(error)}),
        ) from None
