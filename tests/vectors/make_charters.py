# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes the golden vectors of who belongs: `python -m tests.vectors.make_charters` (`--check` only compares).

Control records, charters, invitations and their answers, recovery sheets and successions, and the days of an erasure.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from hashlib import sha256
from typing import Any

from convergences_protocol import erasure, invitation, opening, recovery
from convergences_protocol.charter import Charter
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.element import ElementId
from convergences_protocol.enrolment import END, ENROL, End, Enrolment
from convergences_protocol.erasure import Erasure, Heard
from convergences_protocol.errors import Refused
from convergences_protocol.header import read_header
from convergences_protocol.keys import SigningKey
from convergences_protocol.opening import Opening
from convergences_protocol.origin import LogIdentity, Origin
from convergences_protocol.record import author_control

from tests.vectors import writing
from tests.vectors.writing import Vector

Log = list[tuple[str, bytes]]
"""Headers and the origin of the log in which each stands."""

TIME = 1_780_000_000
ROOT = sha256(b"a root").digest()
PLAINE, SAINT_DENIS, PIERREFITTE = "FR-200057867", "FR-93066", "FR-93059"


def key_of(name: str) -> SigningKey:
    """Seeds are SHA-256 of a name."""
    return SigningKey.from_seed(sha256(name.encode()).digest())


def log_of(territory: str, epoch: int = 0, keys: str | None = None) -> LogIdentity:
    origin = Origin(territory, epoch.to_bytes(8, "big"))
    name = keys or territory
    return LogIdentity(str(origin), key_of(name).public, key_of(f"{name} recovery").public)


HOME, LARGE, SMALL = log_of(PLAINE), log_of(SAINT_DENIS), log_of(PIERREFITTE)
NEXT, CLONE, OURS = log_of(PLAINE, 2, PLAINE), log_of(PLAINE, 3, PLAINE), log_of(PLAINE, 4, "a new key")
HEAD = Checkpoint(HOME.origin, 2, ROOT)
ELEMENT = ElementId.new(SAINT_DENIS, 1_780_000_000_000, bytes(range(10)))


def opens(log: LogIdentity, keys: str, previous: Checkpoint | None = None, name: str = "Plaine Commune") -> bytes:
    return opening.author_opening(Opening(log.origin, log.key, log.recovery_key, name, previous), key_of(keys), TIME)


def enrol(log: LogIdentity, nonce: bytes | None = None, author: str = PLAINE) -> bytes:
    enrolment = Enrolment(log.origin, log.key, log.recovery_key, TIME, nonce)
    return author_control(key_of(author), ENROL, enrolment.content(), TIME)


def end(origin: str, size: int, successor: str | None = None, author: str = PLAINE, key: bytes | None = None) -> bytes:
    ended = End(Checkpoint(origin, size, ROOT), successor, "exemple", key)
    return author_control(key_of(author), END, ended.content(), TIME)


def control_records() -> list[Vector]:
    whole = opening.author_opening(Opening(NEXT.origin, NEXT.key, NEXT.recovery_key, "Plaine", HEAD), key_of(PLAINE), 1)
    good = {
        "opening": opens(HOME, PLAINE),
        "opening that continues a log": whole,
        "enrol": enrol(LARGE),
        "enrol by invitation": enrol(LARGE, sha256(b"nonce").digest()),
        "end without successor": end(LARGE.origin, 7),
        "end with successor": end(SMALL.origin, 7, LARGE.origin),
        "end signed by the recovery key": end(HOME.origin, 2, OURS.origin, f"{PLAINE} recovery", OURS.key),
        "erasure of an element": _control("erasure", Erasure("demande", element=ELEMENT).content()),
        "erasure of records": _control(
            "erasure",
            Erasure("demande", origin=LARGE.origin, ranges=((3, 5),), digests=(sha256(b"h").digest(),)).content(),
        ),
        "enrol with a member of a later version": _control("enrol", _content(enrol(LARGE)) | {"later": 1}),
    }
    bad = {
        "opening signed by another key": _control("log", _content(opens(HOME, PLAINE)), "another"),
        "opening that continues another territory": _changed(whole, previous=[LARGE.origin, 2, ROOT]),
        "opening with an epoch of 7 bytes": _changed(whole, epoch=bytes(7)),
        "opening without a recovery key": _changed(whole, recovery=None),
        "enrol of another territory than its origin's": _changed(enrol(LARGE), territory=PIERREFITTE),
        "enrol with a key of 31 bytes": _changed(enrol(LARGE), key=bytes(31)),
        "enrol since before 1970": _changed(enrol(LARGE), since=-1),
        "end that is its own successor": end(LARGE.origin, 7, LARGE.origin),
        "end without a root": _changed(end(LARGE.origin, 7), last=[LARGE.origin, 7]),
        "end at a size beyond 63 bits": _changed(end(LARGE.origin, 7), last=[LARGE.origin, 2**63, ROOT]),
        "end without a reason": _changed(end(LARGE.origin, 7), why=""),
        "erasure that names nothing": _control("erasure", {"reason": "demande"}),
        "erasure of an element and of records": _control(
            "erasure", {"reason": "d", "element": ELEMENT.to_cbor(), "origin": LARGE.origin, "ranges": [[0, 1]]}
        ),
        "erasure of an empty range": _control("erasure", {"reason": "d", "origin": LARGE.origin, "ranges": [[1, 1]]}),
    }
    return [{"name": name, "valid": True, "header": header.hex()} for name, header in good.items()] + [
        {"name": name, "valid": False, "header": header.hex()} for name, header in bad.items()
    ]


def _control(kind: str, content: dict[str, object], author: str = PLAINE) -> bytes:
    return author_control(key_of(author), kind, content, TIME)


def _content(header: bytes) -> dict[str, object]:
    return dict(read_header(header).content or {})  # type: ignore[arg-type]


def _changed(header: bytes, **members: object) -> bytes:
    """The same control record with other members; None takes one away."""
    content = {name: value for name, value in (_content(header) | members).items() if value is not None}
    return _control(read_header(header).kind, content)


def charters() -> list[Vector]:
    """Logs as they were read, and what the charter then says."""
    home = [(HOME.origin, opens(HOME, PLAINE))]

    def at_home(*headers: bytes) -> Log:
        return home + [(HOME.origin, header) for header in headers]

    def then(log: LogIdentity, keys: str, *headers: bytes) -> Log:
        return [(log.origin, header) for header in (opens(log, keys, HEAD), *headers)]

    second = log_of(SAINT_DENIS, 2, SAINT_DENIS)
    told: dict[str, Log] = {
        "nobody is enrolled": home,
        "two towns": at_home(enrol(LARGE), enrol(SMALL)),
        "a town left": at_home(enrol(LARGE), end(LARGE.origin, 7)),
        "a new epoch": at_home(enrol(LARGE), end(LARGE.origin, 7, second.origin), enrol(second)),
        "a merge": at_home(enrol(SMALL), enrol(LARGE), end(SMALL.origin, 12, LARGE.origin)),
        "a merge, then a new epoch": at_home(enrol(SMALL), enrol(LARGE), end(SMALL.origin, 12, LARGE.origin))
        + at_home(end(LARGE.origin, 40, second.origin), enrol(second))[1:],
        "a rival": at_home(enrol(LARGE), enrol(log_of(SAINT_DENIS, 9, "a rival"))),
        "a corrected end": at_home(enrol(LARGE), end(LARGE.origin, 7), end(LARGE.origin, 9)),
        "another key for the same log": at_home(enrol(LARGE), enrol(replace(LARGE, key=key_of("thief").public))),
        "the agglomeration's new epoch": at_home(enrol(LARGE)) + then(NEXT, PLAINE, enrol(SMALL)),
        "the agglomeration restored": at_home(enrol(LARGE), enrol(SMALL))
        + then(NEXT, PLAINE, end(HOME.origin, 2, NEXT.origin)),
        "the agglomeration cloned": at_home(enrol(LARGE)) + then(NEXT, PLAINE, enrol(SMALL)) + then(CLONE, PLAINE),
        "a stranger's epoch": at_home(enrol(LARGE)) + then(log_of(PLAINE, 5, "stranger"), "stranger", enrol(SMALL)),
    }
    vectors = [_charter(name, log, None) for name, log in told.items()]
    recovered = recovery.Succession(
        opens(OURS, "a new key", HEAD), end(HOME.origin, 2, OURS.origin, f"{PLAINE} recovery", OURS.key)
    )
    thief = replace(log_of(PLAINE, 6, "thief"), recovery_key=HOME.recovery_key)
    stolen = at_home(enrol(LARGE), end(LARGE.origin, 0), enrol(thief), end(HOME.origin, 3, thief.origin))
    vectors.append(_charter("the recovery key after a theft", stolen + then(thief, "thief"), recovered))
    cloned = told["the agglomeration cloned"]
    return [*vectors, _charter("the recovery key after a clone", cloned, recovered)]


def _charter(name: str, log: Log, succession: recovery.Succession | None) -> Vector:
    charter = Charter(HOME)
    places: dict[str, int] = {}
    for origin, header in log:
        charter.apply(origin, places.get(origin, 0), read_header(header))
        places[origin] = places.get(origin, 0) + 1
    if succession:
        charter.consider(read_header(succession.opening), read_header(succession.end))
    return {
        "name": name,
        "pinned": {"origin": HOME.origin, "key": HOME.key.hex(), "recovery": HOME.recovery_key.hex()},
        "records": [{"origin": origin, "header": header.hex()} for origin, header in log],
        "succession": succession.encode().hex() if succession else None,
        "agglomeration": charter.agglomeration.origin,
        "counts": {territory: charter.counts(territory) for territory in charter.territories()},
        "allowed_keys": sorted(key.hex() for key in charter.allowed_keys()),
        "disputed": charter.disputed(),
    }


def invitations() -> list[Vector]:
    invited = invitation.Invitation(
        SAINT_DENIS, HOME, "Plaine Commune", ("https://plaine.example", "/ip4/192.0.2.1/tcp/4001"), TIME, bytes(16)
    )
    text = invitation.write_invitation(invited, key_of(PLAINE))
    first = opens(LARGE, SAINT_DENIS, name="Saint-Denis")
    answer = invitation.write_answer(text, first, key_of(SAINT_DENIS), ("http://192.0.2.7:8080",))
    copied = invitation.write_answer(text, first, key_of("another"))
    good = {
        "invitation": text,
        "answer": answer.hex(),
        "territory": SAINT_DENIS,
        "origin": HOME.origin,
        "key": HOME.key.hex(),
        "recovery": HOME.recovery_key.hex(),
        "name": invited.name,
        "addresses": list(invited.addresses),
        "expires": TIME,
        "nonce_digest": invited.nonce_digest.hex(),
        "opening": first.hex(),
        "answer_addresses": ["http://192.0.2.7:8080"],
    }
    flipped = text[:60] + ("a" if text[60] != "a" else "b") + text[61:]
    bad = [
        {"name": "a letter changed", "invitation": flipped},
        {"name": "cut", "invitation": text[:-4]},
        {"name": "no prefix", "invitation": text[5:]},
        {"name": "answer signed by another key than the log's", "answer": copied.hex()},
        {"name": "answer cut", "answer": answer[:-1].hex()},
    ]
    spaced = "\n".join(text[at : at + 64].upper() for at in range(0, len(text), 64))
    return [
        {"name": "invitation and answer", "valid": True, **good},
        {"name": "in capitals, on several lines", "valid": True, **good, "invitation": spaced},
        *({"valid": False, **vector} for vector in bad),
    ]


def sheets() -> list[Vector]:
    vectors: list[Vector] = []
    for seed in (bytes(32), bytes(range(32)), b"\xff" * 32):
        lines = recovery.write_sheet(seed)
        public = SigningKey.from_seed(seed).public.hex()
        vectors.append({"valid": True, "seed": seed.hex(), "public": public, "lines": lines})
    lines = recovery.write_sheet(bytes(range(32)))
    wrong = ["Z" + lines[1][1:], lines[3][:-1] + ("0" if lines[3][-1] != "0" else "1")]
    for typed in (
        [lines[0], wrong[0], lines[2], lines[3]],
        [lines[0], wrong[0], lines[2], wrong[1]],
        [lines[1], lines[0], lines[2], lines[3]],
        lines[:3],
    ):
        try:
            recovery.read_sheet("\n".join(typed))
        except Refused as refused:
            faults = [fault.params.get("line") for fault in refused.faults]
            vectors.append({"valid": False, "lines": typed, "wrong_lines": [line for line in faults if line]})
    return vectors


def erasure_days() -> list[Vector]:
    """Erasures of one log, heard one a second from 0 on; the state is that of all of them."""
    day = erasure.DAY_SECONDS
    cases: dict[str, tuple[int, dict[str, Any], int]] = {
        "hidden at once": (1, {}, 0),
        "dropped after seven days": (1, {}, 7 * day),
        "a second before": (1, {}, 7 * day - 1),
        "dropped at once by the operator": (1, {"at_once": True}, 0),
        "a hundred in a day": (100, {}, 200),
        "a hundred and one in a day": (101, {}, 200),
        "a hundred and one wait for ever": (101, {}, 700 * day),
        "released by a person": (101, {"released": True}, 200),
        "one record that names a thousand": (1, {"weight": 1000}, 0),
        "nothing of it is here": (101, {"weight": 0}, 200),
    }
    vectors: list[Vector] = []
    for name, (count, words, now) in cases.items():
        words = {"weight": 1, "released": False, "at_once": False} | words
        heard = [Heard(LARGE.origin, index, index, **words) for index in range(count)]
        (state,) = set(erasure.states(heard, now).values())
        vectors.append({"name": name, "count": count, **words, "now": now, "state": state.value})
    return vectors


def files() -> dict[str, list[Vector]]:
    """Every file's content, by name."""
    return {
        "control-records.json": control_records(),
        "charters.json": charters(),
        "invitations.json": invitations(),
        "recovery-sheets.json": sheets(),
        "erasure-days.json": erasure_days(),
    }


if __name__ == "__main__":
    sys.exit(writing.main("logs", files()))
