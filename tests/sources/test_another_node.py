# SPDX-License-Identifier: AGPL-3.0-or-later
"""Another node as a source: two real nodes, one of which copies from the other what the network does not bring it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, web
from convergences_node.founding import Settings, create_town
from convergences_node.imports.titles import read_titles
from convergences_node.network.serving import held
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_node.web.app import make_app, make_runner
from convergences_protocol.errors import RemoteError
from convergences_protocol.merkle import Frontier
from convergences_protocol.origin import LogIdentity
from convergences_protocol.replication.check import check_batch, examine
from convergences_protocol.replication.messages import Batch

from .conftest import NOW, Home

STAINS = "FR-93072"


class Other:
    """A node up on loopback."""

    def __init__(self, town: Town, address: str) -> None:
        self.town = town
        self.address = address

    async def do(self, verb: str, **params: Any) -> Any:
        return await perform(self.town, verb, params, lambda event: None)

    async def add(self, kind: str, **fields: Any) -> str:
        return str((await self.do("add", kind=kind, fields=fields))["element"])


@asynccontextmanager
async def up(folder: Path) -> AsyncIterator[Other]:
    settings: Settings = {"http": {"port": 0}, "p2p": {"enabled": False}, "discovery": {"zeroconf": False}}
    await create_town(folder, STAINS, "town", "Stains", settings=settings)
    async with Town.open(folder, clock=lambda: float(NOW)) as town:
        runner = make_runner(make_app(town))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield Other(town, f"http://127.0.0.1:{runner.addresses[0][1]}")
        finally:
            await runner.cleanup()


@pytest.fixture
async def stains(tmp_path: Path) -> AsyncIterator[Other]:
    async with up(tmp_path / "stains") as opened:
        yield opened


def declared(address: str, **said: str) -> str:
    more = "".join(f"{name} = {value}\n" for name, value in said.items() if name not in ("kinds", "territories"))
    where = "".join(f"{name} = {said[name]}\n" for name in ("kinds", "territories") if name in said)
    return f'{more}[where]\nnode = "{address}"\nprivate = true\n{where}'


async def filled(stains: Other) -> dict[str, str]:
    """A theme, who does what where, and their relation."""
    made = {"theme": await stains.add("theme", name="Musique"), "own": await stains.add("theme", name="Jardins")}
    made["choir"] = await stains.add("actor", name="Chœur de Stains", type="association", themes=[made["theme"]],
                                     licence="https://www.etalab.gouv.fr/licence-ouverte")  # fmt: skip
    made["concert"] = await stains.add(
        "action", name="Concert", type="event", themes=[made["theme"], made["own"]], start="2026-12-05T20:00+01:00",
        location=[489500000, 23800000], description="**Entrée** libre",
    )  # fmt: skip
    made["relation"] = await stains.add(
        "relation", subject=made["choir"], predicate="organises", object=made["concert"]
    )
    return made


async def fields_of(home: Home, kind: str) -> dict[str, dict[str, Any]]:
    """What is here of a kind, by the ids there."""
    found = {}
    for entry in await home.found(kind):
        shown = await home.ask("show", element=entry["id"])
        found[shown["fields"].get("source_id", entry["id"])] = shown["fields"] | {"id": entry["id"]}
    return found


async def test_what_is_there_is_here_with_its_origin_and_is_not_written_twice(home: Home, stains: Other) -> None:
    """Fields as they are; themes of a name that is known are ours; relations between the copies. Then: only changes."""
    music = str((await home.ask("add", kind="theme", fields={"name": "Musique"}))["element"])
    there = await filled(stains)
    await home.declare("stains", declared(stains.address, licence='"odbl-1.0"'))
    told = await home.run("stains")
    assert (told["outcome"], told["counts"]["created"], told["counts"]["known"]) == ("imported", 4, 1), told
    (actor,) = (await fields_of(home, "actor")).values()
    assert (actor["source"], actor["source_id"]) == ("convergences/FR-93072", there["choir"])
    titles = home.town.web_settings.source_titles
    assert titles and read_titles(titles) == {"convergences/FR-93072": "Stains"}, "in words that a resident knows"
    assert (actor["licence"], actor["themes"]) == ("https://www.etalab.gouv.fr/licence-ouverte", [music])
    assert actor["id"].startswith("FR-93066:")
    concert = (await fields_of(home, "action"))[there["concert"]]
    gardens = (await fields_of(home, "theme"))[there["own"]]["id"]
    assert (concert["themes"], concert["licence"], concert["fetched"]) == ([music, gardens], "odbl-1.0", "2026-11-22")
    assert (concert["location"], concert["description"]) == ([489500000, 23800000], "**Entrée** libre")
    shown = await home.town.index.element(concert["id"])
    assert shown is not None and [each.other for each in shown.relations] == [actor["id"]]
    size = await home.size()
    assert (await home.run("stains"))["outcome"] == "unchanged"
    told = await home.run("stains", whole=True)
    assert (told["outcome"], told["counts"]["unchanged"], await home.size()) == ("imported", 4, size)


async def test_a_node_is_looked_at_before_anything_of_it_comes_in(home: Home, stains: Other) -> None:
    """By its address alone, found out to be a node; each kind in turn, themes by their names; and declared so."""
    await filled(stains)
    gone = await stains.add("actor", name="Parti", type="association")
    await stains.do("erase", element=gone, reason="forgotten", now=True)
    size = await home.size()
    told = await home.ask("source_preview", where=stains.address, private=True)
    assert (told["format"], told["rows"], told["guessed"]) == ("convergences", 5, False)
    shown = [(one["kind"], one["fields"].get("name")) for one in told["elements"]]
    assert shown[:2] == [("action", "Concert"), ("actor", "Chœur de Stains")] and ("theme", "Jardins") in shown
    by_kind = {one["kind"]: one["fields"] for one in told["elements"]}
    assert by_kind["action"]["themes"] == ["Musique", "Jardins"]
    assert (by_kind["relation"]["subject"], by_kind["relation"]["object"]) == ("Chœur de Stains", "Concert")
    assert (
        f'node = "{stains.address}"' in told["declaration"] and "mapping" not in told["declaration"].split("\n", 1)[1]
    )
    await home.declare("stains", told["declaration"])
    again = await home.ask("source_preview", name="stains", rows=1)
    assert (len(again["elements"]), again["declaration"]) == (1, None)
    assert (await home.size(), len(await home.found("actor"))) == (size, 0), "nothing was written"
    with pytest.raises(RemoteError, match="private"):
        await home.ask("source_preview", where=stains.address)


async def test_only_what_is_new_is_fetched_and_what_is_gone_there_goes_here(home: Home, stains: Other) -> None:
    """A change, a withdrawal, an erasure, each alone; the logs are read from where the last reading ended."""
    there = await filled(stains)
    for number in range(20):
        await stains.add("place", name=f"École {number}", type="school")
    await home.declare("stains", declared(stains.address, gone='"withdraw"'))
    await home.run("stains")
    changed = {"name": "Concert de Noël", "type": "event", "start": "2026-12-06"}
    await stains.do("add", kind="action", element=there["concert"], fields=changed)
    told = await home.run("stains")
    assert (told["counts"]["rows"], told["counts"]["changed"]) == (1, 1)
    assert (await fields_of(home, "action"))[there["concert"]]["name"] == "Concert de Noël"
    await stains.do("withdraw", element=there["relation"])
    assert (await home.run("stains"))["gone_done"] == {"withdrawn": 1}
    copy = (await fields_of(home, "actor"))[there["choir"]]["id"]
    await stains.do("erase", element=there["choir"], reason="forgotten", now=True)
    assert (await home.run("stains"))["gone_done"] == {"erased": 1}
    await home.town.index.catch_up()
    assert await home.town.index.element(copy) is None
    history = await home.town.index.history(copy)
    assert [each.state for each in history] == ["erased"]
    told = await home.run("stains", whole=True)
    assert await home.town.index.element(copy) is None, "what is forgotten is not copied again"


async def test_so_much_gone_at_once_is_held_back_until_a_person_has_looked(home: Home, stains: Other) -> None:
    schools = [await stains.add("place", name=f"École {number}", type="school") for number in range(10)]
    await home.declare("stains", declared(stains.address, gone='"withdraw"', shrink="0.2"))
    await home.run("stains")
    for school in schools[:5]:
        await stains.do("withdraw", element=school)
    held = await home.run("stains")
    assert (held["outcome"], held["reason"]["code"]) == ("held", "source_shrunk")
    assert len(await home.found("place")) == 10
    assert (await home.run("stains", accept=True))["gone_done"] == {"withdrawn": 5}
    assert len(await home.found("place")) == 5


async def test_what_the_network_brings_is_not_copied_and_a_copy_makes_way(home: Home, stains: Other) -> None:
    """Copied first; then the town's log arrives by itself: the original is shown, once."""
    there = await filled(stains)
    await home.declare("stains", declared(stains.address))
    await home.run("stains")
    assert len(await home.found("actor")) == 1
    await _gossip(home, stains)
    told = await home.run("stains", whole=True)
    assert (told["counts"]["known"], told["counts"]["created"]) == (5, 0)
    assert told["gone_done"] == {"withdrawn": 5}
    await home.town.index.catch_up()
    shown = [item["id"] for item in await home.found("actor")]
    assert shown in ([], [there["choir"]])
    history = await home.town.archive.read(lambda reader: reader.own_log().size)
    await stains.add("actor", name="Nouvelle", type="association")
    told = await home.run("stains")
    assert (told["counts"]["created"], history) == (1, await home.size() - 1), "what is only there is still copied"


async def _gossip(home: Home, stains: Other) -> None:
    """The log of Stains comes here, and is kept as replication keeps it."""
    state = await stains.town.archive.read(lambda reader: reader.own_log())
    assert state.recovery_key is not None and state.head_note is not None
    origin, size = state.origin, state.head_size
    entries = await stains.town.archive.read(lambda reader: list(reader.entries(origin, 0, size)))
    batch = Batch(0, 0, tuple(each.header for each in entries), tuple(each.body or False for each in entries), ())
    await home.town.archive.keep_log(LogIdentity(origin, state.key, state.recovery_key))
    checked = check_batch(Frontier(), batch, held(state.head_note))
    await home.town.archive.keep_batch(origin, checked, examine(checked))


async def test_a_node_that_lies_is_refused_and_nothing_of_it_is_kept(home: Home, stains: Other) -> None:
    """Another key for a log that is known; a key that has signed nothing; no node at all."""
    await home.declare("stains", declared(stains.address))
    await filled(stains)
    await home.run("stains")
    size = await home.size()
    logs = msgspec.json.decode(await _get(f"{stains.address}/api/v1/logs"))
    logs["logs"][0]["key"] = "00" * 32
    async with _saying({"/api/v1/logs": msgspec.json.encode(logs)}) as address:
        await home.declare("stains", declared(address), replace=True)
        told = await home.run("stains")
        assert (told["outcome"], told["reason"]["code"]) == ("failed", "source_wrong")
        await home.declare("other", declared(address))
        assert (await home.run("other"))["outcome"] == "failed", "nor does a key that has not signed help"
    assert await home.size() == size
    async with _saying({}) as address:
        await home.declare("nothing", declared(address))
        told = await home.run("nothing")
        assert (told["outcome"], told["reason"]["code"]) == ("failed", "source_wrong")


@asynccontextmanager
async def _saying(files: dict[str, bytes]) -> AsyncIterator[str]:
    """A server that has these files alone."""

    def answer(body: bytes) -> Any:
        async def handler(request: web.Request) -> web.Response:
            return web.Response(body=body)

        return handler

    app = web.Application()
    for path, body in files.items():
        app.router.add_get(path, answer(body))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _get(address: str) -> bytes:
    async with ClientSession() as session, session.get(address) as answer:
        return await answer.read()
