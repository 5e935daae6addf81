# SPDX-License-Identifier: AGPL-3.0-or-later
"""The verbs that only ask. Parameters and answers: `verbs.py`. All is answered from this node's own files."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
from typing import TYPE_CHECKING

import msgspec
from convergences_protocol.charter import Enrolled
from convergences_protocol.element import ElementId
from convergences_protocol.errors import ConvergencesError, Fault, LocalError, RemoteError
from convergences_protocol.receipt import read_receipt, verify_receipt
from convergences_protocol.record import Header, read_header

from convergences_node import verbs
from convergences_node.archive.model import Entry, LogState
from convergences_node.archive.reader import ArchiveReader
from convergences_node.backup.verb import last_backup
from convergences_node.checkup import signs
from convergences_node.faults import NotFound
from convergences_node.index.query import Query
from convergences_node.network.addresses import peer_id
from convergences_node.verbs import Json, Tell
from convergences_node.web.receipts import receipt_of

if TYPE_CHECKING:
    from convergences_node.town import Town


CATCH_UP_SECONDS_MAX = 1.0


async def status(town: Town, params: verbs.Status, tell: Tell) -> Json:
    """See `verbs.Status`."""
    logs, cosigned = await town.archive.read(_read_logs)
    own = next(log for log in logs if log.own and log.status == "open")
    seen, network = town.peers(), town.network
    applied = sum(each.applied for each in await town.index.coverage())
    return {
        "node": {
            "name": town.config.node.name,
            "territory": town.config.node.territory,
            "kind": town.config.node.kind,
            "version": importlib.metadata.version("convergences"),
            "folder": str(town.folder),
            "running": network is not None,
            "process": os.getpid() if network is not None else None,
            "key": own.key.hex(),
            "peer_id": peer_id(own.key),
        },
        "log": _log(own, cosigned),
        "addresses": {
            "pages": town.pages_address,
            "http": town.http_address,
            "p2p": list(network.addresses()) if network else [],
        },
        "peers": {"connected": sum(peer.connected for peer in seen), "known": len(seen)},
        "index": {
            "state": "rebuilding" if town.index.rebuilding else "following",
            "applied": applied,
            "behind": max(0, sum(log.size for log in logs) - applied),
        },
        "logs": [_log(log, cosigned) | {"target": network.target(log.origin) if network else None} for log in logs],
        "doubts": [town.doubt_reason] if town.doubt_reason else [],
        "erasures_waiting": await town.erasures.waiting(),
        "signs": [msgspec.to_builtins(sign) for sign in await signs(town)],
        "network": {
            "libp2p": network.p2p_state if network else "not running",
            **(dict(network.counters()) if network else {}),
        },
        "backup": await last_backup(town),
        "charter": town.membership.charter.agglomeration.origin if town.membership.joined else None,
    }


def _read_logs(reader: ArchiveReader) -> tuple[list[LogState], dict[str, int]]:
    logs = reader.logs()
    times = {
        log.origin: max((row.time for row in reader.cosignatures(log.origin) if row.cosigner == log.origin), default=0)
        for log in logs
    }
    return logs, times


def _log(log: LogState, cosigned: dict[str, int]) -> dict[str, Json]:
    return {
        "territory": log.territory,
        "origin": log.origin,
        "size": log.size,
        "head_size": log.head_size,
        "root": log.root.hex(),
        "bodies_wanted": log.wanted,
        "cosigned_at": cosigned.get(log.origin) or None,
        "own": log.own,
        "status": log.status,
    }


async def peers(town: Town, params: verbs.Peers, tell: Tell) -> Json:
    """See `verbs.Peers`."""
    network = town.network
    links = network.driver.links if network else {}
    rows = {row.key: row for row in await town.archive.read(lambda reader: reader.peers())}
    named = {log.identity.key: log.origin for log in town.membership.charter.enrolments}
    return {
        "peers": [
            {
                "key": peer.key.hex(),
                "peer_id": peer_id(peer.key),
                "territory": peer.territory,
                "origin": named.get(peer.key),
                "connected": peer.connected,
                "heard_at": peer.heard_at,
                "addresses": list(peer.addresses),
                "transport": links[peer.key].transport if peer.key in links else None,
                "received_bytes": network.driver.received_from.get(peer.key, 0) if network else 0,
                "misdeeds": peer.faults,
                "last_misdeed": rows[peer.key].fault if peer.key in rows else None,
            }
            for peer in town.peers()
        ]
    }


async def show(town: Town, params: verbs.Show, tell: Tell) -> Json:
    """See `verbs.Show`."""
    element = element_id(params.element)
    await caught_up(town)
    view = await town.index.element(str(element), at=params.at)
    if view is None:
        raise NotFound(f"no element {element} is shown here", fault=Fault("", "element_unknown", {"id": str(element)}))
    shown: dict[str, Json] = msgspec.to_builtins(view)
    return shown | {"id": view.item.id, "kind": view.item.kind}


async def history(town: Town, params: verbs.History, tell: Tell) -> Json:
    """See `verbs.History`."""
    element = element_id(params.element)
    revisions = await town.index.history(str(element))
    if not revisions:
        raise NotFound(
            f"no record about {element} is kept here", fault=Fault("", "element_unknown", {"id": str(element)})
        )
    return {"element": str(element), "entries": msgspec.to_builtins(revisions)}


async def search(town: Town, params: verbs.Search, tell: Tell) -> Json:
    """See `verbs.Search`."""
    await caught_up(town)
    return msgspec.to_builtins(await town.index.search(Query.from_params(params.query)))


async def receipt(town: Town, params: verbs.Receipt, tell: Tell) -> Json:
    """See `verbs.Receipt`."""
    if (params.element is None) == (params.digest is None):
        raise LocalError(
            "a receipt is of an element, or of the record of a digest: give one of the two",
            fault=Fault("", "receipt_of_what"),
        )

    def read(reader: ArchiveReader) -> tuple[Entry, bytes | None] | None:
        entry = (
            reader.current(element_id(params.element))
            if params.element is not None
            else reader.locate(digest_of(params.digest or ""))
        )
        return (entry, receipt_of(reader, entry)) if entry is not None else None

    found = await town.archive.read(read)
    if found is None:
        raise NotFound(
            f"no record of {params.element or params.digest} is kept here",
            fault=Fault("", "record_unknown", {"id": str(params.element or params.digest)}),
        )
    entry, data = found
    if data is None:
        raise LocalError(
            "no signed head covers that record yet", hint="ask again in a moment", fault=Fault("", "head_not_yet")
        )
    element = read_header(entry.header).element
    return {
        "receipt": data.decode(),
        "element": str(element) if element is not None else None,
        "origin": entry.origin,
        "index": entry.index,
        "size": read_receipt(data).note.split(b"\n")[1].decode(),
    }


async def verify(town: Town, params: verbs.Verify, tell: Tell) -> Json:
    """See `verbs.Verify`."""
    if params.receipt is None:
        raise LocalError(
            "a whole archive is verified from its files, by `convergences verify`, which needs no running node",
            fault=Fault("", "verify_whole"),
        )
    try:
        data = read_receipt(params.receipt.encode())
        keys = {log.origin: log.identity.key for log in town.membership.charter.enrolments}
        key = keys.get(data.origin)
        if key is None:
            raise NotFound(
                f"the charter that this node follows does not name the log {data.origin}",
                fault=Fault("", "log_not_in_charter", {"origin": str(data.origin)}),
            )
        proven = verify_receipt(data, key, keys)
    except RemoteError as error:
        return {"sound": False, "reason": str(error)}
    return {
        "sound": True,
        "origin": data.origin,
        "index": proven.index,
        "size": proven.head.size,
        "author_signed": proven.author_signed,
        "body": proven.body is not None,
        "cosigned": dict(proven.cosigned),
        **_said(proven.header),
    }


def _said(raw: bytes) -> dict[str, Json]:
    try:
        header: Header = read_header(raw)
    except ConvergencesError:
        return {}
    return {
        "element": str(header.element) if header.element is not None else None,
        "kind": header.kind,
        "author": header.author.hex(),
        "time": header.time,
    }


async def charter(town: Town, params: verbs.Charter, tell: Tell) -> Json:
    """See `verbs.Charter`."""
    followed = town.membership.charter
    names = {view.code: view.name for view in await town.index.territories()}
    disputes = {origin for origins in followed.disputed().values() for origin in origins[1:]}
    return {
        "joined": town.membership.joined,
        "agglomeration": {
            "territory": followed.agglomeration.territory,
            "origin": followed.agglomeration.origin,
            "key": followed.agglomeration.key.hex(),
            "name": names.get(followed.agglomeration.territory),
        },
        "enrolments": [_enrolment(log, names, disputes) for log in followed.enrolments],
    }


def _enrolment(log: Enrolled, names: dict[str, str | None], disputes: set[str]) -> dict[str, Json]:
    return {
        "territory": log.territory,
        "name": names.get(log.territory),
        "origin": log.origin,
        "key": log.identity.key.hex(),
        "since": log.since,
        "ended": log.end is not None,
        "size": log.end.last.size if log.end else None,
        "successor": log.end.successor if log.end else None,
        "why": log.end.why if log.end else None,
        "disputed": log.disputed or log.origin in disputes,
    }


async def caught_up(town: Town) -> None:
    """Let what was written a moment ago be found; but nobody waits for the whole of a backlog."""
    catching_up = asyncio.ensure_future(town.index.catch_up())
    await asyncio.wait([catching_up], timeout=CATCH_UP_SECONDS_MAX if town.network is not None else None)


def element_id(text: str) -> ElementId:
    """An element's id as a person wrote it; `LocalError` if it is none."""
    try:
        return ElementId.parse(text)
    except ValueError as error:
        raise LocalError(
            f"{text!r} is not an element's id: {error}", fault=Fault("", "not_an_id", {"given": text[:80]})
        ) from None


def digest_of(text: str) -> bytes:
    """A header's digest, in hex; `LocalError` if it is none."""
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise LocalError(
            f"{text!r} is not a record's digest of 64 hex digits",
            fault=Fault("", "not_a_record_digest", {"given": text[:80]}),
        )
    return digest
