# SPDX-License-Identifier: AGPL-3.0-or-later
"""Passwords: what is accepted as one, and how it is kept (Argon2id, RFC 9106).

19 MiB and two passes are OWASP's first choice, and about what a Pi can spend on a person who waits; one at a time, so
that a crowd of guesses takes no more memory than one. The work is done in a thread: pages do not wait for it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from convergences_protocol.errors import Fault, Refused

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MEMORY_KIB = 19 * 1024
PASSES = 2
PASSWORD_CHARS_MIN = 12
"""Length is what counts (NIST SP 800-63B §3.1.1.2); four common words are longer."""
PASSWORD_CHARS_MAX = 200
"""A sentence; what is longer is no password but work for us."""
_COMMON = frozenset({"motdepasse", "password", "azertyuiop", "qwertyuiop", "convergences", "administrateur"})
"""What is tried first; a password that is one of these and digits is refused."""


def check_password(password: str, name: str) -> None:
    """Refused, with the reason, if this should not be anybody's password."""
    plain = password.casefold().strip(" 0123456789!.-_?").replace(" ", "")
    if len(password) < PASSWORD_CHARS_MIN:
        raise Refused([Fault("password", "password_short", {"chars_min": PASSWORD_CHARS_MIN})])
    if len(password) > PASSWORD_CHARS_MAX:
        raise Refused([Fault("password", "password_long", {"chars_max": PASSWORD_CHARS_MAX})])
    if plain in _COMMON or plain == name.casefold() or len(set(password)) < 4:
        raise Refused([Fault("password", "password_common", {})])


class Passwords:
    """Hashes and compares, one at a time."""

    def __init__(self) -> None:
        self._one = asyncio.Semaphore(1)
        self._hasher: PasswordHasher | None = None
        self._nobody: str | None = None

    def _made(self) -> PasswordHasher:
        from argon2 import PasswordHasher

        if self._hasher is None:
            self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
        return self._hasher

    async def hash(self, password: str) -> str:
        """The PHC string to keep."""
        async with self._one:
            return await asyncio.to_thread(self._made().hash, password)

    async def is_right(self, kept: str | None, password: str) -> bool:
        """Whether this is the password; `None`, no such account, takes as long."""
        async with self._one:
            return await asyncio.to_thread(self._compare, kept, password[: PASSWORD_CHARS_MAX + 1])

    def _compare(self, kept: str | None, password: str) -> bool:
        from argon2.exceptions import Argon2Error, InvalidHashError

        hasher = self._made()
        if self._nobody is None:
            self._nobody = hasher.hash("nobody")
        try:
            return hasher.verify(kept or self._nobody, password) and kept is not None
        except (Argon2Error, InvalidHashError):
            return False
