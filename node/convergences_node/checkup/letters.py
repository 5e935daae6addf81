# SPDX-License-Identifier: AGPL-3.0-or-later
"""A letter to the operator: how it is written, and handed to the mail server of the settings.

Letters hold what the operator's page says, and no secret. What a mail server refuses is a sign of that page until a
letter leaves.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import TYPE_CHECKING

from convergences_protocol.errors import ConvergencesError, Fault, LocalError, RemoteError

from convergences_node.checkup.sign import Sign
from convergences_node.checkup.wording import letter, sentence, title, what_to_do
from convergences_node.config import AlertsSection, load_config
from convergences_node.faults import why_of, words_of

if TYPE_CHECKING:
    from convergences_node.town import Town
    from convergences_node.verbs import Json, Letter, Tell

log = logging.getLogger(__name__)

SEND_SECONDS_MAX = 60.0
PASSWORD_BYTES_MAX = 1_000
REASON_CHARACTERS_MAX = 200


async def try_letter(town: Town, params: Letter, tell: Tell) -> Json:
    """Send a letter that says nothing but that letters arrive. See `verbs.Letter`."""
    settings = (await asyncio.to_thread(load_config, town.folder)).alerts
    if not settings.to:
        raise LocalError(
            "nobody is written to",
            hint="name them under [alerts] of convergences.toml",
            fault=Fault("", "letter_nobody"),
        )
    language = town.config.http.language
    subject = letter("subject_trial", language, name=town.config.node.name)
    message = _addressed(town, settings, subject, [letter("trial", language)])
    if (error := await post(town, settings, message)) is not None:
        raise error
    return {"to": list(settings.to)}


def compose(town: Town, grave: Sequence[Sign], is_news: bool) -> EmailMessage:
    """The letter of an alert: what is grave now, and what to do about it."""
    language = town.config.http.language
    subject = letter("subject_bad" if is_news else "subject_well", language, name=town.config.node.name)
    parts = [f"{title(each, language)}\n{sentence(each, language)}\n{what_to_do(each, language)}" for each in grave]
    return _addressed(town, town.config.alerts, subject, parts or [letter("well", language)])


def _addressed(town: Town, settings: AlertsSection, subject: str, parts: Sequence[str]) -> EmailMessage:
    message = EmailMessage()
    message["From"] = settings.sender or settings.to[0]
    message["To"] = ", ".join(settings.to)
    # A name may hold what would begin another header; the library refuses it, and no letter would leave.
    message["Subject"] = " ".join(subject.splitlines())
    message["Date"] = formatdate(town.now())
    message["Message-ID"] = make_msgid(domain="convergences.invalid")
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
    address = town.config.http.public_url.rstrip("/") or town.local_address
    page = letter("page", town.config.http.language, address=f"{address}/operateur")
    message.set_content("\n\n".join([*parts, page]) + "\n")
    return message


async def post(town: Town, settings: AlertsSection, message: EmailMessage) -> ConvergencesError | None:
    """Hand it over. None once it is taken, else why not: the operator's page says so until a letter is taken."""
    try:
        await _send(settings, town.folder, message)
    except ConvergencesError as error:
        log.warning("no letter could be sent: %s", error)
        town.letter_refused = (town.now(), error)
        return error
    town.letter_refused = None
    return None


async def _send(settings: AlertsSection, folder: Path, message: EmailMessage) -> None:
    import aiosmtplib

    password = await asyncio.to_thread(_password, folder, settings.password_file)
    try:
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
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise _wrong(error, settings) from error


def _wrong(error: Exception, settings: AlertsSection) -> RemoteError:
    """What the mail server, or the way to it, makes of a letter."""
    import aiosmtplib

    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    reason = " ".join(words_of(error).split())[:REASON_CHARACTERS_MAX]
    values = {"host": settings.host, "port": settings.port, "user": settings.user, "reason": reason}
    code = "letter_refused"
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        code = "letter_secret"
    elif isinstance(error, aiosmtplib.SMTPResponseException):
        values["reason"] = f"{error.code} {error.message}"[:REASON_CHARACTERS_MAX]
    elif isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        code = "letter_unencrypted"
    elif isinstance(error, aiosmtplib.SMTPConnectError | aiosmtplib.SMTPTimeoutError | OSError):
        code = "letter_unreached"
    return RemoteError(reason, fault=Fault("", code, values))


def _password(folder: Path, name: str) -> str | None:
    if not name:
        return None
    try:
        with (folder / name).open("rb") as file:
            return file.read(PASSWORD_BYTES_MAX).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = why_of(error)
        params = {"file": str(folder / name), "reason": reason}
        raise LocalError(f"{folder / name}: {reason}", fault=Fault("", "letter_password", params)) from None
