# SPDX-License-Identifier: AGPL-3.0-or-later
"""Logging in and out, awaited from asyncio.

A session's id is 32 random bytes that only the browser has; the file keeps its digest (OWASP ASVS 5.0, V7). A session
ends after twelve hours without use and after a week in any case, by the node's clock: when the clock of a Pi jumps to
the right time, one logs in again. In use, a session is written down once in ten minutes, not at each click.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from convergences_protocol.errors import Fault, Refused

from convergences_node.accounts.passkeys import Passkeys, Site
from convergences_node.accounts.passwords import Passwords, check_password
from convergences_node.accounts.store import Store
from convergences_node.accounts.unkept import SessionRow

NAME_CHARS_MAX = 60
IDLE_SECONDS_MAX = 12 * 3_600
SESSION_SECONDS_MAX = 7 * 86_400
SEEN_EVERY_S = 600
SESSIONS_MAX = 20
"""One person has a few browsers."""
AGENT_CHARS_MAX = 120
ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in."""

    digest: bytes
    operator: int
    name: str
    token: str
    """Repeated by every form: what another site cannot know."""
    began_at: int
    seen_at: int
    agent: str


class Accounts:
    """The operators of one node."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self._store = Store(folder)
        self._clock = clock
        self.passwords = Passwords()
        self.passkeys = Passkeys(self._store, clock)

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def _now(self) -> int:
        return int(self._clock())

    # ------------------------------------------------------------------------------------- operators
    async def operators(self) -> list[str]:
        """Their names."""
        return await asyncio.to_thread(self._store.operators)

    async def set_password(self, name: str, password: str) -> None:
        """A new operator, or a new password, after which every session of that operator has ended."""
        check_name(name)
        check_password(password, name)
        await self.set_hash(name, await self.passwords.hash(password))

    async def set_hash(self, name: str, kept: str) -> None:
        """The same, of a password that was checked and hashed before."""
        await asyncio.to_thread(self._store.set_password, name, kept, self._now())

    async def reset_password(self, name: str, password: str) -> None:
        """The same, from the device itself: whatever opened the operator's page before opens it no more."""
        await self.set_password(name, password)
        await asyncio.to_thread(self._store.remove_passkeys, name)

    async def change_password(self, session: Session, old: str, new: str) -> bool:
        """Whether the old password was right, and is now the new one. Every session has ended then."""
        check_password(new, session.name)
        known = await asyncio.to_thread(self._store.password, session.name)
        if not await self.passwords.is_right(known[1] if known else None, old):
            return False
        await self.set_hash(session.name, await self.passwords.hash(new))
        return True

    # ------------------------------------------------------------------------------------- sessions
    async def log_in(self, name: str, password: str, agent: str) -> str | None:
        """The id of a new session, for the cookie; None if the name or the password is wrong."""
        known = await asyncio.to_thread(self._store.password, name[:NAME_CHARS_MAX])
        if not await self.passwords.is_right(known[1] if known else None, password):
            return None
        return await self.begin(name, agent)

    async def log_in_by_passkey(self, site: Site, answer: str, agent: str) -> str | None:
        """The same, for whoever a passkey of the node has signed."""
        owner = await self.passkeys.owner(site, answer)
        return None if owner is None else await self.begin(owner, agent)

    async def begin(self, name: str, agent: str) -> str:
        """A session for an operator who has proved it otherwise."""
        known = await asyncio.to_thread(self._store.password, name[:NAME_CHARS_MAX])
        assert known is not None, "the operator was just found"
        chosen, token = secrets.token_urlsafe(ID_BYTES), secrets.token_urlsafe(ID_BYTES)
        # What is no text comes as surrogates, which no database takes.
        shown = agent[:AGENT_CHARS_MAX].encode(errors="replace").decode()
        await asyncio.to_thread(
            self._store.add_session, _digest(chosen), known[0], token, self._now(), shown, SESSIONS_MAX
        )
        return chosen

    async def session(self, chosen: str) -> Session | None:
        """The session of a cookie, if it is one and has not ended."""
        row = await asyncio.to_thread(self._store.session, _digest(chosen))
        if row is None:
            return None
        session, now = _session(row), self._now()
        if not self._goes_on(session, now):
            await asyncio.to_thread(self._store.end, session.digest)
            return None
        if abs(now - session.seen_at) >= SEEN_EVERY_S:
            await asyncio.to_thread(self._store.saw, session.digest, now)
        return session

    def _goes_on(self, session: Session, now: int) -> bool:
        # A clock that was set back, as on a Pi that lost its time, ends nothing: no time has passed.
        return now - session.seen_at < IDLE_SECONDS_MAX and now - session.began_at < SESSION_SECONDS_MAX

    async def sessions(self, session: Session) -> list[Session]:
        """Everywhere that this operator is logged in, the latest first."""
        rows = await asyncio.to_thread(self._store.sessions, session.operator)
        return [each for each in map(_session, rows) if self._goes_on(each, self._now())]

    async def log_out(self, session: Session) -> None:
        """End this session."""
        await asyncio.to_thread(self._store.end, session.digest)

    async def log_out_others(self, session: Session) -> int:
        """End every other session of this operator; how many there were."""
        return await asyncio.to_thread(self._store.end_others, session.operator, session.digest)

    # ------------------------------------------------------------------------------------- notes
    async def note(self, name: str) -> str | None:
        """What the node noted under a name."""
        return await asyncio.to_thread(self._store.note, name)

    async def set_note(self, name: str, value: str | None) -> None:
        """Note it, or forget it."""
        await asyncio.to_thread(self._store.set_note, name, value)


def check_name(name: str) -> None:
    """Refused if this is no name to log in with."""
    if not name.strip() or name != name.strip() or len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise Refused([Fault("name", "operator_name", {"chars_max": NAME_CHARS_MAX})])


def _digest(chosen: str) -> bytes:
    return sha256(chosen.encode(errors="surrogateescape")).digest()  # a cookie may be any bytes


def _session(row: SessionRow) -> Session:
    digest, operator, name, token, began_at, seen_at, agent = row
    return Session(bytes(digest), operator, name, token, began_at, seen_at, agent)
