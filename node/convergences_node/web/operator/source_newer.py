# SPDX-License-Identifier: AGPL-3.0-or-later
"""A newer version of a file that somebody has put on the node: it takes the place of the one before, and is relayed.

How it is read was seen when it was declared; a file that looks broken, or has lost much, is held back as any source.
"""

from __future__ import annotations

import asyncio

from aiohttp import web
from convergences_protocol.errors import ConvergencesError, LocalError

from convergences_node.sources.declaration import load
from convergences_node.sources.given import given_file, is_given
from convergences_node.web.operator.drawing import faults_of, go_to
from convergences_node.web.operator.log_in import operating_of, session_of
from convergences_node.web.operator.source_new import drafts_of
from convergences_node.web.operator.sources_page import SOURCES, UNDER_WAY, draw_source
from convergences_node.web.operator.uploads import kept_on_the_card, read_upload
from convergences_node.web.pages import reading_of
from convergences_node.web.problems import Problem


async def source_newer(request: web.Request) -> web.StreamResponse:
    """Keep the file, then run the source."""
    session, folder = await session_of(request), operating_of(request).town.folder
    if session is None:
        raise Problem("form-refused")
    name = request.match_info["name"]
    try:
        declared = load(folder, name).where.file
    except ConvergencesError:
        declared = None
    if declared is None or not is_given(name, declared):
        raise Problem("not-found")
    messages = reading_of(request).messages
    try:
        with kept_on_the_card(), drafts_of(request).new_file() as arriving:
            if await read_upload(request, session.token, arriving) is None:
                faults = {"file": messages.text("operator.draft.no_file")}
                return await draw_source(request, session, faults=faults)
            await asyncio.to_thread(arriving.replace, given_file(folder, name))
    except LocalError as error:
        return await draw_source(request, session, faults=faults_of(error, messages, "file"))
    request.app[UNDER_WAY].start(name, accept=False)
    return go_to(request, f"{SOURCES}/{name}")
