# SPDX-License-Identifier: AGPL-3.0-or-later
"""When and where the nightly backup goes: the `[backup]` table of `convergences.toml`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from convergences_node.section import Section


class BackupSection(Section):
    """Where the encrypted backup of every night goes; only the recovery sheet opens it."""

    folder: Annotated[
        str,
        Meta(max_length=500, description="Folder of the nightly backup; empty: the stick that is plugged in."),
    ] = ""
    hour: Annotated[int, Meta(ge=0, le=23, description="Hour of the night, in the time zone of the pages.")] = 3
    keep: Annotated[int, Meta(ge=1, le=1_000, description="Backups kept in that folder; the oldest go.")] = 7
    archive: Annotated[
        Literal["own", "all"],
        Meta(description="Which logs are in it: the node's `own`, or `all` that it keeps, for want of peers."),
    ] = "own"
