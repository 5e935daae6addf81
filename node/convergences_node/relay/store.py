# SPDX-License-Identifier: AGPL-3.0-or-later
"""`relay.db`: who follows, what they were told, what is still to be told, and who is not spoken with.

Of a follower the actor's address and inbox are kept, no more. What waits to be sent is only named here (which element,
what about it): it is written when it is sent, so that nothing that was erased waits in a queue. The file may be lost;
then followers follow again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from convergences_node.relay.rows import Delivery, Follower, Host, Mark
from convergences_node.relay.settings import STORE_NAME
from convergences_node.small_files import open_kept

FOLLOWERS_MAX = 5_000
HOST_FOLLOWERS_MAX = 500
"""Of one server; more want to be told by its instance actor."""
DELIVERIES_MAX = 20_000
HOST_DELIVERIES_MAX = 2_000
SEEN_MAX = 100_000
"""Signatures remembered so that none is taken twice; only true ones are."""
MARKS_MAX = 50_000
"""Events remembered as told; what is erased of them is told too. Beyond, those longest over are forgotten."""
BLOCKED_MAX = 10_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS followers (
    actor  TEXT NOT NULL,               -- the follower's address
    target TEXT NOT NULL,               -- whom it follows: an element's id, or empty for the relay itself
    inbox  TEXT NOT NULL,               -- where it is told, that of its whole server if there is one
    host   TEXT NOT NULL,
    follow TEXT NOT NULL,               -- the id of its wish
    since  INTEGER NOT NULL,
    PRIMARY KEY (actor, target)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (      -- what was told of each event
    element TEXT PRIMARY KEY,
    mark    BLOB NOT NULL,              -- of the records that it was made of
    owner   TEXT NOT NULL,              -- in whose name
    last    INTEGER NOT NULL            -- when it is over
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY,
    host   TEXT NOT NULL,
    inbox  TEXT NOT NULL,
    verb   TEXT NOT NULL,               -- Accept, Announce, Undo, Create, Update, Delete
    step   TEXT NOT NULL,               -- a newer one of the same step takes its place
    about  TEXT NOT NULL,               -- an element; of an Accept, the follower
    owner  TEXT NOT NULL,               -- in whose name
    UNIQUE (inbox, about, step, owner)
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_by_host ON deliveries (host, number);
CREATE TABLE IF NOT EXISTS hosts (      -- those that could not be reached lately
    host     TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    due      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocked (host TEXT PRIMARY KEY, since INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (digest BLOB PRIMARY KEY, time INTEGER NOT NULL) STRICT, WITHOUT ROWID
"""


class Full(Exception):  # noqa: N818 - says what the store is
    """There are as many followers as there may be."""


class Store:
    """The file, opened; from any thread, one at a time. Its calls take a millisecond or so."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._db = open_kept(folder / STORE_NAME, SCHEMA, stays_open=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _do(self, sql: str, *values: object) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _number(self, sql: str, *values: object) -> int:
        return int(self._do(sql, *values)[0][0])

    # ------------------------------------------------------------------------------------- followers
    def follow(self, new: Follower) -> None:
        """Remember a follower; again is no harm. Raises `Full`."""
        known = self._do("SELECT 1 FROM followers WHERE actor = ? AND target = ?", new.actor, new.target)
        if not known and self._number("SELECT count(*) FROM followers") >= FOLLOWERS_MAX:
            raise Full
        if not known and self._number("SELECT count(*) FROM followers WHERE host = ?", new.host) >= HOST_FOLLOWERS_MAX:
            raise Full
        values = (new.actor, new.target, new.inbox, new.host, new.follow, new.since)
        self._do("INSERT OR REPLACE INTO followers VALUES (?, ?, ?, ?, ?, ?)", *values)

    def follower(self, actor: str, target: str) -> Follower | None:
        rows = self._do("SELECT * FROM followers WHERE actor = ? AND target = ?", actor, target)
        return Follower(*rows[0]) if rows else None

    def follows(self, actor: str) -> bool:
        """Whether this actor follows anybody here."""
        return bool(self._do("SELECT 1 FROM followers WHERE actor = ? LIMIT 1", actor))

    def unfollow(self, actor: str, target: str | None = None, follow: str | None = None) -> int:
        """Forget a follower of somebody, or by the id of its wish, or of everybody; how many wishes that were."""
        done = self._do(
            "DELETE FROM followers WHERE actor = ?1 AND (?2 IS NULL OR target = ?2) AND (?3 IS NULL OR follow = ?3)"
            " RETURNING 1",
            *(actor, target, follow),
        )
        return len(done)

    def inboxes(self, targets: Iterable[str]) -> list[tuple[str, str]]:
        """(host, inbox) of those who follow any of these, each once."""
        wanted = list(targets)
        marks = ", ".join("?" * len(wanted))
        sql = f"SELECT DISTINCT host, inbox FROM followers WHERE target IN ({marks}) ORDER BY 1, 2"  # noqa: S608 - marks
        return [(host, inbox) for host, inbox in self._do(sql, *wanted)]

    def followed(self) -> list[str]:
        """The actors of ours that somebody follows; empty stands for the relay."""
        return [target for (target,) in self._do("SELECT DISTINCT target FROM followers ORDER BY 1")]

    def followers_of(self, target: str) -> int:
        return self._number("SELECT count(*) FROM followers WHERE target = ?", target)

    def leave(self, target: str) -> None:
        """Nobody follows this actor of ours any more: it is gone."""
        self._do("DELETE FROM followers WHERE target = ?", target)

    # ------------------------------------------------------------------------------------- what was told
    def marks(self) -> dict[str, Mark]:
        return {element: Mark(mark, owner, last) for element, mark, owner, last in self._do("SELECT * FROM marks")}

    def mark(self, element: str, mark: Mark) -> None:
        self._do("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)", element, mark.mark, mark.owner, mark.last)

    def unmark(self, element: str) -> None:
        self._do("DELETE FROM marks WHERE element = ?", element)

    def trim_marks(self) -> None:
        self._do(
            "DELETE FROM marks WHERE element IN (SELECT element FROM marks ORDER BY last DESC LIMIT -1 OFFSET ?)",
            MARKS_MAX,
        )

    # ------------------------------------------------------------------------------------- what is to be told
    def queue(self, verb: str, about: str, owner: str, inboxes: Sequence[tuple[str, str]]) -> int:
        """Have something told; what was to be told of it before and was not yet is told by this. How many there were
        no room for is answered."""
        step = {"Accept": "Accept", "Announce": "Announce", "Undo": "Announce"}.get(verb, "State")
        refused, room = 0, DELIVERIES_MAX - self._number("SELECT count(*) FROM deliveries")
        for host, inbox in inboxes:
            key = (inbox, about, step, owner)
            before = self._do("SELECT verb FROM deliveries WHERE (inbox, about, step, owner) = (?, ?, ?, ?)", *key)
            if before:
                # Who was not told that it is there need not be told that it has changed.
                now = "Create" if before[0][0] == "Create" and verb == "Update" else verb
                sql = "UPDATE deliveries SET verb = ? WHERE (inbox, about, step, owner) = (?, ?, ?, ?)"
                self._do(sql, now, *key)
            elif room <= 0 or self.waiting(host) >= HOST_DELIVERIES_MAX:
                refused += 1
            else:
                room -= 1
                sql = "INSERT INTO deliveries (host, verb, inbox, about, step, owner) VALUES (?, ?, ?, ?, ?, ?)"
                self._do(sql, host, verb, *key)
        return refused

    def waiting(self, host: str | None = None) -> int:
        """How much is to be told, to one server or to all."""
        return self._number("SELECT count(*) FROM deliveries WHERE ?1 IS NULL OR host = ?1", host)

    def next(self, host: str) -> Delivery | None:
        """What this server is to be told next."""
        sql = (
            "SELECT number, host, inbox, verb, about, owner FROM deliveries WHERE host = ?"
            " ORDER BY verb <> 'Accept', number LIMIT 1"
        )
        rows = self._do(sql, host)
        return Delivery(*rows[0]) if rows else None

    def done(self, delivery: Delivery) -> None:
        """It was told, or never will be; if it means something else by now, that is still to be told."""
        self._do("DELETE FROM deliveries WHERE number = ? AND verb = ?", delivery.number, delivery.verb)

    def due(self, now: int, wait_max: int) -> list[str]:
        """The servers that may be told something now. A time too far ahead is a clock's that was set back."""
        sql = (
            "SELECT DISTINCT d.host FROM deliveries d LEFT JOIN hosts h USING (host)"
            " WHERE coalesce(h.due, 0) <= ?1 OR h.due > ?1 + ?2 ORDER BY coalesce(h.due, 0), 1"
        )
        return [host for (host,) in self._do(sql, now, wait_max)]

    # ------------------------------------------------------------------------------------- servers
    def host(self, name: str) -> Host | None:
        rows = self._do("SELECT * FROM hosts WHERE host = ?", name)
        return Host(*rows[0]) if rows else None

    def failed(self, host: Host) -> None:
        self._do("INSERT OR REPLACE INTO hosts VALUES (?, ?, ?, ?)", host.host, host.failures, host.since, host.due)

    def reached(self, host: str) -> None:
        self._do("DELETE FROM hosts WHERE host = ?", host)

    def forget_host(self, host: str) -> None:
        """Its followers, and what they were to be told."""
        for table in ("followers", "deliveries", "hosts"):
            self._do(f"DELETE FROM {table} WHERE host = ?", host)  # noqa: S608 - names of our own

    def forget_inbox(self, inbox: str) -> None:
        for table in ("followers", "deliveries"):
            self._do(f"DELETE FROM {table} WHERE inbox = ?", inbox)  # noqa: S608 - names of our own

    def block(self, host: str, now: int) -> bool:
        """No longer speak with a server; False if that is so already."""
        if self.is_blocked(host):
            return False
        self._do("INSERT OR REPLACE INTO blocked VALUES (?, ?)", host, now)
        bare = "substr(host, 1, instr(host || ':', ':') - 1)"
        for table in ("followers", "deliveries", "hosts"):
            self._do(f"DELETE FROM {table} WHERE {bare} = ?1 OR {bare} LIKE '%.' || ?1", host)  # noqa: S608 - our names
        return True

    def unblock(self, host: str) -> bool:
        return bool(self._do("DELETE FROM blocked WHERE host = ? RETURNING 1", host))

    def blocked(self) -> list[str]:
        return [host for (host,) in self._do("SELECT host FROM blocked ORDER BY host LIMIT ?", BLOCKED_MAX)]

    def is_blocked(self, host: str) -> bool:
        """Whether this server, or the domain that it is in, is not spoken with; its port does not matter."""
        parts = host.partition(":")[0].lower().split(".")
        above = [".".join(parts[at:]) for at in range(len(parts))][:20]
        marks = ", ".join("?" * len(above))
        return bool(self._do(f"SELECT 1 FROM blocked WHERE host IN ({marks}) LIMIT 1", *above))  # noqa: S608 - marks

    def by_host(self) -> list[tuple[str, int, int, int, int]]:
        """(host, followers, waiting, failures, due) of every server that we have to do with."""
        return self._do(
            "SELECT n.host, (SELECT count(*) FROM followers f WHERE f.host = n.host),"
            " (SELECT count(*) FROM deliveries d WHERE d.host = n.host), coalesce(h.failures, 0), coalesce(h.due, 0)"
            " FROM (SELECT host FROM followers UNION SELECT host FROM deliveries) n LEFT JOIN hosts h USING (host)"
            " ORDER BY 1"
        )

    # ------------------------------------------------------------------------------------- what was said already
    def is_new(self, digest: bytes, now: int, seconds: int) -> bool:
        """Whether this signature was not taken before, within the time for which any is."""
        self._do("DELETE FROM seen WHERE abs(time - ?) > ?", now, seconds)
        if self._number("SELECT count(*) FROM seen") >= SEEN_MAX:
            return False
        return bool(self._do("INSERT OR IGNORE INTO seen VALUES (?, ?) RETURNING 1", digest, now))
