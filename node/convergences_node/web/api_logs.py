# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is kept and who vouches for it: logs, cosignatures, fork proofs, peers, and the door for a town that joins."""

from __future__ import annotations

from aiohttp import web
from convergences_protocol.checkpoint import parse
from convergences_protocol.errors import ConvergencesError

from convergences_node.archive.model import CosignatureRow, LogState
from convergences_node.archive.reader import ArchiveReader
from convergences_node.faults import NotNow
from convergences_node.web.answers import (
    CosignatureAnswer,
    CosignaturesAnswer,
    ForkAnswer,
    ForksAnswer,
    LogAnswer,
    LogsAnswer,
    PeerAnswer,
    PeersAnswer,
)
from convergences_node.web.asking import answer_json, town_of
from convergences_node.web.etag import CACHE_NEVER
from convergences_node.web.problems import Problem
from convergences_node.web.route import BYTES

LATER_S = "60"
"""When to ask again a node that can write nothing for now."""


async def logs_list(request: web.Request) -> web.Response:
    """Every log kept here, one's own and others', with its latest signed head and what is still missing."""

    def read(reader: ArchiveReader) -> LogsAnswer:
        return LogsAnswer(logs=tuple(_log(log, reader.cosignatures(log.origin)) for log in reader.logs()))

    return answer_json(request, await town_of(request).archive.read(read))


def _log(log: LogState, cosignatures: list[CosignatureRow]) -> LogAnswer:
    times = [each.time for each in cosignatures if each.cosigner == log.origin]
    return LogAnswer(
        origin=log.origin,
        territory=log.territory,
        key=log.key.hex(),
        own=log.own,
        status=log.status,
        size=log.size,
        head_size=log.head_size,
        root=parse(log.head_note).root.hex() if log.head_note else None,
        bodies_wanted=log.wanted,
        cosigned_at=max(times, default=None),
        address=f"/log/{log.origin.removeprefix('convergences/')}",
    )


async def cosignatures_list(request: web.Request) -> web.Response:
    """Each cosigner's latest cosignature on each log kept here: witness, proof of storage, and freshness in one."""

    def read(reader: ArchiveReader) -> CosignaturesAnswer:
        rows = [row for log in reader.logs() for row in reader.cosignatures(log.origin)]
        return CosignaturesAnswer(
            cosignatures=tuple(
                CosignatureAnswer(
                    origin=row.origin,
                    cosigner=row.cosigner,
                    size=row.size,
                    time=row.time,
                    line=row.line.decode().rstrip(),
                )
                for row in rows
            )
        )

    return answer_json(request, await town_of(request).archive.read(read))


async def forks_list(request: web.Request) -> web.Response:
    """The proofs that some log has two histories. Empty is good news."""

    def read(reader: ArchiveReader) -> ForksAnswer:
        return ForksAnswer(
            forks=tuple(
                ForkAnswer(origin=row.origin, digest=row.digest.hex(), kept_at=row.kept_at, proof=row.proof)
                for row in reader.forks()
            )
        )

    return answer_json(request, await town_of(request).archive.read(read))


async def peers_list(request: web.Request) -> web.Response:
    """The nodes this one exchanges with: who they are, whether they are connected, when they were last heard."""
    peers = tuple(
        PeerAnswer(
            key=peer.key.hex(),
            territory=peer.territory,
            connected=peer.connected,
            heard_at=peer.heard_at,
            faults=peer.faults,
        )
        for peer in town_of(request).peers()
    )
    return answer_json(request, PeersAnswer(peers=peers))


async def join_answer(request: web.Request) -> web.Response:
    """Take a town's signed answer to an invitation, and give that town what it needs to begin.

    The same answer again changes nothing. The invitation is the permission: there is no other.
    """
    data = await request.read()
    try:
        answer = await town_of(request).join_answer(data)
    except NotNow:
        raise Problem("too-busy", headers={"Retry-After": LATER_S}) from None
    except ConvergencesError as refused:
        raise Problem("join-refused", reason=str(refused)) from None
    return web.Response(body=answer, headers={"Content-Type": BYTES, "Cache-Control": CACHE_NEVER})


async def message_answer(request: web.Request) -> web.Response:
    """Take one message of another node's replication, and answer it: for what files cannot say.

    The body is a message as it stands in a frame of `/convergences/replicate/1`, without its length: which of these
    bodies have you (answered with them), or a head, a doubt or a fork proof, which is heard as gossip is and answered
    with 204. What is said is believed for its author's signature, whoever sends it.
    """
    try:
        answer = await town_of(request).message_answer(await request.read())
    except ConvergencesError as refused:
        raise Problem("message-refused", reason=str(refused)) from None
    headers = {"Cache-Control": CACHE_NEVER} | ({"Content-Type": BYTES} if answer else {})
    return web.Response(status=200 if answer else 204, body=answer or None, headers=headers)
