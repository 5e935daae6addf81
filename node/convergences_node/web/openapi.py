# SPDX-License-Identifier: AGPL-3.0-or-later
"""The description of the API, OpenAPI 3.1, derived from the table of routes and from the types of the answers.

Nothing is written twice: a route's words are its handler's docstring, a field's words are in its type's docstring.
Pages and the log's files are described too: what this node answers is what is written here, and a test walks both
ways.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version

import msgspec

from convergences_node.web.problems import PROBLEM_JSON, PROBLEMS, ProblemDocument
from convergences_node.web.route import HTML, JSON, Parameter, Route

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = "#/components/schemas/{name}"
# What the app around every handler can answer by itself.
PROBLEMS_ANYWHERE = (
    "malformed",
    "query-refused",
    "query-too-long",
    "too-many-requests",
    "too-slow",
    "too-busy",
    "internal",
)
LANGUAGE = Parameter(
    "lang",
    "Language of the sentences in the answer; without it, the one `Accept-Language` prefers.",
    {"type": "string", "enum": ["fr", "en"]},
)

Tree = dict[str, object]


def describe(routes: Sequence[Route]) -> Tree:
    """The OpenAPI document of these routes."""
    types = [route.answer for route in routes if route.answer is not None]
    _, schemas = msgspec.json.schema_components([ProblemDocument, *types], ref_template=REFERENCE)
    paths: dict[str, Tree] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": JSON_SCHEMA_DIALECT,
        "info": _info(),
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {"schemas": schemas},
    }


TAGS = {
    "api": "What the town knows, for programs. Read only, no account.",
    "take": "The same, to be taken elsewhere: calendars, feeds, maps, tables, linked data.",
    "surface": "The same in the shapes that systems of other makers know: docs/interoperability.md.",
    "log": "The signed logs as C2SP tlog-tiles, with the erasable bodies beside them.",
    "page": "Pages for people, in French and English.",
    "node": "How the node is, for those who watch over it.",
}


def _info() -> Tree:
    return {
        "title": "Convergences",
        "version": version("convergences"),
        "summary": "One town's signed archive, and what it keeps of its neighbours'.",
        "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
    }


def _operation(route: Route) -> Tree:
    first, _, rest = route.help.partition("\n\n")
    operation: Tree = {
        "operationId": route.name,
        "tags": [route.group],
        "summary": " ".join(first.split()),
        "parameters": [
            *(_parameter(each, "path") for each in route.path_parameters),
            *(_parameter(each, "query") for each in (*route.query, LANGUAGE)),
        ],
        "responses": _responses(route),
    }
    if rest:
        operation["description"] = " ".join(rest.split())
    if route.accepts:
        operation["requestBody"] = {"required": True, "content": {route.accepts: {}}}
    return operation


def _parameter(parameter: Parameter, where: str) -> Tree:
    schema: Mapping[str, object] = parameter.schema
    tree: Tree = {"name": parameter.name, "in": where, "description": parameter.help, "schema": dict(schema)}
    if where == "path":
        tree["required"] = True
    if parameter.many:
        tree["schema"] = {"type": "array", "items": dict(schema)}
        tree["style"], tree["explode"] = "form", True
    if parameter.example is not None:
        tree["example"] = parameter.example
    return tree


def _responses(route: Route) -> Tree:
    headers = {"ETag": {"description": "Strong tag of these bytes.", "schema": {"type": "string"}}}
    content = {route.media: _media(route), **{media: {} for media in route.other_media}}
    answer: Tree = {"description": "The answer.", "content": content}
    responses: Tree = {"200": answer}
    for status, says in route.other_statuses:
        responses[str(status)] = {"description": says, "content": {media: {} for media in content}}
    if route.method == "GET" and route.group != "node":
        answer["headers"] = headers
        responses["304"] = {"description": "You already hold it."}
    for status, keys in _problems_by_status(dict.fromkeys((*route.problems, *PROBLEMS_ANYWHERE))).items():
        problem = _problem_response(route, status, keys)
        # A tombstone and a problem may have the same status: both may be answered.
        also: Tree = responses.get(str(status), {}).get("content", {})  # type: ignore[attr-defined]
        problem["content"] = {**also, **problem["content"]}  # type: ignore[dict-item]
        responses[str(status)] = problem
    return responses


def _media(route: Route) -> Tree:
    if route.answer is not None:
        reference = msgspec.json.schema_components([route.answer], ref_template=REFERENCE)[0][0]
        return {"schema": reference}
    return {"schema": {"type": "object"}} if route.media == JSON else {}


def _problems_by_status(keys: Iterable[str]) -> dict[int, list[str]]:
    by_status: dict[int, list[str]] = {}
    for key in keys:
        by_status.setdefault(PROBLEMS[key], []).append(key)
    return dict(sorted(by_status.items()))


def _problem_response(route: Route, status: int, keys: Sequence[str]) -> Tree:
    content: Tree = {PROBLEM_JSON: {"schema": {"$ref": REFERENCE.format(name="ProblemDocument")}}}
    if route.media == HTML:
        content[HTML] = {}
    return {"description": f"{HTTPStatus(status).phrase}: {', '.join(keys)}.", "content": content}
