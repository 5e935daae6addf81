# SPDX-License-Identifier: AGPL-3.0-or-later
"""The demo seen from outside: what the agglomeration's public API answers, and what each node says of itself."""

import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from convergences_protocol.errors import LocalError, RemoteError

from .nodes import Node

ANSWER_BYTES_MAX = 8 * 1024 * 1024
ANSWER_SECONDS_MAX = 20.0
PAGE = 200
PAGES_MAX = 500
LOOK_SECONDS = 0.25


@dataclass(slots=True)
class Row:
    """One town in the table: what it has, what the agglomeration has of it."""

    territory: str
    name: str
    address: str = ""
    head: int = 0
    held: int = 0
    applied: int = 0
    wanted: int = 0
    received_bytes: int = 0
    records: int = 0
    """Elements that a search at the town finds."""
    searchable: int = 0
    """Of these, those that a search at the agglomeration finds."""
    lag_seconds: float | None = None
    """From the end of the town's import until all of it was searchable at the agglomeration."""
    root: str = ""

    @property
    def behind(self) -> int:
        """Records that the agglomeration cannot find yet."""
        return max(0, self.head - self.applied) + self.wanted


class Api:
    """The public API of one node."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")

    def get(self, path: str, **params: str | int) -> dict[str, Any]:
        """Ask; raises `RemoteError` if there is no good answer."""
        url = f"{self.address}/api/v1/{path}"
        if params:
            url += "?" + urllib.parse.urlencode(params)
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS_MAX) as response:  # noqa: S310 - our own address
                answer: dict[str, Any] = json.loads(response.read(ANSWER_BYTES_MAX))
        except (OSError, ValueError) as error:
            raise RemoteError(f"{url} did not answer: {error}") from None
        return answer

    def coverage(self) -> dict[str, dict[str, Any]]:
        """What the node holds of each log, by origin."""
        return {entry["origin"]: entry for entry in self.get("search", limit=1)["coverage"]}

    def ids_in(self, territory: str) -> set[str]:
        """The ids of all elements that a search in a territory finds, those of towns merged into it too."""
        return set(self._ids(territory))

    def ids_of(self, territory: str) -> set[str]:
        """Of these, the ids of elements born there."""
        return {found for found in self._ids(territory) if found.startswith(f"{territory}:")}

    def _ids(self, territory: str) -> Iterator[str]:
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            more = {"cursor": cursor} if cursor else {}
            answer = self.get("search", territory=territory, limit=PAGE, sort="name", **more)
            yield from (item["id"] for item in answer["items"])
            cursor = answer["cursor"]
            if cursor is None:
                return


class Watch:
    """The table of the demo, kept up to date by a thread that looks at the agglomeration a few times a second."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = list(nodes)
        self.rows = [Row(node.code, node.name) for node in nodes]
        self._by_code = {row.territory: row for row in self.rows}
        self._origins: dict[str, str] = {}
        self._imported: dict[str, float] = {}
        self._expected: dict[str, int] = {}
        self._found: set[str] = set()
        self._ids: dict[str, set[str]] = {}
        self._turn = threading.Lock()
        self._looked = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def agglomeration(self) -> Node:
        return self._nodes[0]

    def row(self, node: Node) -> Row:
        return self._by_code[node.code]

    def ids(self, node: Node) -> set[str]:
        """The ids of the elements that a search at the node finds of its own."""
        return self._ids.get(node.code, set())

    def start(self) -> None:
        """Learn where everybody is, and begin to look."""
        for node in self._nodes:
            status = node.ask("status")
            self.row(node).address = status["addresses"]["http"]
            self._origins[status["log"]["origin"]] = node.code
        self._thread = threading.Thread(target=self._look_on, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(ANSWER_SECONDS_MAX)

    def wait(self, seconds: float) -> None:
        """Until the table has changed, or so long."""
        self._looked.wait(seconds)
        self._looked.clear()

    def wrote(self, node: Node, count: int) -> None:
        """The node has written `count` more elements: what it now finds of its own is what is to arrive."""
        row = self.row(node)
        written = time.monotonic()
        status = node.ask("status")
        row.head, row.root = status["log"]["size"], status["log"]["root"]
        # The verb waits for the index, as long as a person would.
        node.ask("search", query={"limit": "1"})
        self._look_at_home(node)
        self._expected[node.code] = self._expected.get(node.code, 0) + count
        self._found.discard(node.code)
        self._imported.setdefault(node.code, written)

    def _look_at_home(self, node: Node) -> None:
        """What the public API finds at the town itself, which answers from what its index has."""
        row = self.row(node)
        self._ids[node.code] = Api(row.address).ids_of(node.code)
        row.records = len(self._ids[node.code])

    def missing(self, *nodes: Node) -> list[str]:
        """What of these nodes (of all, if none is named) cannot be found at the agglomeration yet."""
        with self._turn:
            return [left for node in nodes or self._nodes if (left := self._missing(node))]

    def _missing(self, node: Node) -> str | None:
        row = self.row(node)
        if node.code not in self._imported:
            return f"{node.name}: nothing was imported"
        if row.records < self._expected[node.code]:
            self._look_at_home(node)
        if row.records < self._expected[node.code]:
            return f"{node.name}: {self._expected[node.code]} written, only {row.records} found at the town itself"
        if row.applied < row.head or row.wanted:
            return f"{node.name}: {row.behind} of {row.head} entries"
        if node.code not in self._found:
            found = Api(self.row(self.agglomeration).address).ids_of(node.code)
            row.searchable = len(found & self._ids[node.code])
            if row.searchable < row.records:
                return f"{node.name}: {row.records - row.searchable} of {row.records} records"
            self._found.add(node.code)
            if row.lag_seconds is None:
                row.lag_seconds = round(time.monotonic() - self._imported[node.code], 2)
        return None

    def _look_on(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self._look()
            except (RemoteError, LocalError):
                # A node that stops while it is asked; whoever waits finds out by its process.
                continue
            self._looked.set()

    def _look(self) -> None:
        coverage = Api(self.row(self.agglomeration).address).coverage()
        for origin, entry in coverage.items():
            row = self._by_code.get(self._origins.get(origin, ""))
            if row is not None:
                row.held, row.applied, row.wanted = entry["size"], entry["applied"], entry["bodies_wanted"]
                row.head = max(row.head, row.held)
        for peer in self.agglomeration.ask("peers")["peers"]:
            row = self._by_code.get(self._origins.get(peer["origin"] or "", ""))
            if row is not None:
                row.received_bytes = peer["received_bytes"]
        # What has just become whole is searched for at once, so that the lag shown is the lag there was.
        self.missing(*(node for node in self._nodes if node.code in self._imported))
