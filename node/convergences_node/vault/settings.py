# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is left at the agglomeration, and what an agglomeration keeps: the `[vault]` table of `convergences.toml`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from convergences_node.section import Section

MIB = 1024 * 1024


class VaultSection(Section):
    """Backups of towns that their agglomeration keeps for them, encrypted to each town's recovery sheet."""

    send: Annotated[
        Literal["auto", "on", "off"],
        Meta(
            description="At a town: leave a backup with the agglomeration every night, at the hour of `[backup]`;"
            " `auto`: once its operator has left one."
        ),
    ] = "auto"
    keep: Annotated[
        Literal["auto", "on", "off"],
        Meta(description="Keep backups for towns that leave them; `auto`: an agglomeration does, a town does not."),
    ] = "auto"
    town_mib: Annotated[int, Meta(ge=1, le=1_048_576, description="The largest backup taken of one town, in MiB.")] = (
        256
    )

    total_mib: Annotated[
        int, Meta(ge=1, le=16_777_216, description="Most that all of them take together, within the room of `[blobs]`.")
    ] = 2_048

    @property
    def total_bytes(self) -> int:
        return self.total_mib * MIB

    @property
    def town_bytes(self) -> int:
        return self.town_mib * MIB
