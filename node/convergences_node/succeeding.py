# SPDX-License-Identifier: AGPL-3.0-or-later
"""When a node's key is lost or stolen: the recovery key ends its log, and a new node goes on in its place.

At the new node (`convergences charter end … --recovery-sheet`): the old log is copied from a node that keeps it, and
checked like any other; a log is opened whose first record continues it and whose second is the `end` that the recovery
key signs; and both travel as one word, the succession, to the nodes that are to follow. Where addresses do not reach, a
person pastes the word (`convergences join convs1…`). A stick will do as the node that keeps the log: its path stands
in place of an address.

At those nodes: an agglomeration's successor is followed, a town's is enrolled, because the recovery key said so and for
no other reason. The same word again changes nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
from convergences_protocol import checkpoint
from convergences_protocol.admission import admit_epoch
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.enrolment import END, ENROL, Enrolment
from convergences_protocol.errors import ConvergencesError, Fault, LocalError, Refused, RemoteError, Unreadable
from convergences_protocol.keys import SigningKey
from convergences_protocol.opening import Opening, read_opening
from convergences_protocol.origin import EPOCH_BYTES, LogIdentity, Origin
from convergences_protocol.record import read_header
from convergences_protocol.recovery import Succession, Successor, author_end, read_sheet, read_succession_text
from convergences_protocol.replication.check import check_batch, examine
from convergences_protocol.replication.messages import Batch
from convergences_protocol.replication.views import Held

from convergences_node.archive.epochs import opening_record
from convergences_node.archive.model import Entry, NewControl, Signed
from convergences_node.archive.reader import ArchiveReader
from convergences_node.archive.writer import ArchiveWriter
from convergences_node.bundles.sources import FAILURES, source_at, stick_fault
from convergences_node.faults import words_of
from convergences_node.network.addresses import is_http
from convergences_node.network.http_tiles import Gone
from convergences_node.network.joining import JOIN_PATH, Joined, read_joined
from convergences_node.network.transport import JOIN_BYTES_MAX
from convergences_node.network.whole_answer import whole_answer

if TYPE_CHECKING:
    from convergences_node.town import Town
    from convergences_node.verbs import End, Json, Tell

log = logging.getLogger(__name__)

ADDRESSES_MAX = 64
HTTP_SECONDS_MAX = 30.0
PROBLEM_CHARS_MAX = 300


# ------------------------------------------------------------------------------------- at the new node
async def succeed(town: Town, params: End, tell: Tell) -> Json:
    """End a log by its recovery key, in favour of a log of this node. See `verbs.End`."""
    recovery = SigningKey.from_seed(read_sheet(params.recovery or ""))
    try:
        origin = Origin.parse(params.origin)
    except ValueError as error:
        raise LocalError(
            f"{params.origin!r} is not a log: {error}", fault=Fault("", "not_a_log", {"given": str(params.origin)[:80]})
        ) from None
    if origin.territory != town.membership.own.territory:
        raise LocalError(
            f"{origin} is a log of {origin.territory}, and this node is of {town.membership.own.territory}",
            fault=Fault("", "log_of_another", {"origin": str(origin), "territory": origin.territory}),
        )
    timeout = aiohttp.ClientTimeout(total=HTTP_SECONDS_MAX)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        old = _Old(town, session, str(origin), recovery.public)
        last = await old.copy(params.at[:ADDRESSES_MAX])
        if town.network is not None:
            await town.network.driver.log_known(str(origin))
        await _open(town, recovery, last, params.why)
        if town.config.node.kind == "agglomeration":
            await town.membership.pin_own(old.identity)
            await _say_again(town)
        await town.charter_changed()
        word, sent = await _tell_others(town, session, params.at[:ADDRESSES_MAX])
    own = town.membership.own
    return {
        "origin": str(origin),
        "size": last.size,
        "successor": own.origin,
        "index": 1,
        "succession": word,
        "told": sent,
    }


class _Old:
    """The log that is ended, as other nodes keep it."""

    def __init__(self, town: Town, session: aiohttp.ClientSession, origin: str, recovery_public: bytes) -> None:
        self._town = town
        self._session = session
        self._origin = origin
        self._recovery = recovery_public
        self.identity: LogIdentity

    async def copy(self, addresses: Sequence[str]) -> Checkpoint:
        """Copy the log as far as any of these nodes has it; its last head."""
        if not addresses:
            raise LocalError(
                f"where {self._origin} ended is not known here",
                hint="--at the address of a node that keeps it",
                fault=Fault("", "log_not_kept", {"origin": str(self._origin)}),
            )
        reason: Exception | None = None
        torn: Fault | None = None
        found = False
        for address in addresses:
            try:
                await self._copy_from(address)
                found = True
            except FAILURES as error:
                log.warning("%s could not be copied from %s: %s", self._origin, address, words_of(error))
                reason = error
                torn = torn or stick_fault(address, error)
        if not found and torn is not None:
            raise LocalError(f"{self._origin} could not be read from a stick: {reason}", fault=torn)
        if not found:
            raise LocalError(
                f"none of these nodes gave {self._origin}: {reason or type(reason).__name__}",
                fault=Fault(
                    "",
                    "log_nowhere",
                    {"origin": str(self._origin), "reason": str(reason or type(reason).__name__)[:200]},
                ),
            )
        state = await self._town.archive.read(lambda reader: reader.log(self._origin))
        assert state is not None and state.head_note is not None, "it was just copied up to a head"
        return checkpoint.parse(state.head_note)

    async def _copy_from(self, address: str) -> None:
        source = source_at(self._session, address)
        listed = {each["origin"]: each["key"] for each in await source.logs()}
        if self._origin not in listed:
            raise Gone(f"{self._origin} is not among its logs")
        key = bytes.fromhex(listed[self._origin])
        remote = source.log(self._origin)
        note, _ = await remote.head()
        head = checkpoint.verify(note, self._origin, key)
        held = Held(head.size, head.root, note)
        state = await self._town.archive.read(lambda reader: reader.log(self._origin))
        start = state.size if state else 0
        while start < head.size:
            headers, bodies, proof = await remote.batch(start, head.size)
            if start == 0:
                self._check_opening(headers[0], key)
                await self._town.archive.keep_log(LogIdentity(self._origin, key, self._recovery))
            state = await self._town.archive.read(lambda reader: reader.log(self._origin))
            assert state is not None
            batch = Batch(0, start, tuple(headers), tuple(bodies), tuple(proof))
            checked = check_batch(state.frontier, batch, held)
            start = await self._town.archive.keep_batch(self._origin, checked, examine(checked))
        self.identity = LogIdentity(self._origin, key, self._recovery)

    def _check_opening(self, raw: bytes, key: bytes) -> None:
        try:
            opening = read_opening(read_header(raw))
        except Unreadable as error:
            raise RemoteError(f"the first record of {self._origin} cannot be read: {error.reason}") from error
        if opening.recovery_key != self._recovery:
            raise LocalError(
                f"this sheet is not the one of {self._origin}",
                hint="each log's sheet names its origin",
                fault=Fault("", "sheet_of_another", {"origin": str(self._origin)}),
            )
        if (opening.origin, opening.key) != (self._origin, key):
            raise RemoteError(f"the first record of {self._origin} is another log's")


async def _open(town: Town, recovery: SigningKey, last: Checkpoint, why: str) -> None:
    """A log whose first two records continue the old one; completed if it was begun before, and given up for another
    one if it was begun, and somebody has written in it since."""
    former = town.membership.own
    begun = former.previous is not None and former.previous.origin == last.origin
    second = await town.archive.read(lambda reader: reader.entry(former.origin, 1)) if begun else None
    if not begun or (second is not None and not _is_recovery_end(second, former)):
        epoch = town.random_bytes(EPOCH_BYTES)
        key = town.archive.keys.node
        opening = Opening(
            str(Origin(former.territory, epoch)), key.public, former.recovery_key, town.config.node.name, last
        )

        def begin(writer: ArchiveWriter) -> None:
            writer.begin_log(opening.identity, opening_record(opening, key, town.now()), key, "succession")

        await town.archive.write(begin)
        await town.membership.own_epoch()
        await town.archive.append([Signed(author_end(recovery, last, opening, why, town.now()))])
        await town.archive.bring_along(former.origin, 1)
    elif second is None:
        await town.archive.append([Signed(author_end(recovery, last, former, why, town.now()))])


async def _say_again(town: Town) -> None:
    """Write the standing charter into its new log: who joins from now on pins that one, and cannot read back."""
    charter, own = town.membership.charter, town.membership.own
    chain = {log.origin for log in charter.chain}
    said = await town.archive.read(lambda reader: {entry.header for entry in reader.control(own.origin, 2)})
    if said:
        return
    controls: list[NewControl] = []
    for log in charter.enrolments:
        if log.origin in chain:
            continue
        identity = log.identity
        enrolment = Enrolment(log.origin, identity.key, identity.recovery_key, log.since)
        controls.append(NewControl(ENROL, enrolment.content()))
        if log.end is not None:
            controls.append(NewControl(END, log.end.content()))
    if controls:
        await town.archive.append(controls)


async def _tell_others(town: Town, session: aiohttp.ClientSession, addresses: Sequence[str]) -> tuple[str, list[str]]:
    """Send the succession where it can be sent; the word to paste elsewhere, and who has taken it."""
    from convergences_node.belonging import own_addresses

    origin = town.membership.own.origin
    succession = await town.archive.read(lambda reader: _succession_of(reader, origin))
    assert succession is not None, "it was written a moment ago"
    word = succession.to_text()
    data = _Told(word, tuple(own_addresses(town))).encode()
    taken = []
    for address in filter(is_http, addresses):
        try:
            async with session.post(address.rstrip("/") + JOIN_PATH, data=data) as response:
                answer = await whole_answer(response, JOIN_BYTES_MAX)
                if response.status != 200:
                    raise RemoteError(answer.decode(errors="replace")[:PROBLEM_CHARS_MAX])
            read_joined(answer)
            taken.append(address)
        except (ConvergencesError, aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("%s did not take the succession: %s", address, words_of(error))
    return word, taken


def _succession_of(reader: ArchiveReader, origin: str) -> Succession | None:
    entries = reader.entries(origin, 0, 2)
    if len(entries) < 2 or not _is_recovery_end(entries[1], read_opening(read_header(entries[0].header))):
        return None
    return Succession(entries[0].header, entries[1].header)


def _is_recovery_end(entry: Entry, opening: Opening) -> bool:
    """Whether this is the recovery key's word; a log of a new epoch may begin with the node's own about the last."""
    header = read_header(entry.header)
    return header.kind == END and header.author != opening.key


# ------------------------------------------------------------------------------------- at those that follow
@dataclass(frozen=True, slots=True)
class _Told:
    """A succession, and where the one who tells it can be reached."""

    word: str
    addresses: tuple[str, ...]

    def encode(self) -> bytes:
        return json.dumps({"succession": self.word, "addresses": list(self.addresses)}).encode()


def read_told(data: bytes) -> tuple[str, tuple[str, ...]] | None:
    """The word and addresses, if these bytes tell a succession; an invitation's answer never begins like this."""
    if not data.startswith(b'{"succession"'):
        return None
    try:
        value = json.loads(data)
        return str(value["succession"]), tuple(str(each) for each in value["addresses"][:ADDRESSES_MAX])
    except (ValueError, KeyError, TypeError):
        raise RemoteError("a succession that cannot be read") from None


async def follow_succession(town: Town, word: str, addresses: Sequence[str] = ()) -> Joined:
    """Take a succession: follow the charter's new log, or enrol a town's. Raises for one that nobody may say."""
    successor = read_succession_text(word)
    charter = town.membership.charter
    if successor.opening.territory == charter.agglomeration.territory:
        new = await town.membership.succeed(successor, word)
    elif town.config.node.kind == "agglomeration":
        new = await _enrol(town, successor)
    else:
        raise Refused(
            [Fault("", "log_continues_nothing", {"origin": str(successor.opening.origin)})],
            f"{successor.opening.origin} continues no log that this node decides about",
        )
    if new:
        log.warning(
            "the recovery key ended %s at %d: %s goes on from there",
            successor.end.last.origin,
            successor.end.last.size,
            successor.opening.origin,
        )
        await town.charter_changed()
    if addresses:
        await town.remember_peer(successor.opening.key, successor.opening.territory, addresses)
    return Joined(successor.opening.origin, "enrolled" if new else "already enrolled")


async def _enrol(town: Town, successor: Successor) -> bool:
    controls = admit_epoch(
        town.membership.charter, successor.opening, town.now(), extends=False, recovery_end=successor.end_header
    )
    if controls:
        await town.archive.append([NewControl(kind, content) for kind, content in controls])
    return bool(controls)
