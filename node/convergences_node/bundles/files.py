# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pictures and documents that a bundle carries beside its logs: `blobs/<sha256>`, where a node has them too.

Written are those that records name and that are here; read, those that records name and that are not, each checked by
its name. `blobs.json` says which are there. One that no record names any more is taken away, if this node knows all
the records that the bundle has: else another town may name it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256

from convergences_protocol.errors import LocalError, RemoteError

from convergences_node.blobs.blobs import WANTED_BYTES_MAX
from convergences_node.blobs.store import BlobStore, Readers
from convergences_node.network.http_tiles import Gone

from .places import Place, damaged

LIST = "blobs.json"
LIST_BYTES_MAX = 64 * 1024 * 1024
"""A million digests."""
_DIGEST = re.compile("[0-9a-f]{64}")


def write_files(store: BlobStore, place: Place, named: Mapping[str, int], *, knows_all: bool) -> int:
    """Bring the bundle's files up to what is here; how many were written."""
    there = _listed(place)
    gone = there - named.keys() if knows_all else set()
    written = 0
    for digest in sorted(named.keys() - there):
        blob = store.find(bytes.fromhex(digest))
        if blob is not None and blob.readers is Readers.PUBLIC and blob.size <= WANTED_BYTES_MAX:
            place.write(_name(digest), blob.read(0, WANTED_BYTES_MAX))
            there.add(digest)
            written += 1
    if written or gone:
        place.settle(LIST, json.dumps(sorted(there - gone)).encode())
    for digest in gone:
        place.remove(_name(digest))
    return written


def read_files(store: BlobStore, place: Place, named: Mapping[str, int]) -> tuple[int, RemoteError | None]:
    """Take what is named and not here; how many came, and what is wrong with the first that could not be read or is
    not what its name says. Those are passed over."""
    read = 0
    failure: RemoteError | None = None
    try:
        listed = _read_list(place)
    except RemoteError as error:
        listed, failure = set(), error
    for digest in sorted(named.keys() & listed):
        if store.find(bytes.fromhex(digest)) is not None:
            continue
        try:
            data = place.read(_name(digest), min(named[digest], WANTED_BYTES_MAX))
            if sha256(data).hexdigest() != digest:
                raise damaged(_name(digest), "of the bundle has other bytes")
        except Gone:
            continue
        except RemoteError as error:
            failure = failure or error
            continue
        try:
            store.add_bytes(data, Readers.PUBLIC)
        except LocalError:
            break  # there is no room: the records are here, and the files come later
        read += 1
    return read, failure


def _name(digest: str) -> str:
    return f"blobs/{digest}"


def _listed(place: Place) -> set[str]:
    """The digests that the bundle says it has; none if it cannot be read: then they are written again."""
    try:
        return _read_list(place)
    except RemoteError:
        return set()


def _read_list(place: Place) -> set[str]:
    """Raises `RemoteError` for a list that cannot be read; there is none where there are no files."""
    try:
        listed = json.loads(place.read(LIST, LIST_BYTES_MAX))
    except Gone:
        return set()
    except ValueError as error:
        raise damaged(LIST, f"of the bundle cannot be read: {error}") from error
    if type(listed) is not list:
        raise damaged(LIST, "of the bundle is no list")
    return {each for each in listed if isinstance(each, str) and _DIGEST.fullmatch(each)}
