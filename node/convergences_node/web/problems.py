# SPDX-License-Identifier: AGPL-3.0-or-later
"""What went wrong, said to a program and to a person: RFC 9457 problem documents, in French or English.

Handlers raise `Problem(key, …)`; the sentence is chosen where the answer is drawn. `PROBLEMS` is the whole list: each
key has a title and a detail in every catalogue, and a page of its own at `/problems/<key>`, which is the problem's
`type`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web
from convergences_protocol.errors import Fault

from convergences_node.fault_sentences import fault_sentence
from convergences_node.web.messages import Messages

PROBLEM_JSON = "application/problem+json"

PROBLEMS: Mapping[str, int] = {
    "malformed": 400,
    "query-refused": 400,
    "query-too-long": 400,
    "cursor-refused": 400,
    "sparql-refused": 400,
    "sparql-elsewhere": 400,
    "message-refused": 400,
    "join-refused": 403,
    "not-found": 404,
    "element-unknown": 404,
    "receipt-absent": 404,
    "form-refused": 403,
    "embed-unknown": 404,
    "sparql-off": 404,
    "log-unknown": 404,
    "tile-absent": 404,
    "method-refused": 405,
    "element-gone": 410,
    "body-too-large": 413,
    "sparql-too-much": 422,
    "too-many-requests": 429,
    "internal": 500,
    "format-refused": 501,
    "too-slow": 503,
    "too-busy": 503,
    "starting": 503,
    "not-whole": 503,
    "list-empty": 503,
}
"""Every problem this node can answer, with its status."""


class FaultFound(msgspec.Struct, frozen=True):
    """One thing that was wrong with what was asked."""

    path: str
    """The parameter at fault."""
    code: str
    """A stable word for what is wrong with it."""
    detail: str
    """The same in a sentence."""


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """An RFC 9457 problem document."""

    type: str
    """Address of a page that explains this problem, relative to the node."""
    title: str
    status: int
    detail: str
    code: str
    """The problem's key: compare this, not the sentences."""
    instance: str | None = None
    """The path that was asked for."""
    faults: tuple[FaultFound, ...] = ()
    """Everything that was wrong with the question, when it was a question."""


class Problem(Exception):  # noqa: N818  it is named after RFC 9457
    """Raised by a handler; drawn as a document or as a page, in the reader's language."""

    def __init__(
        self,
        key: str,
        *,
        faults: Sequence[Fault | tuple[str, str, Mapping[str, object]]] = (),
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> None:
        super().__init__(key, values)
        self.key = key
        self.status = PROBLEMS[key]
        self.values = values
        self.faults = [fault if isinstance(fault, Fault) else Fault(*fault) for fault in faults]
        self.headers = dict(headers or {})


def draw(problem: Problem, messages: Messages, instance: str) -> ProblemDocument:
    """The document of a problem, in one language."""
    return ProblemDocument(
        type=f"/problems/{problem.key}",
        title=messages.text(f"problem.{problem.key}.title"),
        status=problem.status,
        detail=messages.text(f"problem.{problem.key}.detail", **problem.values),
        code=problem.key,
        instance=instance,
        faults=tuple(_found(fault, messages) for fault in problem.faults),
    )


def _found(fault: Fault, messages: Messages) -> FaultFound:
    return FaultFound(fault.path, fault.code, fault_sentence(fault, messages.language))


def answer_document(document: ProblemDocument, language: str, headers: Mapping[str, str]) -> web.Response:
    """The document as an answer."""
    return web.Response(
        status=document.status,
        body=msgspec.json.encode(document),
        headers={
            "Content-Type": PROBLEM_JSON,
            "Content-Language": language,
            "Cache-Control": "no-store",
            **headers,
        },
    )


def from_http_error(error: web.HTTPException) -> Problem | None:
    """The problem for an error that aiohttp itself raised, or None if it is not one of ours to explain."""
    if error.status == 404:
        return Problem("not-found")
    if error.status == 405:
        return Problem("method-refused", headers={"Allow": error.headers.get("Allow", "GET, HEAD")})
    if error.status == 413:
        return Problem("body-too-large")
    return None
