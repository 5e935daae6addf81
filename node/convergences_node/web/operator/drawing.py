# SPDX-License-Identifier: AGPL-3.0-or-later
"""Drawing pages that belong to one person: never kept by anybody, always asked for again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web
from convergences_protocol.errors import ConvergencesError, Fault, Refused

from convergences_node.fault_sentences import fault_sentence, said_in
from convergences_node.web import static_files
from convergences_node.web.asking import messages_of
from convergences_node.web.etag import CACHE_NEVER
from convergences_node.web.kept_pages import HTML_TYPE
from convergences_node.web.messages import Messages
from convergences_node.web.pages import fill, reading_of

HEADERS = {
    "Content-Type": HTML_TYPE,
    "Cache-Control": CACHE_NEVER,
    # The origin of a form is what tells it from a forged one; it goes to this node alone.
    "Referrer-Policy": "same-origin",
}

Faults = Mapping[str, str]
"""What is wrong with a form, by field; under the empty name, what is wrong with all of it."""


def answer_private(
    request: web.Request,
    template: str,
    values: Mapping[str, object],
    *,
    faults: Faults | None = None,
    status: int = 200,
) -> web.Response:
    """A page for the one who asked. With faults, each beside its field and all in one list."""
    given = {"shared": None, "faults": faults or {}, "operator_sheet": static_files.address("operator.css"), **values}
    body = fill(request, template, given)
    headers = {**HEADERS, "Content-Language": messages_of(request).language}
    return web.Response(status=422 if faults and status == 200 else status, body=body, headers=headers)


def go_to(request: web.Request, path: str) -> web.Response:
    """After a form: the page to see next, in the language that was asked for (RFC 9110 §15.4.4)."""
    return web.Response(status=303, headers={"Location": reading_of(request).link(path), "Cache-Control": CACHE_NEVER})


def faults_of(error: ConvergencesError, messages: Messages, field: str = "") -> Faults:
    """What was wrong, in words; what is not the fault of a field stands under `field`."""
    if isinstance(error, Refused) and error.faults:
        return _by_field(error.faults, messages)
    return {field: messages.text("operator.failed", reason=said_in(error, messages.language))}


def _by_field(faults: Sequence[Fault], messages: Messages) -> Faults:
    found: dict[str, str] = {}
    for fault in faults:
        found.setdefault(fault.path, fault_sentence(fault, messages.language))
    return found


def words(request: web.Request) -> Messages:
    """The sentences, in this reader's language."""
    return messages_of(request)
