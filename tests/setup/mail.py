# SPDX-License-Identifier: AGPL-3.0-or-later
"""A mail server for letters to an operator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TO = "bibliotheque@stains.example"


class MailServer:
    """The least of RFC 5321: takes a letter, keeps it. `refusing` says that it is not the time."""

    def __init__(self) -> None:
        self.letters: list[str] = []
        self.refusing = False
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line[:4].upper()
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                self.letters.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            if verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            refused = self.refusing and verb == "MAIL"
            writer.write(b"451 later\r\n" if refused else b"250 ok\r\n")
        writer.close()


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    mails = MailServer()
    server = await asyncio.start_server(mails.talk, "127.0.0.1", 0)
    mails.port = server.sockets[0].getsockname()[1]
    async with server:
        yield mails
