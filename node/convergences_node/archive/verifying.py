# SPDX-License-Identifier: AGPL-3.0-or-later
"""Verify a whole archive, offline, from its files alone: every leaf, root, head, body and signature.

Nothing is believed: what the tables say is worked out again from the headers, and compared. The archive is opened
read-only, so a running node may be verified too. Every fault is a code and its values; the sentence is for those who
show it. What is not a fault: a body that is wanted, or erased, or a record marked unreadable that is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convergences_protocol import checkpoint, fork
from convergences_protocol.errors import ConvergencesError, LocalError, RemoteError

from convergences_node.checkers import checking

from .connection import ARCHIVE_NAME, open_reader
from .guard import GUARD_NAME, Guard, GuardTorn
from .keys import Keyring
from .migrations import check_current
from .model import Finding, LogState
from .older import path_to_read
from .reader import ArchiveReader
from .revealed import Revealed
from .verifying_log import LogVerifier

FAULTS_MAX = 1_000
"""Faults described in one report; the rest is counted."""

STRUCTURE_FAULTS_MAX = 20
"""Lines asked of SQLite about its own pages: the first few say enough."""

COUNTS = ("logs", "entries", "bodies", "wanted", "erased", "unreadable")

Tell = Callable[[dict[str, Any]], None]
"""Told `{"what": "verify", "done": leaves, "total": leaves, "origin": …}`, about a thousand leaves apart."""


@dataclass(slots=True)
class Report:
    """What was verified, and what was found wrong. `sound` if nothing was."""

    logs: int = 0
    entries: int = 0
    bodies: int = 0
    wanted: int = 0
    erased: int = 0
    unreadable: int = 0
    fault_count: int = 0
    faults: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return self.fault_count == 0

    def to_json(self) -> dict[str, Any]:
        """The report in plain values."""
        counts = {name: getattr(self, name) for name in COUNTS}
        faults = [{"code": fault.code, **fault.params} for fault in self.faults]
        return {"sound": self.sound, **counts, "fault_count": self.fault_count, "faults": faults}

    def add(self, code: str, **params: object) -> None:
        """Note a fault; past the bound it is only counted."""
        self.fault_count += 1
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(Finding(code, params))


def verify_archive(folder: Path, tell: Tell = lambda event: None) -> dict[str, Any]:
    """Verify a node's folder; the answer is plain JSON: `sound`, the counts, and `faults` as codes and values."""
    return verify_folder(folder, tell).to_json()


def verify_folder(folder: Path, tell: Tell = lambda event: None) -> Report:
    """Verify the archive, the guard and the keys in `folder`. Raises `LocalError` if there is no archive to open."""
    report = Report()
    try:
        with closing(open_reader(path_to_read(folder))) as connection:
            check_current(connection)
            connection.execute("BEGIN")
            _verify_structure(connection, report)
            _verify_logs(ArchiveReader(connection, Revealed()), connection, report, tell)
            _verify_own(ArchiveReader(connection, Revealed()), folder, report)
    except sqlite3.DatabaseError as error:
        report.add("verify.unreadable_file", file=ARCHIVE_NAME, reason=str(error))
    return report


def _verify_structure(connection: sqlite3.Connection, report: Report) -> None:
    """Whether the file's pages and indexes hold together, as SQLite sees it."""
    for (line,) in connection.execute(f"PRAGMA integrity_check({STRUCTURE_FAULTS_MAX})"):
        if line != "ok":
            report.add("verify.structure", file=ARCHIVE_NAME, reason=line)


def _verify_logs(reader: ArchiveReader, connection: sqlite3.Connection, report: Report, tell: Tell) -> None:
    states = reader.logs()
    total = sum(state.size for state in states)
    done = 0
    with checking(total) as signatures:
        for state in states:
            report.logs += 1
            verifier = LogVerifier(reader, connection, state, signatures, report)
            for count in _until_damaged(verifier, state, report):
                done += count
                tell({"what": "verify", "done": done, "total": total, "origin": state.origin})
            _verify_forks(reader, state, report)
    bodies, held = connection.execute(
        "SELECT (SELECT count(*) FROM bodies), (SELECT count(*) FROM entries WHERE slot IN (1, 4))"
    ).fetchone()
    if bodies != held:
        report.add("verify.bodies_count", bodies=bodies, slots=held)


def _until_damaged(verifier: LogVerifier, state: LogState, report: Report) -> Iterator[int]:
    """Verify one log; a damaged page ends it, and not the verifying of the others."""
    try:
        yield from verifier.run()
    except (sqlite3.DatabaseError, ConvergencesError, LookupError, ValueError) as error:
        report.add("verify.log_unreadable", origin=state.origin, reason=str(error))


def _verify_forks(reader: ArchiveReader, state: LogState, report: Report) -> None:
    for row in reader.forks(state.origin):
        try:
            fork.verify(fork.decode(row.proof), state.origin, state.key)
        except RemoteError as error:
            report.add("verify.fork_proof", origin=state.origin, reason=str(error))


def _verify_own(reader: ArchiveReader, folder: Path, report: Report) -> None:
    """The guard and the keys, against the log that is written in."""
    try:
        own = reader.own_log()
    except LocalError:
        return
    try:
        if Keyring.open(folder).node.public != own.key:
            report.add("verify.key_of_another_log", origin=own.origin)
    except LocalError as error:
        report.add("verify.keys", reason=str(error))
    try:
        guarded = Guard(folder, None).read()
        if guarded is None:
            report.add("verify.guard_missing", file=GUARD_NAME)
            return
        head = checkpoint.verify(guarded.note, own.origin, own.key)
        if head.size > own.size or reader.root_at(own.origin, head.size) != head.root:
            report.add("verify.guard_not_extended", origin=own.origin, guard_size=head.size, size=own.size)
    except (GuardTorn, RemoteError) as error:
        report.add("verify.guard", file=GUARD_NAME, reason=str(error))
