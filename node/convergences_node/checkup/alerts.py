# SPDX-License-Identifier: AGPL-3.0-or-later
"""Letters to the operator: when something needs a person now, once, and when it is well again.

Only what is grave is written, and only when two looks in a row, a quarter of an hour apart, agree: a router that
restarts wakes nobody. What was told stays noted in `private.db`, so that a restart says nothing twice. A letter that
cannot be sent is tried at the next look, and the operator's page says so meanwhile. Letters hold what that page says,
and no secret.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import TYPE_CHECKING

from convergences_node.accounts.accounts import Accounts
from convergences_node.checkup.sign import BAD, Sign
from convergences_node.checkup.signs import signs
from convergences_node.checkup.wording import letter, sentence, title, what_to_do
from convergences_node.config import AlertsSection

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

LOOK_EVERY_S = 900.0
SEND_SECONDS_MAX = 60.0
TOLD_NOTE = "alerts_told"
PASSWORD_BYTES_MAX = 1_000
REASON_CHARACTERS_MAX = 200

Send = Callable[[AlertsSection, Path, EmailMessage], Awaitable[None]]


class Alerts:
    """The letters of one running node."""

    def __init__(self, town: Town, accounts: Accounts, send: Send | None = None) -> None:
        self._town = town
        self._accounts = accounts
        self._send = send or send_letter
        self._before: frozenset[str] = frozenset()
        """What was grave at the look before."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, if there is somebody to write to."""
        if self._town.config.alerts.to:
            self._task = asyncio.create_task(self._for_ever(), name="alerts")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except Exception:
                log.exception("alerts could not be looked at; they will be in a quarter of an hour")

    async def look(self) -> bool:
        """Look once, and write if there is something new to say. Whether a letter left."""
        found = {each.name: each for each in await signs(self._town) if each.level == BAD}
        lasting, self._before = found.keys() & self._before, frozenset(found)
        told = frozenset(json.loads(await self._accounts.note(TOLD_NOTE) or "[]"))
        new, well = lasting - told, told - found.keys()
        if not new and not well:
            return False
        message = compose(self._town, [found[name] for name in sorted(found.keys() & (new | told))], bool(new))
        try:
            await self._send(self._town.config.alerts, self._town.folder, message)
        except Exception as error:
            log.warning("no alert could be sent: %s", error)
            self._town.letter_refused = (self._town.now(), str(error)[:REASON_CHARACTERS_MAX])
            return False
        self._town.letter_refused = None
        await self._accounts.set_note(TOLD_NOTE, json.dumps(sorted((told | new) - well)))
        return True


def compose(town: Town, grave: Sequence[Sign], is_news: bool) -> EmailMessage:
    """The letter: what is grave now, and what to do about it."""
    language, name = town.config.http.language, town.config.node.name
    message = EmailMessage()
    message["From"] = town.config.alerts.sender or town.config.alerts.to[0]
    message["To"] = ", ".join(town.config.alerts.to)
    # A name may hold what would begin another header; the library refuses it, and no letter would leave.
    subject = letter("subject_bad" if is_news else "subject_well", language, name=name)
    message["Subject"] = " ".join(subject.splitlines())
    message["Date"] = formatdate(town.now())
    message["Message-ID"] = make_msgid(domain="convergences.invalid")
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
    parts = [f"{title(each, language)}\n{sentence(each, language)}\n{what_to_do(each, language)}" for each in grave]
    address = town.config.http.public_url.rstrip("/") or town.local_address
    body = parts or [letter("well", language)]
    message.set_content("\n\n".join([*body, letter("page", language, address=f"{address}/operateur")]) + "\n")
    return message


async def send_letter(settings: AlertsSection, folder: Path, message: EmailMessage) -> None:
    """Hand it to the mail server of the settings."""
    import aiosmtplib

    password = await asyncio.to_thread(_password, folder, settings.password_file)
    await aiosmtplib.send(
        message,
        hostname=settings.host,
        port=settings.port,
        username=settings.user or None,
        password=password,
        use_tls=settings.security == "tls",
        start_tls=settings.security == "starttls",
        timeout=SEND_SECONDS_MAX,
    )


def _password(folder: Path, name: str) -> str | None:
    if not name:
        return None
    with (folder / name).open("rb") as file:
        return file.read(PASSWORD_BYTES_MAX).decode().strip()
