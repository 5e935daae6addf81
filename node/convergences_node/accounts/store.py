# SPDX-License-Identifier: AGPL-3.0-or-later
"""`private.db`, opened: plain SQL, one function a question. Used from any thread, one at a time."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

from convergences_node.accounts.migrations import PRIVATE_NAME, migrate
from convergences_node.accounts.unkept import SessionRow, Unkept, writing
from convergences_node.faults import NotNow
from convergences_node.read_only import copy_in_memory, refusal, why_read_only

PasskeyRow = tuple[bytes, str, str, int, int | None]
"""id, name, host, made_at, used_at"""

_SESSIONS = """SELECT digest, operator, name, token, began_at, seen_at, agent
    FROM sessions JOIN operators USING (operator)"""


class Store:
    """The file. A call returns when what it wrote would survive a pulled plug.

    On a card that takes no write it is read into memory: an operator may log in, and is a stranger again after a start.
    So it is with one that refuses for now (`unkept.py`); whatever else it refuses raises `NotNow`.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / PRIVATE_NAME
        self._lock = threading.Lock()
        self._unkept = Unkept()
        self._read_only = why_read_only(folder)
        if self._read_only is not None:
            self._database = copy_in_memory(path)
        else:
            path.touch(mode=0o600, exist_ok=True)
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "foreign_keys = ON"):
            self._database.execute(f"PRAGMA {pragma}")
        migrate(self._database)

    def close(self) -> None:
        """Fold the write-ahead log into the file, and close it."""
        with self._lock:
            self._database.close()

    def _do(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock:
            return self._database.execute(sql, values).fetchall()

    def _write(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with writing():
            return self._do(sql, *values)

    # ------------------------------------------------------------------------------------- operators
    def operators(self) -> list[str]:
        """Their names."""
        return [str(name) for (name,) in self._do("SELECT name FROM operators ORDER BY operator")]

    def password(self, name: str) -> tuple[int, str] | None:
        """An operator's number and what is kept of the password."""
        for operator, password in self._do("SELECT operator, password FROM operators WHERE name = ?", name):
            return int(str(operator)), str(password)
        return None

    def set_password(self, name: str, password: str, now: int) -> None:
        """A new operator, or a new password of one: every session of that operator ends."""
        if self._read_only is not None:
            raise refusal(self._read_only)  # the old password would be back after a start
        with writing(), self._lock, self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(
                "INSERT INTO operators (name, password, changed_at) VALUES (?1, ?2, ?3)"
                " ON CONFLICT (name) DO UPDATE SET password = ?2, changed_at = ?3",
                (name, password, now),
            )
            self._database.execute(
                "DELETE FROM sessions WHERE operator = (SELECT operator FROM operators WHERE name = ?)", (name,)
            )

    # ------------------------------------------------------------------------------------- sessions
    def add_session(self, digest: bytes, operator: int, token: str, now: int, agent: str, most: int) -> None:
        """Somebody logged in; of too many sessions the oldest end."""
        try:
            self._add_session(digest, operator, token, now, agent, most)
        except NotNow:
            for name, password in self._do("SELECT name, password FROM operators WHERE operator = ?", operator):
                self._unkept.begin((digest, operator, str(name), token, now, now, agent), str(password), most)

    def _add_session(self, digest: bytes, operator: int, token: str, now: int, agent: str, most: int) -> None:
        with writing(), self._lock, self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)", (digest, operator, token, now, now, agent)
            )
            self._database.execute(
                # By a clock that has fallen back, this one may be older than all that there are; it is not to end here.
                "DELETE FROM sessions WHERE digest NOT IN"
                " (SELECT digest FROM sessions ORDER BY digest = ? DESC, abs(began_at - ?) LIMIT ?)",
                (digest, now, most),
            )

    def session(self, digest: bytes) -> SessionRow | None:
        """A session, by what is kept of its cookie."""
        if digest in self._unkept.ended:
            return None
        for row in self._do(f"{_SESSIONS} WHERE digest = ?", digest):
            return row  # type: ignore[return-value]
        return next((row for row in self._begun() if row[0] == digest), None)

    def sessions(self, operator: int) -> list[SessionRow]:
        """Those of one operator, the latest first."""
        rows = [*self._do(f"{_SESSIONS} WHERE operator = ?", operator), *self._begun()]
        found: list[SessionRow] = [row for row in rows if row[1] == operator]  # type: ignore[misc]
        found = [row for row in found if row[0] not in self._unkept.ended]
        return sorted(found, key=lambda row: row[4], reverse=True)

    def _begun(self) -> list[SessionRow]:
        """The sessions that the card did not take, and that go on."""
        begun = self._unkept.begun
        if not begun:
            return []
        passwords = set(self._do("SELECT operator, password FROM operators"))
        return [row for row, password in [*begun.values()] if (row[1], password) in passwords]

    def saw(self, digest: bytes, now: int) -> None:
        """A session is still in use."""
        self._unkept.saw(digest, now)
        with suppress(NotNow):  # it is in use all the same
            self._write("UPDATE sessions SET seen_at = ? WHERE digest = ?", now, digest)

    def end(self, digest: bytes) -> None:
        """Log out."""
        self._unkept.begun.pop(digest, None)
        try:
            self._write("DELETE FROM sessions WHERE digest = ?", digest)
        except NotNow:
            self._unkept.ended.add(digest)

    def end_others(self, operator: int, kept: bytes) -> int:
        """Log out everywhere else."""
        others = [row[0] for row in self.sessions(operator) if row[0] != kept]
        for digest in others:
            self.end(digest)
        return len(others)

    # ------------------------------------------------------------------------------------- passkeys
    def add_passkey(self, operator: int, id: bytes, key: bytes, count: int, name: str, host: str, now: int) -> None:
        """A passkey that was made; one that is known already is the same."""
        if self._read_only is not None:
            raise refusal(self._read_only)  # it would open nothing after a start
        self._write(
            "INSERT INTO passkeys (id, operator, key, count, name, host, made_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO NOTHING",
            *(id, operator, key, count, name, host, now),
        )

    def passkeys(self, operator: int) -> list[PasskeyRow]:
        """Those of one operator, the latest first."""
        sql = "SELECT id, name, host, made_at, used_at FROM passkeys WHERE operator = ? ORDER BY made_at DESC, id"
        return self._do(sql, operator)  # type: ignore[return-value]

    def passkey(self, id: bytes) -> tuple[str, bytes, int] | None:
        """Whose it is, its public key and its counter."""
        rows = self._do(
            "SELECT operators.name, key, count FROM passkeys JOIN operators USING (operator) WHERE id = ?", id
        )
        return rows[0] if rows else None  # type: ignore[return-value]

    def has_passkey(self, host: str) -> bool:
        """Whether any was made at that host name."""
        return bool(self._do("SELECT 1 FROM passkeys WHERE host = ? LIMIT 1", host))

    def used_passkey(self, id: bytes, count: int, now: int) -> None:
        """It has opened the operator's page."""
        with suppress(NotNow):  # it was checked
            self._write("UPDATE passkeys SET count = ?, used_at = ? WHERE id = ?", count, now, id)

    def remove_passkey(self, operator: int, id: bytes) -> bool:
        """Whether the operator had it, and has it no more."""
        if self._read_only is not None:
            raise refusal(self._read_only)
        return bool(self._write("DELETE FROM passkeys WHERE operator = ? AND id = ? RETURNING 1", operator, id))

    def remove_passkeys(self, name: str) -> None:
        """All those of an operator."""
        self._write("DELETE FROM passkeys WHERE operator = (SELECT operator FROM operators WHERE name = ?)", name)

    # ------------------------------------------------------------------------------------- notes
    def note(self, name: str) -> str | None:
        """What was noted under a name."""
        rows = self._do("SELECT value FROM notes WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def set_note(self, name: str, value: str | None) -> None:
        """Note it; nothing forgets it."""
        if value is None:
            self._write("DELETE FROM notes WHERE name = ?", name)
        else:
            self._write("INSERT INTO notes VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2", name, value)
