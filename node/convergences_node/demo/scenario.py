# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the demo plays: found the nodes, join by invitation, import, see everything arrive, merge two towns.

Each step does what an operator would do, through the same verbs, and waits for what can be seen from outside, never for
a time to pass. One deadline bounds all the waiting; what is missing when it comes is said.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from convergences_protocol.errors import LocalError

from convergences_node.territories import find

from . import pictures
from .example import Example, Merge
from .nodes import Node
from .processes import Processes
from .watching import Api, Watch

AT_ONCE = 3
"""Steps of several nodes done at the same time; a demo has two cores to live on."""
LOOK_SECONDS = 0.2
LOOKED_MAX = 20
"""Of what a town has last written, when its drawings are given."""

Tell = Callable[[str, dict[str, Any]], None]
"""A stage begins: a key of the interface's catalogue and its values."""


class Scenario:
    """One demo. `play` inside a `with`; afterwards every process is gone."""

    def __init__(self, example: Example, folder: Path, seconds_max: float, tell: Tell) -> None:
        self.example = example
        self.agglomeration = Node(example.agglomeration, folder / example.agglomeration.short, "agglomeration")
        self.towns = [Node(town, folder / town.short, "town") for town in example.towns]
        self.watch = Watch([self.agglomeration, *self.towns])
        self.merge: dict[str, Any] | None = None
        self._processes = Processes(folder)
        self._deadline = time.monotonic() + seconds_max
        self._tell = tell

    def __enter__(self) -> "Scenario":
        return self

    def __exit__(self, *_: object) -> None:
        self.watch.stop()
        self._processes.stop()

    @property
    def nodes(self) -> list[Node]:
        return [self.agglomeration, *self.towns]

    def play(self) -> None:
        """The whole of it. Raises `LocalError` with what is missing at the deadline."""
        groups = self._groups()
        self._tell("starting", {"nodes": len(self.nodes), "processes": len(groups)})
        self._each(Node.found, self.nodes)
        for group in groups:
            self._processes.start([node.folder for node in group])
        self._wait("nodes that do not answer", lambda: [node.name for node in self.nodes if not node.is_up()])
        self.watch.start()
        self._tell("joining", {})
        self._join()
        self._tell("importing", {})
        self._import_agglomeration()
        self._each(self._import_town, self.towns)
        self._wait("records that cannot be found at the agglomeration", self.watch.missing)
        if self.example.pictures:
            self._tell("picturing", {})
            self._each(self._picture, self.nodes)
            self._wait("pictures that cannot be found at the agglomeration", self.watch.missing)
        if self.example.merge:
            self._merge(self.example.merge)
        self._tell("ready", {})

    def addresses(self) -> list[tuple[str, str]]:
        """Name and address of every node's pages."""
        return [(row.name, row.address) for row in self.watch.rows]

    def pids(self) -> list[int]:
        return self._processes.pids()

    def check(self) -> None:
        """Raises `LocalError` if a node has ended by itself."""
        self._processes.check()

    # ------------------------------------------------------------------------------------------------------- the acts
    def _groups(self) -> list[list[Node]]:
        """Which nodes share a process: the agglomeration never does."""
        towns = iter(self.towns)
        size = max(1, self.example.towns_a_process)
        shared = iter(lambda: list(islice(towns, size)), [])
        return [[self.agglomeration], *shared]

    def _join(self) -> None:
        status = self.agglomeration.ask("status")
        addresses = [*status["addresses"]["p2p"], status["addresses"]["http"]]

        def join(town: Node) -> None:
            invited = self.agglomeration.ask("invite", territory=town.code, addresses=addresses)
            town.ask("join", invitation=invited["invitation"])

        self._each(join, self.towns)

    def _import_agglomeration(self) -> None:
        """The base tree of themes first, and at every town before any town needs it."""
        count = 1 + self._import(self.agglomeration, self.example.file("themes.ndjson"), "themes.toml")
        log = self.agglomeration.ask("status")["log"]

        def without_themes() -> list[str]:
            return [town.name for town in self.towns if town.holds(log["origin"]) < log["size"]]

        self._wait("towns without the agglomeration's themes", without_themes)
        if self.agglomeration.member.records:
            count += self._import(self.agglomeration, self.agglomeration.member.records, "mapping.toml")
        self.watch.wrote(self.agglomeration, count)

    def _import_town(self, town: Node) -> None:
        assert town.member.records is not None, "a town is in the example because it has records"
        # One more: the record of the territory, written when the node was founded.
        self.watch.wrote(town, 1 + self._import(town, town.member.records, "mapping.toml"))

    def _import(self, node: Node, records: Path, mapping: str) -> int:
        """Import a file and answer how many elements that made."""
        report = node.ask("import", path=str(records), mapping=str(self.example.file(mapping)))
        if report["refused_count"]:
            raise LocalError(f"{records.name}: {report['refused_count']} rows refused, such as {report['refused'][0]}")
        return int(report["created"] + report["themes"])

    def _picture(self, node: Node) -> None:
        """A sign for its last actors, a street for its last places."""
        wanted = self.example.pictures
        assert wanted is not None, "asked for by the example"
        origin = node.origin()
        for kind, use, draw, words in (
            ("actor", "logo", pictures.sign, wanted.sign),
            ("place", "picture", pictures.street, wanted.street),
        ):
            query = {"kind": kind, "territory": node.code, "limit": str(LOOKED_MAX)}
            found = node.ask("search", query=query)["items"]
            own = [item for item in found if item["origin"] == origin]
            for item in own[: wanted.each]:
                file = node.folder / f"{use}.png"
                file.write_bytes(draw(item["name"]))
                said = {"alt": words.format(name=item["name"]), "credit": wanted.credit, "licence": wanted.licence}
                node.ask("media_add", element=item["id"], path=str(file), use=use, **said)
                file.unlink()
        self.watch.wrote(node, 0)

    def _merge(self, merge: Merge) -> None:
        """The charter ends the old log with a successor; both names go on finding both towns' records."""
        old, new = self._town(merge.ends), self._town(merge.successor)
        self._tell("merging", {"old": old.name, "new": new.name})
        self._write_territory(old, {"ended": merge.date})
        self._wait(f"the end of {old.name}", lambda: self.watch.missing(old))
        ended = self.agglomeration.ask("end", origin=old.code, why=merge.why, successor=new.code)
        # The successor is described as it is today: larger, and known under both names.
        self._write_territory(new, find(new.code).fields())
        self._wait(f"{new.name} after the merge", lambda: self.watch.missing(new))
        api = Api(self.watch.row(self.agglomeration).address)

        def unfound() -> list[str]:
            both = {node.name: api.ids_in(node.code) for node in (old, new)}
            wanted = self.watch.ids(old) | self.watch.ids(new)
            left = {name: len(wanted - found) for name, found in both.items()}
            return [f"{count} records under the name {name}" for name, count in left.items() if count]

        self._wait("after the merge", unfound)
        self.merge = {"ended": old.code, "successor": new.code, "size": ended["size"], "found_under_either_name": True}

    def _write_territory(self, node: Node, changes: dict[str, Any]) -> None:
        found = node.ask("search", query={"kind": "territory", "territory": node.code})["items"]
        (item,) = (item for item in found if item["id"].startswith(f"{node.code}:"))
        shown = node.ask("show", element=item["id"])
        node.ask(
            "add", kind="territory", element=item["id"], fields=shown["fields"] | changes, previous=shown["digest"]
        )
        self.watch.wrote(node, 0)

    def _town(self, code: str) -> Node:
        return next(town for town in self.towns if town.member.short == code)

    # -------------------------------------------------------------------------------------------------------- helpers
    def _each(self, step: Callable[[Node], None], nodes: Sequence[Node]) -> None:
        """Do a step at several nodes at a time; the first that fails fails all."""
        with _pool() as pool:
            for _ in pool.map(step, nodes):
                pass

    def _wait(self, what: str, missing: Callable[[], list[str]]) -> None:
        """Until nothing is missing. Raises `LocalError` at the deadline, or if a node ends."""
        while True:
            self._processes.check()
            left = missing()
            if not left:
                return
            if time.monotonic() > self._deadline:
                raise LocalError(f"{what}: {', '.join(left)}", hint="give it more --seconds, or look into the logs")
            self.watch.wait(LOOK_SECONDS)


@contextmanager
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that do not keep an interrupted demo waiting: what they ask ends with the processes that they ask."""
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="demo")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
