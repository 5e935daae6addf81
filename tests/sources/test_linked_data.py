# SPDX-License-Identifier: AGPL-3.0-or-later
"""A server of linked data as a source: a stranger's Archipelago, with the containers of a real one."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from convergences_node.imports.titles import read_titles
from convergences_node.sources.fetching import FetchFailed
from convergences_node.sources.from_linked import with_contexts
from convergences_node.sources.from_void import containers
from convergences_protocol.errors import RemoteError

from .conftest import Home

ARCHIVE = Path(__file__).parents[3] / "shared" / "data" / "linked" / "pair-archipel-av" / "archipel.nt"
ROOT = "http://localhost:3000/"
NAMES = ("organizations", "projects", "skills", "themes")
pytestmark = pytest.mark.skipif(not ARCHIVE.exists(), reason="needs the real archive")


class Archipelago:
    """Its containers as Turtle, each whole, by name; some in pages."""

    def __init__(self) -> None:
        self.containers = _containers()
        self.address = ""
        self.broken: set[str] = set()
        self.asked: list[str] = []

    async def void(self, request: web.Request) -> web.Response:
        partitions: list[dict[str, object]] = [
            {"void:uriSpace": f"{self.address}/{name}", "void:class": "pair:Thing", "void:entities": "7"}
            for name in NAMES
        ]
        partitions += [
            {"void:uriSpace": f"{self.address}/users", "void:class": "pair:Person", "semapps:doNotMirror": True},
            {"void:uriSpace": f"{self.address}/tasks", "void:class": "pair:Task", "void:entities": "0"},
            {"void:uriSpace": "http://elsewhere.example/events", "void:class": "pair:Event"},
        ]
        dataset = {"@id": "#here", "@type": "void:Dataset", "void:uriSpace": f"{self.address}/"}
        said = {"@context": {}, "@graph": [dataset | {"void:classPartition": partitions}]}
        return web.json_response(said, content_type="application/ld+json")

    async def container(self, request: web.Request) -> web.Response:
        name, page = request.match_info["name"], int(request.query.get("page", "0"))
        self.asked.append(name)
        if name in self.broken:
            return web.Response(status=500)
        things = self.containers[name]
        half = len(things) // 2 if name == "skills" else len(things)
        shown = things[page * half : (page + 1) * half] if page == 0 else things[half:]
        headers = {"Link": f'<{self.address}/{name}?page=1>; rel="next"'} if name == "skills" and page == 0 else {}
        return web.Response(body="".join(shown).encode(), content_type="text/turtle", headers=headers)


def _containers() -> dict[str, list[str]]:
    """The statements about each thing, with those about what has no name, by container."""
    about: dict[str, list[str]] = defaultdict(list)
    for line in ARCHIVE.read_text("utf-8").splitlines(keepends=True):
        about[line.partition(" ")[0]].append(line)

    def whole(subject: str, depth: int = 0) -> str:
        lines = "".join(about.get(subject, []))
        inner = sorted(set(re.findall(r"(_:\S+)", lines)) - {subject}) if depth < 3 else []
        return lines + "".join(whole(each, depth + 1) for each in inner)

    found: dict[str, list[str]] = {name: [] for name in NAMES}
    for subject in about:
        name = subject.removeprefix(f"<{ROOT}").partition("/")[0]
        if name in found and subject.count("/") > 3:
            found[name].append(whole(subject))
    return found


@asynccontextmanager
async def up() -> AsyncIterator[Archipelago]:
    here, app = Archipelago(), web.Application()
    app.router.add_get("/.well-known/void", here.void)
    app.router.add_get("/{name}", here.container)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    here.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield here
    finally:
        await runner.cleanup()


async def test_a_real_archive_comes_container_by_container_and_stays_in_step(home: Home) -> None:
    """All of it, once; pages too; what is not to be mirrored, empty or elsewhere is not asked for. Then, only changes:
    a server that breaks deletes nothing, one that loses much is held back, one thing that is gone is gone here."""
    async with up() as there:
        await home.declare(
            "archipel",
            f'title = "L’archipel"\nlicence = "odbl-1.0"\ngone = "withdraw"\n[where]\nvoid = "{there.address}"\n'
            "private = true\n",
        )
        told = await home.run("archipel")
        assert told["outcome"] == "imported", told
        titles = home.town.web_settings.source_titles
        assert titles and read_titles(titles) == {"localhost:3000": "L’archipel"}, "its own name for itself"
        assert sorted(there.asked) == sorted([*NAMES, "skills"]), "each once, and the second page"
        whole = sum(map(len, there.containers.values()))
        assert (told["counts"]["created"], told["counts"]["refused_count"]) == (whole, 0), told["counts"]
        assert told["rows"] == told["counts"]["created"] and told["counts"]["relations"] > 0
        size = await home.size()
        (skill, *_) = await home.found("resource")
        shown = (await home.ask("show", element=skill["id"]))["fields"]
        assert (shown["source"], shown["licence"]) == ("localhost:3000", "odbl-1.0")
        assert shown["source_id"].startswith(f"{ROOT}skills/")
        assert (await home.run("archipel"))["outcome"] == "unchanged"
        there.broken = {"themes"}
        told = await home.run("archipel")
        assert (told["outcome"], told["reason"]["code"]) == ("failed", "source_status")
        there.broken, kept = set(), there.containers["organizations"]
        there.containers["organizations"] = []
        told = await home.run("archipel")
        assert (told["outcome"], told["reason"]["code"]) == ("held", "source_shrunk")
        assert await home.size() == size
        there.containers["organizations"], there.containers["skills"] = kept, there.containers["skills"][1:]
        told = await home.run("archipel")
        assert (told["outcome"], told["gone_done"]) == ("imported", {"withdrawn": 1})
        assert len(await home.found("resource")) == 90


async def test_a_server_of_linked_data_is_looked_at_first(home: Home) -> None:
    """By its address alone; the first page of each container, each kind in turn; what no kind holds is named."""
    async with up() as there:
        size = await home.size()
        told = await home.ask("source_preview", where=f"{there.address}/", private=True, rows=8)
        assert (told["format"], sorted(there.asked)) == ("pair", sorted(NAMES)), "and no second page"
        kinds = [one["kind"] for one in told["elements"] if "kind" in one]
        assert {"actor", "action", "theme", "resource"} <= set(kinds), kinds
        assert all(one["fields"]["name"] for one in told["elements"])
        assert told["not_held"] and {"what", "count", "example"} == told["not_held"][0].keys()
        assert f'void = "{there.address}"' in told["declaration"]
        assert (await home.size(), len(await home.found("resource"))) == (size, 0)
        there.broken = {"themes"}
        with pytest.raises(RemoteError, match="500"):
            await home.ask("source_preview", where=there.address, private=True)


def test_what_a_void_description_names() -> None:
    """Compact, in full, with its partitions apart; of this server alone; nothing, or no JSON, is refused."""
    base = "https://archipel.example"
    plain = {"void:classPartition": {"void:uriSpace": f"{base}/events", "void:class": "pair:Event"}}
    full = {
        "@graph": [
            {"@id": "_:b0", "http://rdfs.org/ns/void#uriSpace": [{"@value": f"{base}/events"}],
             "http://rdfs.org/ns/void#class": [{"@id": "pair:Event"}],
             "http://rdfs.org/ns/void#entities": [{"@value": 3}]},
        ]
    }  # fmt: skip
    for said in (plain, full):
        assert list(containers(json.dumps(said).encode(), base)) == [f"{base}/events"]
    for bad in (b"<html>", b"{}", b"[" * 5_000, json.dumps(plain).encode().replace(b"archipel", b"other")):
        with pytest.raises(FetchFailed):
            list(containers(bad, base))


def test_contexts_are_told_from_here_or_refused_by_name() -> None:
    """Those that SemApps names; another would have to be fetched."""
    document = {"@context": ["https://www.w3.org/ns/activitystreams", "https://a.example/.well-known/context.jsonld"]}
    made = json.loads(with_contexts(json.dumps(document).encode()))
    assert all(isinstance(each, dict) for each in made["@context"])
    with pytest.raises(FetchFailed, match=r"spy\.example"):
        with_contexts(b'{"@context": "https://spy.example/context"}')
    with pytest.raises(FetchFailed):
        with_contexts(b'{"@context": ')
