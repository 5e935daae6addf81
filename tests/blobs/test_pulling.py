# SPDX-License-Identifier: AGPL-3.0-or-later
"""What pulling promises: the right bytes from whoever has them, in turn, whatever liars and broken lines there are."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest
from convergences_node.blobs import blobs as blobs_room
from convergences_node.blobs import pulling
from convergences_node.blobs.blobs import Blobs
from convergences_node.blobs.pieces import (
    PIECE_BYTES_MAX,
    NotHeld,
    Piece,
    Question,
    absent,
    read_answer,
    read_question,
)
from convergences_node.blobs.settings import BlobsSection
from convergences_node.blobs.store import Readers
from convergences_protocol.errors import LocalError, RemoteError
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import Crowd, Members, Peer

FILE = bytes(range(251)) * 5_000  # five pieces
DIGEST = sha256(FILE).digest()
LIE = bytes(len(FILE))
MEMBER = b"m" * 32


def is_coming(digest: bytes) -> bool:
    """Whether it is being pulled now: a task of that name goes on."""
    return any(task.get_name() == f"file {digest.hex()[:12]}" for task in asyncio.all_tasks())


async def test_a_file_comes_from_the_first_who_has_it(blobs: Blobs) -> None:
    """Those who do not are asked once; the next question for it is answered from the disk."""
    crowd = blobs.holders = Crowd(nobody=None, town=Peer(FILE), other=Peer(FILE))
    seen: list[tuple[int, int]] = []
    path = await blobs.fetch(DIGEST, len(FILE), progress=lambda here, total: seen.append((here, total)))
    assert path.read_bytes() == FILE and "public" in path.parts
    assert seen[-1] == (len(FILE), len(FILE)) and len(seen) == 5
    assert not crowd.named[b"other".ljust(32, b".")].offsets
    blobs.holders = None
    assert await blobs.fetch(DIGEST) == path


async def test_a_peer_that_stops_is_followed_by_the_next_from_there(blobs: Blobs) -> None:
    crowd = blobs.holders = Crowd(first=Peer(FILE, pieces_max=2), second=Peer(FILE))
    assert (await blobs.fetch(DIGEST)).read_bytes() == FILE
    first, second = crowd.named.values()
    assert first.offsets == [0, PIECE_BYTES_MAX] and second.offsets[0] == 2 * PIECE_BYTES_MAX


async def test_what_came_before_a_restart_is_not_asked_again(blobs: Blobs, tmp_path: Path) -> None:
    blobs.holders = Crowd(first=Peer(FILE, pieces_max=3))
    with pytest.raises(LocalError, match="none of the 1"):
        await blobs.fetch(DIGEST, len(FILE))
    again = Blobs(tmp_path, BlobsSection(free_mib=0), Members())
    crowd = again.holders = Crowd(second=Peer(FILE))
    assert (await again.fetch(DIGEST, len(FILE))).read_bytes() == FILE
    assert next(iter(crowd.named.values())).offsets == [0, 3 * PIECE_BYTES_MAX, 4 * PIECE_BYTES_MAX]


@pytest.mark.parametrize("known_size", [True, False])
async def test_a_liar_costs_a_copy_and_never_the_file(blobs: Blobs, known_size: bool) -> None:
    """Whole lies, one that begins and leaves, one about the size: the honest peer's bytes are what is kept."""
    crowd = blobs.holders = Crowd(
        shorter=Peer(LIE, total=10, pieces_max=2),
        begins=Peer(LIE, pieces_max=1),
        liar=Peer(LIE),
        honest=Peer(FILE),
    )
    path = await blobs.fetch(DIGEST, len(FILE) if known_size else None)
    assert path.read_bytes() == FILE
    assert len(crowd.named[b"liar".ljust(32, b".")].offsets) <= 10


async def test_a_file_that_only_liars_have_is_not_had(blobs: Blobs) -> None:
    blobs.holders = Crowd(one=Peer(LIE), two=Peer(LIE[:-1] + b"x"), three=Peer(b""), four=Peer(FILE + b"more"))
    with pytest.raises(LocalError) as refused:
        await blobs.fetch(DIGEST, len(FILE))
    assert refused.value.fault is not None and refused.value.fault.code == "blob_absent"
    assert await blobs.find(DIGEST) is None and not list((blobs.store.folder / "parts").iterdir())


async def test_nothing_is_taken_beyond_the_asked_bound(blobs: Blobs) -> None:
    """A size that nobody told beforehand is the peer's word: a petabyte is refused before a byte is written."""
    crowd = blobs.holders = Crowd(vast=Peer(FILE, total=1 << 50))
    with pytest.raises(LocalError):
        await blobs.fetch(DIGEST, bytes_max=1 << 20)
    assert len(next(iter(crowd.named.values())).offsets) == 1 and blobs.store.taken_bytes() == 0


async def test_many_who_want_one_file_pull_it_once(blobs: Blobs) -> None:
    crowd = blobs.holders = Crowd(town=Peer(FILE))
    paths = await asyncio.gather(*(blobs.fetch(DIGEST) for _ in range(20)))
    assert len(set(paths)) == 1 and len(next(iter(crowd.named.values())).offsets) == 5


async def test_who_waits_may_leave_and_the_file_comes_all_the_same(blobs: Blobs) -> None:
    """A page that is closed cancels its question, not the pull."""
    going, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Crowd):
        async def piece(self, key: bytes, asked: Question) -> Piece:
            going.set()
            await go_on.wait()
            return await super().piece(key, asked)

    blobs.holders = Slow(town=Peer(FILE))
    asker = asyncio.create_task(blobs.fetch(DIGEST))
    await going.wait()
    asker.cancel()
    assert is_coming(DIGEST)
    go_on.set()
    assert (await blobs.fetch(DIGEST)).read_bytes() == FILE


async def test_a_peer_that_never_answers_costs_its_time_only(blobs: Blobs) -> None:
    class Mute(Crowd):
        async def piece(self, key: bytes, asked: Question) -> Piece:
            await asyncio.Event().wait()
            raise AssertionError

    blobs.holders = Mute(town=Peer(FILE))
    with pytest.raises(LocalError, match="did not come within"):
        await blobs.fetch(DIGEST, seconds_max=0.05)
    assert not is_coming(DIGEST)


async def test_no_more_wait_than_the_bound(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs_room, "PULLS_WAITING_MAX", 1)

    asked_of = asyncio.Event()

    class Mute(Crowd):
        async def piece(self, key: bytes, asked: Question) -> Piece:
            asked_of.set()
            await asyncio.Event().wait()
            raise AssertionError

    blobs.holders = Mute(town=Peer(FILE))
    waiting = asyncio.create_task(blobs.fetch(DIGEST))
    await asked_of.wait()
    with pytest.raises(LocalError, match="already"):
        await blobs.fetch(b"x" * 32)
    await blobs.stop()
    with pytest.raises(asyncio.CancelledError):
        await waiting


# ----------------------------------------------------------------------------------------- who may read
async def test_each_is_given_what_is_for_them(blobs: Blobs) -> None:
    """Public for all; for peers, those of the charter; the node's own for nobody, and all refusals are alike."""
    for readers in Readers:
        await blobs.add_bytes(readers.encode(), readers)
    asked = {readers: Question(sha256(readers.encode()).digest(), 0) for readers in Readers}
    answers = {readers: await blobs.answer(MEMBER, question.encode()) for readers, question in asked.items()}
    assert read_answer(answers[Readers.PUBLIC], asked[Readers.PUBLIC]).data == b"public"
    assert read_answer(answers[Readers.PEERS], asked[Readers.PEERS]).data == b"peers"
    assert answers[Readers.NODE] == absent() == await blobs.answer(MEMBER, Question(b"z" * 32, 0).encode())
    stranger = await blobs.answer(b"s" * 32, asked[Readers.PEERS].encode())
    assert stranger == absent()


async def test_a_fetched_file_is_for_whom_the_caller_says(blobs: Blobs) -> None:
    blobs.holders = Crowd(town=Peer(FILE))
    path = await blobs.fetch(DIGEST, readers=Readers.PEERS)
    assert "peers" in path.parts
    assert "public" in (await blobs.fetch(DIGEST, readers=Readers.PUBLIC)).parts


# ----------------------------------------------------------------------------------------- words
@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=60))
def test_any_bytes_are_a_question_or_none(data: bytes) -> None:
    """No other error than the one that blames the peer."""
    try:
        asked = read_question(data)
    except RemoteError:
        return
    assert asked.bytes_max <= PIECE_BYTES_MAX and len(asked.digest) == 32


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=60), offset=st.integers(0, 100), most=st.integers(1, 50))
def test_any_bytes_are_an_answer_or_none(data: bytes, offset: int, most: int) -> None:
    """A piece that is let through fits what was asked: never more than that, nothing before the end of the file."""
    try:
        piece = read_answer(data, Question(b"d" * 32, offset, most))
    except (RemoteError, NotHeld):
        return
    assert len(piece.data) <= most
    assert piece.data or piece.total <= offset


def test_the_words_are_as_written_down() -> None:
    """docs/protocol-blobs.md, byte by byte."""
    assert Question(b"\xaa" * 32, 258, 3).encode() == b"\x01" + b"\xaa" * 32 + bytes(6) + b"\x01\x02" + b"\0\0\0\x03"
    assert Piece(5, b"words").encode() == b"\0" + bytes(7) + b"\x05words"
    assert absent() == b"\x01" + bytes(8)
    with pytest.raises(RemoteError, match="too busy"):
        read_answer(b"\x02" + bytes(8), Question(DIGEST, 0, 1))


def test_the_rounds_end() -> None:
    """Pauses add up to seconds, not to hours: whoever waits is told."""
    pauses = [pulling.PAUSE_S * 2**idle for idle in range(1, pulling.ROUNDS_MAX)]
    assert sum(pauses) <= 15


async def test_a_peer_that_gives_a_little_at_a_time_gives_all(blobs: Blobs) -> None:
    """As one does over HTTP whose bound on requests is reached again and again: each round brings some."""

    class Reluctant(Crowd):
        asked = 0

        async def piece(self, key: bytes, asked: Question) -> Piece:
            self.asked += 1
            if self.asked % 2 == 0:
                raise RemoteError("answers 429")
            return await super().piece(key, asked)

    blobs.holders = Reluctant(town=Peer(bytes(range(250)) * 20_000))
    data = bytes(range(250)) * 20_000
    assert (await blobs.fetch(sha256(data).digest(), len(data))).read_bytes() == data
