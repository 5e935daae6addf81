# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes `docs/api.md` from the table of routes: what `openapi.py` says to a program, said to a person who reads.

The words before and after the table are `docs/api-words.md`; a test holds the page to what this writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from convergences_node.web.openapi import TAGS
from convergences_node.web.problems import PROBLEMS
from convergences_node.web.route import Parameter, Route

MARK = "<!-- derived -->\n"


def api_page(words: str, routes: Sequence[Route]) -> str:
    """The whole page: the written words, with the derived part where they leave room for it."""
    before, _, after = words.partition(MARK)
    return f"{before}{''.join(_groups(routes))}{after}"


def _groups(routes: Sequence[Route]) -> Iterable[str]:
    for group, text in TAGS.items():
        yield f"## {text}\n\n"
        for route in routes:
            if route.group == group:
                yield _route(route)
    yield "## Problems\n\n"
    yield "| code | status |\n|---|---|\n"
    yield from (f"| `{key}` | {status} |\n" for key, status in PROBLEMS.items())


def _route(route: Route) -> str:
    media = "any" if route.media == "*/*" else f"`{route.media}`"
    lines = [f"### `{route.method} {route.path}`\n", route_words(route), ""]
    lines.append(f"Answers {media}{_problems(route)}.\n")
    asked = [*route.path_parameters, *route.query]
    if asked:
        lines += ["| parameter | what |", "|---|---|", *map(_parameter, asked), ""]
    return "\n".join(lines) + "\n"


def route_words(route: Route) -> str:
    """The handler's words, one paragraph a line."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in route.help.split("\n\n"))


def _problems(route: Route) -> str:
    return f"; problems: {', '.join(f'`{key}`' for key in route.problems)}" if route.problems else ""


def _parameter(parameter: Parameter) -> str:
    schema = parameter.schema
    notes = [f"{name} {schema[name]}" for name in ("maxLength", "minimum", "maximum", "default") if name in schema]
    notes += ["may be repeated"] if parameter.many else []
    terms = schema.get("enum")
    known = " One of " + ", ".join(f"`{term}`" for term in terms) + "." if isinstance(terms, list) else ""
    limits = f" ({', '.join(notes)})" if notes else ""
    return f"| `{parameter.name}` | {parameter.help}{known}{limits} |"
