# SPDX-License-Identifier: AGPL-3.0-or-later
"""The verbs about who belongs: invite, join, follow, and the two of the charter. Parameters and answers: `verbs.py`."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.codes import is_territory
from convergences_protocol.enrolment import END, ENROL, Enrolment
from convergences_protocol.enrolment import End as EndVerb
from convergences_protocol.errors import Fault, LocalError, Refused
from convergences_protocol.invitation import (
    ADDRESSES_MAX,
    NONCE_BYTES,
    Invitation,
    read_invitation,
    write_answer,
    write_invitation,
)
from convergences_protocol.origin import Origin
from convergences_protocol.recovery import PREFIX as SUCCESSION

from convergences_node import verbs
from convergences_node.archive.model import NewControl
from convergences_node.archive.reader import ArchiveReader
from convergences_node.faults import NotFound
from convergences_node.membership_stored import KEEP_ALL, KEEP_NONE, KEEP_THESE, Keep
from convergences_node.network.addresses import told_addresses
from convergences_node.network.joining import send_answer
from convergences_node.network.transport import Transport
from convergences_node.verbs import Json, Tell

if TYPE_CHECKING:
    from convergences_node.town import Town

DAY_SECONDS = 86_400
DAYS_MAX = 365


async def invite(town: Town, params: verbs.Invite, tell: Tell) -> Json:
    """See `verbs.Invite`."""
    _only_agglomeration(town)
    if not is_territory(params.territory):
        raise LocalError(
            f"{params.territory!r} is not a territory's code",
            hint="FR- and an INSEE code or a SIREN",
            fault=Fault("", "territory_code", {"given": params.territory}),
        )
    if not 1 <= params.days <= DAYS_MAX:
        raise LocalError(
            f"an invitation is good for 1 to {DAYS_MAX} days",
            fault=Fault("", "invitation_days", {"days_max": DAYS_MAX}),
        )
    if town.network is not None:
        await town.network.settled_p2p()  # a node that has just started knows its addresses a second later
    addresses = tuple(params.addresses or own_addresses(town))[:ADDRESSES_MAX]
    if not addresses:
        raise LocalError(
            "this node has no address to invite to",
            hint="set p2p.announce or http.public_url, or give --address",
            fault=Fault("", "no_address"),
        )
    invitation = Invitation(
        params.territory,
        town.membership.invites_to,
        town.config.node.name,
        addresses,
        town.now() + params.days * DAY_SECONDS,
        town.random_bytes(NONCE_BYTES),
    )
    return {
        "invitation": write_invitation(invitation, town.archive.keys.node),
        "territory": params.territory,
        "agglomeration": invitation.agglomeration.origin,
        "expires": invitation.expires,
        "addresses": list(addresses),
    }


def own_addresses(town: Town) -> list[str]:
    """Where this node is reached; when it is not running, where it will listen."""
    if town.network is not None:
        return town.network.addresses()
    p2p, http = town.config.p2p, town.config.http
    told = told_addresses(p2p.announce, p2p.listen, town.membership.own.key) if p2p.enabled else []
    return told + ([http.public_url] if http.public_url else [])


async def join(town: Town, params: verbs.Join, tell: Tell) -> Json:
    """See `verbs.Join`."""
    if params.invitation.strip().startswith(SUCCESSION):
        return await _join_successor(town, params.invitation)
    invitation = read_invitation(params.invitation)
    own = town.membership.own
    if invitation.territory != own.territory:
        raise Refused(
            [
                Fault(
                    "invitation",
                    "invitation_other_territory",
                    {"territory": own.territory, "invited": invitation.territory},
                )
            ]
        )
    town.membership.check_pin(invitation.agglomeration)
    opening = await town.archive.read(lambda reader: reader.entry(own.origin, 0))
    assert opening is not None, "every log has its first record"
    addresses = tuple(own_addresses(town))[:ADDRESSES_MAX]
    answer = write_answer(params.invitation, opening.header, town.archive.keys.node, addresses)
    async with AsyncExitStack() as stack:
        joined = await send_answer(invitation, answer, await _p2p(town, stack))
    await town.membership.pin(invitation.agglomeration)
    await town.remember_peer(invitation.agglomeration.key, invitation.agglomeration.territory, invitation.addresses)
    await town.charter_changed()
    return {
        "agglomeration": {
            "territory": invitation.agglomeration.territory,
            "origin": invitation.agglomeration.origin,
            "name": invitation.name,
        },
        "territory": own.territory,
        "origin": joined.origin,
        "state": joined.state,
    }


async def _join_successor(town: Town, word: str) -> Json:
    """The recovery key's word, pasted by a person."""
    from convergences_node.succeeding import follow_succession

    joined = await follow_succession(town, word)
    agglomeration = town.membership.charter.agglomeration
    return {
        "agglomeration": {
            "territory": agglomeration.territory,
            "origin": agglomeration.origin,
            "name": agglomeration.territory,
        },
        "territory": town.membership.own.territory,
        "origin": joined.origin,
        "state": joined.state,
    }


async def _p2p(town: Town, stack: AsyncExitStack) -> Transport | None:
    """The running node's libp2p, or one for this question alone; None where it cannot run."""
    if town.network is not None:
        return await town.network.settled_p2p()
    if not town.config.p2p.enabled:
        return None
    from convergences_node.network.libp2p_transport import dialling_only

    return await stack.enter_async_context(dialling_only(town.archive.keys.node.seed))


async def follow(town: Town, params: verbs.Follow, tell: Tell) -> Json:
    """See `verbs.Follow`."""
    if params.keep is not None:
        if params.keep not in (KEEP_ALL, KEEP_NONE, KEEP_THESE) or (params.keep == KEEP_THESE) != bool(
            params.territories
        ):
            raise LocalError(
                f"keep is {KEEP_ALL}, {KEEP_NONE}, or {KEEP_THESE} with territories",
                fault=Fault("", "keep_unknown", {"all": KEEP_ALL, "none": KEEP_NONE, "these": KEEP_THESE}),
            )
        await town.membership.choose(Keep(params.keep, tuple(params.territories)))
        await town.charter_changed()
    sizes = await town.archive.read(lambda reader: {state.origin: state.size for state in reader.logs()})
    kept = {identity.origin for identity in town.membership.kept()} | set(town.membership.own_origins)
    return {
        "keep": town.membership.keep.what,
        "territories": list(town.membership.keep.territories),
        "logs": [
            {
                "territory": log.territory,
                "origin": log.origin,
                "kept": log.origin in kept,
                "size": sizes.get(log.origin, 0),
            }
            for log in town.membership.charter.enrolments
        ],
    }


async def enrol(town: Town, params: verbs.Enrol, tell: Tell) -> Json:
    """See `verbs.Enrol`."""
    _only_agglomeration(town)
    try:
        origin = str(Origin.parse(params.origin))
        key, recovery = bytes.fromhex(params.key), bytes.fromhex(params.recovery_key)
    except ValueError as error:
        raise LocalError(
            f"cannot enrol: {error}", fault=Fault("", "enrol_wrong", {"reason": str(error)[:200]})
        ) from None
    if len(key) != 32 or len(recovery) != 32:
        raise LocalError("a key is 64 hex digits", fault=Fault("", "not_a_key"))
    placed = await town.archive.append([NewControl(ENROL, Enrolment(origin, key, recovery, town.now()).content())])
    await town.charter_changed()
    return {"origin": origin, "index": placed[0].index}


async def end(town: Town, params: verbs.End, tell: Tell) -> Json:
    """See `verbs.End`."""
    if params.recovery is not None:
        from convergences_node.succeeding import succeed

        return await succeed(town, params, tell)
    _only_agglomeration(town)
    origin = _log_named(town, params.origin)
    named = town.membership.charter.enrolled(origin)
    successor = named.end.successor if named is not None and named.end is not None else None
    if params.successor is not None:
        successor = _log_named(town, params.successor)
        if successor == origin:
            raise LocalError(
                f"{origin} cannot be its own successor", fault=Fault("", "own_successor", {"origin": origin})
            )

    def read(reader: ArchiveReader) -> Checkpoint:
        state = reader.log(origin)
        if state is None:
            raise NotFound(
                f"the log {origin} is not kept here, so where it ends is not known",
                fault=Fault("", "log_not_kept", {"origin": origin}),
            )
        return Checkpoint(origin, state.size, state.root)

    last = await town.archive.read(read)
    placed = await town.archive.append([NewControl(END, EndVerb(last, successor, params.why).content())])
    await town.charter_changed()
    return {"origin": origin, "size": last.size, "successor": successor, "index": placed[0].index}


def _log_named(town: Town, text: str) -> str:
    """The origin that is meant: itself, or the ongoing log of a territory."""
    charter = town.membership.charter
    if is_territory(text):
        ongoing = charter.ongoing(text)
        if ongoing is None:
            raise NotFound(
                f"no log of {text} goes on in the charter",
                fault=Fault("", "territory_without_log", {"territory": text}),
            )
        return ongoing.origin
    if charter.enrolled(text) is None and text not in town.membership.candidates:
        raise NotFound(f"the charter names no log {text}", fault=Fault("", "log_not_in_charter", {"origin": text}))
    return text


def _only_agglomeration(town: Town) -> None:
    if town.config.node.kind != "agglomeration":
        raise LocalError(
            "only an agglomeration's node has a charter to write in", fault=Fault("", "only_agglomeration")
        )
