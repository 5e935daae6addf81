# SPDX-License-Identifier: AGPL-3.0-or-later
"""Messages as bytes: one message a frame, written in one way and read at one door.

A frame is one deterministic CBOR array: the message's number, then its fields in the order in which the dataclass
declares them. `encode` writes it, `decode` reads it; any bytes that are not exactly one such message, within its
bounds (limits.py), raise `RemoteError` and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter

import cbor2

from .. import cbor
from ..errors import RemoteError, Unreadable
from .fields import (
    bytes_of,
    credit_of,
    hash_of,
    hashes_of,
    leaves_of,
    list_of,
    natural,
    origin_of,
    pair_of,
    root_of,
    slots_of,
)
from .limits import (
    BATCH_BYTES_MAX,
    BODY_BYTES_MAX,
    COSIGNATURES_MAX,
    DIGESTS_MAX,
    FOLLOWS_MAX,
    FORK_BYTES_MAX,
    FRAME_BYTES_MAX,
    HEADS_MAX,
    LINE_BYTES_MAX,
    NOTE_BYTES_MAX,
    PROOFS_MAX,
    REASON_CHARS_MAX,
)
from .messages import (
    Batch,
    Bodies,
    Bye,
    Cannot,
    Doubt,
    Follow,
    Forks,
    HeadNote,
    Heads,
    Hello,
    Message,
    More,
    Proof,
    Stop,
    Want,
    WantBodies,
    WantProof,
)


def encode(message: Message) -> bytes:
    """The message's frame. Only bytes, numbers and text are in it, so that any CBOR writer is deterministic here."""
    frame = cbor2.dumps([_NUMBERS[type(message)], *_WRITERS[type(message)](message)])
    assert len(frame) <= FRAME_BYTES_MAX, f"{type(message).__name__} of {len(frame)} bytes"
    return frame


def decode(frame: bytes) -> Message:
    """The message in `frame`. Raises `RemoteError`, and nothing else, for any other bytes."""
    if len(frame) > FRAME_BYTES_MAX:
        raise RemoteError(f"frame of {len(frame)} bytes, at most {FRAME_BYTES_MAX} are read")
    try:
        fields = cbor.decode(frame)
    except Unreadable as error:
        raise RemoteError(f"frame that cannot be read: {error.reason[:REASON_CHARS_MAX]}") from error
    if type(fields) is not list or not fields or type(fields[0]) is not int:
        raise RemoteError("frame that is no message")
    read = _READERS.get(fields[0])
    if read is None:
        raise RemoteError(f"message of unknown number {fields[0]}")
    name, count, reader = read
    if len(fields) != count + 1:
        raise RemoteError(f"{name} with {len(fields) - 1} fields, {count} expected")
    return reader(*fields[1:])


# --- one reader a message: the door ----------------------------------------------------------------------------------


def _hello(version: object, follows: object) -> Hello:
    return Hello(natural(version, "version"), tuple(map(_follow, list_of(follows, FOLLOWS_MAX, "follows"))))


def _follow(item: object) -> Follow:
    if type(item) is not list or len(item) != 4:
        raise RemoteError("follow that is not four fields")
    origin, size, root, fresh = item
    return Follow(origin_of(origin), natural(size, "size"), root_of(root), natural(fresh, "time"))


def _heads(heads: object) -> Heads:
    return Heads(tuple(map(_head_note, list_of(heads, HEADS_MAX, "heads"))))


def _head_note(item: object) -> HeadNote:
    note, lines = pair_of(item, "head")
    lines = tuple(
        bytes_of(line, LINE_BYTES_MAX, "cosignature") for line in list_of(lines, COSIGNATURES_MAX, "cosignatures")
    )
    return HeadNote(bytes_of(note, NOTE_BYTES_MAX, "head"), lines)


def _want(number: object, origin: object, start: object, size: object, root: object, credit: object) -> Want:
    want = Want(
        natural(number, "number"),
        origin_of(origin),
        natural(start, "start"),
        natural(size, "size"),
        hash_of(root, "root"),
        credit_of(credit),
    )
    if want.start >= want.head_size:
        raise RemoteError(f"want of [{want.start}, {want.head_size}), which is empty")
    return want


def _more(number: object, credit: object) -> More:
    return More(natural(number, "number"), credit_of(credit))


def _stop(number: object) -> Stop:
    return Stop(natural(number, "number"))


def _cannot(number: object) -> Cannot:
    return Cannot(natural(number, "number"))


def _batch(number: object, start: object, headers: object, bodies: object, proof: object) -> Batch:
    batch = Batch(
        natural(number, "number"),
        natural(start, "start"),
        leaves_of(headers),
        slots_of(bodies),
        hashes_of(proof),
    )
    if not batch.headers or len(batch.headers) != len(batch.bodies):
        raise RemoteError(f"batch of {len(batch.headers)} headers and {len(batch.bodies)} slots")
    if batch.size_bytes > BATCH_BYTES_MAX:
        raise RemoteError(f"batch of {batch.size_bytes} bytes, at most {BATCH_BYTES_MAX} are taken")
    return batch


def _want_proof(origin: object, old: object, new: object, new_root: object) -> WantProof:
    want = WantProof(origin_of(origin), natural(old, "size"), natural(new, "size"), hash_of(new_root, "root"))
    if not 0 < want.old <= want.new:
        raise RemoteError(f"want of a proof from {want.old} to {want.new}")
    return want


def _proof(origin: object, old: object, new: object, root: object, proof: object) -> Proof:
    return Proof(origin_of(origin), natural(old, "size"), natural(new, "size"), root_of(root), hashes_of(proof))


def _want_bodies(digests: object) -> WantBodies:
    return WantBodies(tuple(hash_of(digest, "digest") for digest in list_of(digests, DIGESTS_MAX, "digests")))


def _bodies(considered: object, bodies: object) -> Bodies:
    items = list_of(bodies, DIGESTS_MAX, "bodies")
    return Bodies(natural(considered, "count"), tuple(bytes_of(body, BODY_BYTES_MAX, "body") for body in items))


def _forks(proofs: object) -> Forks:
    return Forks(tuple(bytes_of(proof, FORK_BYTES_MAX, "fork proof") for proof in list_of(proofs, PROOFS_MAX, "forks")))


def _doubt(note: object) -> Doubt:
    return Doubt(bytes_of(note, NOTE_BYTES_MAX, "head"))


def _bye(reason: object) -> Bye:
    if type(reason) is not str or len(reason) > REASON_CHARS_MAX:
        raise RemoteError("bye without a reason of readable length")
    return Bye(reason)


# --- the table of messages -------------------------------------------------------------------------------------------


def _fields(*names: str) -> Callable[[Message], Sequence[object]]:
    """Writes the fields of those names, in that order."""
    if len(names) == 1:
        get_one = attrgetter(names[0])
        return lambda message: (get_one(message),)
    get: Callable[[Message], Sequence[object]] = attrgetter(*names)
    return get


def _hello_fields(message: Message) -> Sequence[object]:
    assert isinstance(message, Hello)
    return message.version, [[item.origin, item.size, item.root, item.fresh] for item in message.follows]


def _heads_fields(message: Message) -> Sequence[object]:
    assert isinstance(message, Heads)
    return ([[head.note, head.cosignatures] for head in message.heads],)


_TABLE: tuple[tuple[int, type[Message], Callable[..., Message], Callable[[Message], Sequence[object]]], ...] = (
    (1, Hello, _hello, _hello_fields),
    (2, Heads, _heads, _heads_fields),
    (3, Want, _want, _fields("number", "origin", "start", "head_size", "head_root", "credit")),
    (4, More, _more, _fields("number", "credit")),
    (5, Stop, _stop, _fields("number")),
    (6, Cannot, _cannot, _fields("number")),
    (7, Batch, _batch, _fields("number", "start", "headers", "bodies", "proof")),
    (8, WantProof, _want_proof, _fields("origin", "old", "new", "new_root")),
    (9, Proof, _proof, _fields("origin", "old", "new", "root", "proof")),
    (10, WantBodies, _want_bodies, _fields("digests")),
    (11, Bodies, _bodies, _fields("considered", "bodies")),
    (12, Forks, _forks, _fields("proofs")),
    (13, Doubt, _doubt, _fields("note")),
    (14, Bye, _bye, _fields("reason")),
)
"""Number, message, its reader at the door, its writer. Numbers are for ever; a new message takes the next one."""

_NUMBERS = {message: number for number, message, _, _ in _TABLE}
_WRITERS = {message: writer for _, message, _, writer in _TABLE}
_READERS = {
    number: (message.__name__, len(message.__dataclass_fields__), reader) for number, message, reader, _ in _TABLE
}
