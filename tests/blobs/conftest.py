# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the tests of files share: a store, and holders of all sorts, who count what they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from convergences_node.blobs import pulling
from convergences_node.blobs.blobs import Blobs
from convergences_node.blobs.pieces import NotHeld, Piece, Question, checked
from convergences_node.blobs.settings import BlobsSection
from convergences_node.blobs.store import BlobStore
from convergences_protocol.errors import RemoteError

OWN = b"o" * 32


class Members:
    """Two peers belong with us."""

    own: Any = SimpleNamespace(key=OWN)

    def __init__(self, *keys: bytes) -> None:
        self._keys = set(keys)

    def allowed(self) -> set[bytes]:
        return self._keys


@dataclass
class Peer:
    """A peer with some bytes under a digest; `pieces_max` of them before it is gone."""

    data: bytes
    total: int | None = None
    pieces_max: int = 1_000
    offsets: list[int] = field(default_factory=list)


class Crowd:
    """`Holders` in memory: peers by their keys."""

    def __init__(self, **peers: Peer | None) -> None:
        keys = {name: name.encode().ljust(32, b".") for name in peers}
        self.named = {keys[name]: peer for name, peer in peers.items() if peer is not None}
        self._likely = list(keys.values())

    def likely(self) -> Sequence[bytes]:
        return self._likely

    async def piece(self, key: bytes, asked: Question) -> Piece:
        peer = self.named.get(key)
        if peer is None:
            raise NotHeld
        if len(peer.offsets) >= peer.pieces_max:
            raise RemoteError("gone")
        peer.offsets.append(asked.offset)
        total = len(peer.data) if peer.total is None else peer.total
        return checked(Piece(total, peer.data[asked.offset : asked.offset + asked.bytes_max]), asked)


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path, BlobsSection(free_mib=0))


@pytest.fixture
def blobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Blobs:
    monkeypatch.setattr(pulling, "PAUSE_S", 0.0)
    return Blobs(tmp_path, BlobsSection(free_mib=0), Members(b"m" * 32))


def digest_of(data: bytes) -> bytes:
    return sha256(data).digest()
