# SPDX-License-Identifier: AGPL-3.0-or-later
"""Charters for the tests of who belongs: statements of an agglomeration, and what they amount to."""

from convergences_protocol import opening
from convergences_protocol.charter import Charter
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.enrolment import END, ENROL, End, Enrolment
from convergences_protocol.header import Header, read_header
from convergences_protocol.keys import SigningKey
from convergences_protocol.origin import LogIdentity
from convergences_protocol.record import author_control

from .logs import identity_of, key_of, opening_of

PLAINE, SAINT_DENIS, PIERREFITTE, STAINS = "FR-200057867", "FR-93066", "FR-93059", "FR-93072"
HOME = identity_of(PLAINE)
ROOT = bytes(32)


def control(kind: str, content: dict[str, object], author: str = PLAINE) -> Header:
    return read_header(author_control(key_of(author), kind, content, 1000))


def enrol(log: LogIdentity, nonce: bytes | None = None, author: str = PLAINE) -> Header:
    return control(ENROL, Enrolment(log.origin, log.key, log.recovery_key, 1000, nonce).content(), author)


def end(origin: str, size: int, successor: str | None = None, author: str = PLAINE, key: bytes | None = None) -> Header:
    return control(END, End(Checkpoint(origin, size, ROOT), successor, "why", key).content(), author)


def opens(log: LogIdentity, key: SigningKey, previous: Checkpoint | None = None) -> Header:
    return read_header(opening.author_opening(opening_of(log, previous), key, 1000))


def charter_of(*statements: Header) -> Charter:
    """The charter after the pinned log's opening and these statements."""
    first = opens(HOME, key_of(PLAINE))
    return Charter.fold(HOME, ((HOME.origin, index, header) for index, header in enumerate([first, *statements])))


NEXT = identity_of(PLAINE, 2, PLAINE)
HEAD = Checkpoint(HOME.origin, 2, ROOT)


def renewed(charter: Charter, *statements: Header, previous: Checkpoint = HEAD) -> Charter:
    """The agglomeration has opened another epoch under its keys, in which these statements stand."""
    for index, header in enumerate([opens(NEXT, key_of(PLAINE), previous), *statements]):
        charter.apply(NEXT.origin, index, header)
    return charter
