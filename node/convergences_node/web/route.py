# SPDX-License-Identifier: AGPL-3.0-or-later
"""What one line of the table of routes says: address, handler, what may be asked, what may be answered.

The server is wired from these lines and the OpenAPI description is derived from them, so that neither can say what the
other does not do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Group = Literal["api", "take", "surface", "log", "page", "node"]

JSON = "application/json"
HTML = "text/html"
BYTES = "application/octet-stream"
NOTE = "text/plain"
OPENMETRICS = "application/openmetrics-text"

QUESTION = ("query-refused", "cursor-refused", "starting")
"""The problems of whatever takes a search."""
ONE = ("query-refused", "element-unknown", "element-gone", "starting")
"""The problems of whatever shows one element."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that may be asked, in the address or after the question mark."""

    name: str
    help: str
    schema: Mapping[str, object]
    """JSON Schema of one value."""
    many: bool = False
    """True when the parameter may be repeated: `?kind=actor&kind=place`."""
    example: object = None


@dataclass(frozen=True, slots=True)
class Route:
    """One address and what happens there."""

    path: str
    """In OpenAPI's writing. A parameter whose `schema` has a `pattern` matches only that."""
    handler: Handler
    answer: type | None
    """The msgspec type of a JSON answer; None for bytes, text and pages."""
    media: str = JSON
    method: Literal["GET", "POST"] = "GET"
    group: Group = "api"
    path_parameters: tuple[Parameter, ...] = ()
    query: tuple[Parameter, ...] = ()
    other_media: tuple[str, ...] = ()
    """What else it answers, to a reader whose `Accept` says so or when the answer stands at another address."""
    other_statuses: tuple[tuple[int, str], ...] = ()
    """Statuses that are no problem and not 200 or 304, each with what it says."""
    linked: Handler | None = None
    """What answers at a page's address to a reader who wants linked data."""
    problems: tuple[str, ...] = ()
    """Keys of `problems.PROBLEMS` that this handler can answer, beside those that any route can."""
    accepts: str | None = None
    """Media type of the body, for a POST."""
    whole: bool = True
    """True when the answer needs a whole index: until then the route answers that the node is starting."""
    framed: bool = False
    """True for what any other site may show in a frame, and for the files that such a page needs."""
    characters_max: int = 2_048
    """The longest question after the question mark. The longest honest one (every facet chosen, long names) is about
    half of this."""
    seconds_max: float = 10.0
    """After this the client is told to come back later; a stream of many megabytes on a slow line needs longer."""

    @property
    def name(self) -> str:
        """The handler's name: unique, and what logs and metrics call this route."""
        return self.handler.__name__

    @property
    def help(self) -> str:
        """What this route is for, in the words of its handler."""
        return (self.handler.__doc__ or "").strip()

    @property
    def open_data(self) -> bool:
        """Whether any site's scripts may read the answer: it is public and changes nothing."""
        is_question = self.method == "GET" or self.group == "surface"
        return is_question and self.group in ("api", "take", "surface", "log")

    def aiohttp_path(self) -> str:
        """The same address in aiohttp's writing."""
        path = self.path
        for parameter in self.path_parameters:
            pattern = parameter.schema.get("pattern")
            if pattern:
                bare = str(pattern).removeprefix("^").removesuffix("$")
                path = path.replace(f"{{{parameter.name}}}", f"{{{parameter.name}:{bare}}}")
        return path
