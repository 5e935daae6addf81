# SPDX-License-Identifier: AGPL-3.0-or-later
"""The logs as files: whoever fetches them can recompute every signed root from the tiles and from the entries alone.

Written as an auditor would, from https://c2sp.org/tlog-tiles: only the addresses, the checkpoint, and SHA-256.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp import ClientPayloadError
from aiohttp.test_utils import TestClient
from convergences_node.archive.model import NewRecord
from convergences_node.web import logs
from convergences_protocol import checkpoint
from convergences_protocol.cosignature import verify_cosignature
from convergences_protocol.erasure import Erasure
from convergences_protocol.record import read_header
from convergences_protocol.tiles import ENTRIES, BodySlot, Slot, decode_bodies, decode_entries, encode_bodies, tile_path

from .small_town import KEY, SmallTown, asking, small_town

# Three full tiles of level 0 and a partial one; the opening is the first entry.
SIZES = (200, 256, 257, 700, 800)
LOG = "/log/FR-93066/0000000000000001"
ORIGIN = "convergences/FR-93066/0000000000000001"


@pytest.fixture
def heads() -> dict[int, bytes]:
    """The signed heads that an auditor kept, by size: the town itself may have let the old ones go."""
    return {}


@pytest.fixture
async def town(tmp_path: Path, heads: dict[int, bytes]) -> AsyncIterator[SmallTown]:
    """A town whose log was signed at each of these sizes."""
    async with small_town(tmp_path / "node", records=False) as opened:
        size = 1
        for wanted in SIZES:
            records = [NewRecord("theme", {"name": f"Thème {number}"}) for number in range(size, wanted)]
            await opened.archive.append(records)
            size = wanted
            state = await opened.archive.read(lambda reader: reader.own_log())
            assert state.head_note is not None
            heads[state.head_size] = state.head_note
        yield opened


@pytest.fixture
async def client(town: SmallTown) -> AsyncIterator[TestClient]:
    async with asking(town) as opened:
        yield opened


async def fetch(client: TestClient, path: str) -> bytes:
    answer = await client.get(f"{LOG}/{path}")
    assert answer.status == 200, path
    return await answer.read()


def fold(hashes: list[bytes]) -> bytes:
    """The RFC 6962 root over these subtrees of one size."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + fold(hashes[:split]) + fold(hashes[split:])).digest()


async def level_hashes(client: TestClient, level: int, count: int) -> list[bytes]:
    """The first `count` hashes of one level of tiles."""
    data = b""
    for n in range((count + 255) // 256):
        width = min(256, count - n * 256)
        data += await fetch(client, tile_path(level, n, width))
    return [data[at : at + 32] for at in range(0, len(data), 32)]


async def test_the_checkpoint_is_a_signed_head_with_its_cosignatures(client: TestClient, town: SmallTown) -> None:
    await town.cosign()
    answer = await client.get(f"{LOG}/checkpoint")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    note = await answer.read()
    head = checkpoint.verify(note, ORIGIN, KEY.public)
    assert head.size == SIZES[-1]
    lines = [line + b"\n" for line in note.splitlines()[-2:]]
    assert any(
        verify_cosignature(head, line, ORIGIN, KEY.public) == town.now() for line in lines if ORIGIN.encode() in line
    )


@pytest.mark.parametrize("size", SIZES)
async def test_every_signed_root_is_recomputed_from_the_tiles(
    client: TestClient, heads: dict[int, bytes], size: int
) -> None:
    """From the leaves up, from level 1 where tiles are full, and from the entries themselves: one root."""
    root = checkpoint.verify(heads[size], ORIGIN, KEY.public).root
    leaves = await level_hashes(client, 0, size)
    assert fold(leaves) == root
    entries: list[bytes] = []
    for n in range((size + 255) // 256):
        entries += decode_entries(await fetch(client, tile_path(ENTRIES, n, min(256, size - n * 256))))
    assert [sha256(b"\x00" + entry).digest() for entry in entries] == leaves
    if size >= 256:
        assert await level_hashes(client, 1, size // 256) == [
            fold(leaves[n : n + 256]) for n in range(0, size & ~255, 256)
        ]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("tile/0/000", 200),
        ("tile/0/003.p/32", 200),  # 800
        ("tile/0/002.p/188", 200),  # 700
        ("tile/0/001.p/1", 200),  # 257
        ("tile/0/000.p/200", 200),
        ("tile/1/000.p/1", 200),  # 256 to 511: 256 and 257 were signed
        ("tile/1/000.p/2", 200),  # 512 to 767: 700 was signed
        ("tile/0/003.p/31", 200),  # 799, below a signed head
        ("tile/0/000.p/199", 200),
        ("tile/0/003.p/33", 404),
        ("tile/0/003", 404),
        ("tile/1/000.p/4", 404),
        ("tile/1/000", 404),
        ("tile/2/000.p/1", 404),
        ("tile/7/000", 404),
        ("tile/8/000", 404),
        ("tile/0/0", 404),
        ("tile/0/x000/000", 404),
        ("tile/0/000.p/256", 404),
        ("tile/0/000.p/0", 404),
        ("tile/0/000.p/007", 404),
        ("tile/00/000", 404),
        ("tile/-1/000", 404),
        ("tile/0/x999/x999/x999/x999/999", 404),
        ("tile/0/" + "x999/" * 60 + "999", 404),
        ("tile/entries/003.p/32", 200),
        ("tile/entries/003.p/33", 404),
        ("tile/entries/003", 404),
        ("bodies/003.p/32", 200),
        ("bodies/000", 200),
        ("bodies/003.p/33", 404),
        ("bodies/004", 404),
    ],
)
async def test_tiles_are_there_as_far_as_the_log_has_signed(client: TestClient, path: str, status: int) -> None:
    """One spelling a tile; what no head covers cannot be had, for a cache would keep it for ever."""
    assert (await client.get(f"{LOG}/{path}")).status == status


async def test_what_never_changes_may_be_kept_for_ever_and_bodies_are_asked_about(client: TestClient) -> None:
    for path in ("tile/0/000", "tile/1/000.p/3", "tile/entries/000", "tile/0/003.p/32"):
        headers = (await client.get(f"{LOG}/{path}")).headers
        assert "immutable" in headers["Cache-Control"]
        assert headers["Content-Type"] == "application/octet-stream"
    answer = await client.get(f"{LOG}/bodies/000")
    assert answer.headers["Cache-Control"] == "no-cache"
    again = await client.get(f"{LOG}/bodies/000", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")


async def test_a_partial_tile_is_the_beginning_of_the_full_one(client: TestClient) -> None:
    assert (await fetch(client, "tile/0/000")).startswith(await fetch(client, "tile/0/000.p/200"))
    assert (await fetch(client, "tile/entries/000")).startswith(await fetch(client, "tile/entries/000.p/200"))


async def test_bodies_stand_beside_their_headers_and_leave_when_they_are_erased(
    client: TestClient, town: SmallTown
) -> None:
    """Slot by slot; after an erasure the slot says so, the tag changes, and the tiles do not."""
    answer = await client.get(f"{LOG}/bodies/000")
    before = decode_bodies(await answer.read())
    assert len(before) == 256
    assert before[0].state is Slot.NONE  # the opening has nothing to erase
    assert all(slot.state is Slot.HERE and slot.body for slot in before[1:])
    tiles = await fetch(client, "tile/0/000")
    entry = await town.archive.read(lambda reader: reader.entry(ORIGIN, 7))
    assert entry is not None
    element = read_header(entry.header).element
    await town.archive.erase(Erasure("asked for", element))
    after = await client.get(f"{LOG}/bodies/000", headers={"If-None-Match": answer.headers["ETag"]})
    assert after.status == 200
    slots = decode_bodies(await after.read())
    assert slots[7].state is Slot.ERASED
    assert [slot for at, slot in enumerate(slots) if at != 7] == [slot for at, slot in enumerate(before) if at != 7]
    assert await fetch(client, "tile/0/000") == tiles


async def test_what_is_not_signed_yet_is_not_shown(client: TestClient, town: SmallTown) -> None:
    """The checkpoint is the edge of everything else."""
    head = checkpoint.parse(await fetch(client, "checkpoint"))
    for path in ("tile/0/003", "tile/entries/003", "bodies/003"):
        assert (await client.get(f"{LOG}/{path}.p/{head.size - 768}")).status == 200
        assert (await client.get(f"{LOG}/{path}.p/{head.size - 767}")).status == 404


async def test_a_bundle_that_fails_half_way_does_not_look_whole(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its headers are gone already: the connection is cut, and no second answer follows in the stream."""
    whole = await fetch(client, "bodies/000")
    pieces = iter(range(100))
    encode = encode_bodies

    def fail_at_the_third(slots: list[BodySlot]) -> bytes:
        if next(pieces) == 2:
            raise RuntimeError("disk torn")
        return encode(slots)

    monkeypatch.setattr(logs, "PIECE_BYTES_MAX", 4_000)
    monkeypatch.setattr(logs, "encode_bodies", fail_at_the_third)
    answer = await client.get(f"{LOG}/bodies/000")
    got = b""
    with pytest.raises(ClientPayloadError):
        async for chunk in answer.content.iter_any():
            got += chunk
    assert whole.startswith(got)
    assert len(got) < len(whole)
    assert (await client.get("/healthz")).status == 200
