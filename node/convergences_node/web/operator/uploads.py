# SPDX-License-Identifier: AGPL-3.0-or-later
"""A form with a file: read as it comes, into a file of the node's, and no further than it may be long (RFC 7578).

The token of the session comes before the file, so that nothing of a stranger's form is written down.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aiohttp import BodyPartReader, web
from convergences_protocol.errors import Fault, LocalError

from convergences_node.faults import why_of
from convergences_node.web.operator.forms import FIELD_CHARS_MAX, FIELDS_MAX, TOKEN_FIELD, is_from_us
from convergences_node.web.problems import Problem

UPLOAD_BYTES_MAX = 32 * 1024**2
"""A list of a town's associations is a thousandth of that."""
UPLOAD_SECONDS_MAX = 300
TOKEN_BYTES_MAX = 200
NAME_CHARS_MAX = 200
MULTIPART = "multipart/form-data"


async def read_upload(request: web.Request, token: str, into: Path) -> str | None:
    """Write the file that the form brings `into`, and answer its name; None if it brings none, or an empty one.

    Raises `Problem` for a form that is not this session's, or too long; `LocalError` where the card does not take it.
    """
    return (await read_upload_form(request, token, into))[1]


async def read_upload_form(request: web.Request, token: str, into: Path) -> tuple[dict[str, str], str | None]:
    """The same, with what else was filled in, before the file or behind it."""
    if not is_from_us(request) or request.content_type != MULTIPART:
        raise Problem("form-refused")
    async with asyncio.timeout(UPLOAD_SECONDS_MAX):
        try:
            return await _read(request, token, into)
        except ValueError:  # what is no form of parts
            raise Problem("form-refused") from None


@contextmanager
def kept_on_the_card() -> Iterator[None]:
    """Around what writes a file: a card that is full, or takes no write, is a `LocalError`, for the page to say."""
    try:
        yield
    except ConnectionError:  # who sent it is gone: that is not the card's doing
        raise
    except OSError as error:
        reason = why_of(error)
        raise LocalError(
            f"the file could not be kept: {reason}", fault=Fault("", "upload_unkept", {"reason": reason})
        ) from error


async def _read(request: web.Request, token: str, into: Path) -> tuple[dict[str, str], str | None]:
    parts = await request.multipart()
    first = await parts.next()
    if not isinstance(first, BodyPartReader) or first.name != TOKEN_FIELD:
        raise Problem("form-refused")
    if not hmac.compare_digest((await _text(first, TOKEN_BYTES_MAX)).encode(), token.encode()):
        raise Problem("form-refused")
    fields: dict[str, str] = {}
    called: str | None = None
    for _ in range(FIELDS_MAX):
        part = await parts.next()
        if not isinstance(part, BodyPartReader):
            return fields, called
        if part.filename is None:
            fields[part.name or ""] = await _text(part)
        elif called is None and part.filename and await _write(part, into):
            called = part.filename[:NAME_CHARS_MAX]
    raise Problem("form-refused")


async def _text(part: BodyPartReader, most: int = FIELD_CHARS_MAX) -> str:
    """What was filled into one field, in however many packets it comes."""
    data = bytearray()
    while chunk := await part.read_chunk():
        data += chunk
        if len(data) > most:
            raise Problem("form-refused")
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


async def _write(part: BodyPartReader, into: Path) -> int:
    """The bytes of a part, into a file; their number. What is left of one too long is the caller's to remove."""
    count = 0
    with kept_on_the_card():
        file = await asyncio.to_thread(into.open, "wb")
    try:
        while chunk := await part.read_chunk():
            count += len(chunk)
            if count > UPLOAD_BYTES_MAX:
                raise Problem("body-too-large")
            with kept_on_the_card():
                await asyncio.to_thread(file.write, chunk)
        with kept_on_the_card():
            await asyncio.to_thread(file.close)
    finally:
        with suppress(OSError):
            file.close()
    return count
