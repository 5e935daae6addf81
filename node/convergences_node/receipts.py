# SPDX-License-Identifier: AGPL-3.0-or-later
"""Receipts checked from files: the receipt itself, and the keys that an archive knows. Needs no running node."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convergences_protocol.errors import Unreadable
from convergences_protocol.receipt import Proven, read_receipt, verify_receipt
from convergences_protocol.record import read_body, read_header

from convergences_node.archive.reader import ArchiveReader
from convergences_node.faults import NotFound


def keys_of_archive(folder: Path) -> dict[str, bytes]:
    """The key of every log that the archive in `folder` keeps, by origin. Reads beside a node that runs, or not."""
    reader = ArchiveReader.open(folder)
    try:
        return {log.origin: log.key for log in reader.logs()}
    finally:
        reader.close()


def check_receipt(data: bytes, keys: Mapping[str, bytes], key: bytes | None = None) -> dict[str, Any]:
    """What a receipt proves, as JSON. `key` is the log's, or it is looked up in `keys`, which also name cosigners.

    Raises `RemoteError` if the receipt proves nothing, `NotFound` if the log's key is not known.
    """
    receipt = read_receipt(data)
    pinned = key or keys.get(receipt.origin)
    if pinned is None:
        raise NotFound(f"the key of {receipt.origin} is not known here", hint="give it with --key")
    proven = verify_receipt(receipt, pinned, keys)
    return {
        "sound": True,
        "origin": receipt.origin,
        "index": proven.index,
        "size": proven.head.size,
        "author_signed": proven.author_signed,
        "cosigned": dict(proven.cosigned),
        **_said(proven),
    }


def _said(proven: Proven) -> dict[str, Any]:
    """Who says what of which element; as much as can be read."""
    said: dict[str, Any] = {"element": None, "kind": None, "author": None, "time": None, "fields": None}
    try:
        header = read_header(proven.header)
        said |= {"kind": header.kind, "author": header.author.hex(), "time": header.time}
        said["element"] = str(header.element) if header.element else None
        if proven.body is not None:
            said["fields"] = read_body(header, proven.body)
    except Unreadable as error:
        said["unreadable"] = error.reason
    return said
