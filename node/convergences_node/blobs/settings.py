# SPDX-License-Identifier: AGPL-3.0-or-later
"""How much of the disk files may take: the `[blobs]` table of `convergences.toml`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from convergences_node.section import Section

MIB = 1024 * 1024


class BlobsSection(Section):
    """Files kept by their SHA-256: pictures and documents, and what nodes keep for each other."""

    total_mib: Annotated[
        int, Meta(ge=16, le=16_777_216, description="Most that all of them take on the disk, in MiB.")
    ] = 4_096
    file_mib: Annotated[int, Meta(ge=1, le=1_048_576, description="The largest one that is taken, in MiB.")] = 1_024
    free_mib: Annotated[
        int, Meta(ge=0, le=1_048_576, description="Room on the disk that is left to the rest of the node, in MiB.")
    ] = 512

    @property
    def total_bytes(self) -> int:
        return self.total_mib * MIB

    @property
    def file_bytes(self) -> int:
        return self.file_mib * MIB

    @property
    def free_bytes(self) -> int:
        return self.free_mib * MIB
