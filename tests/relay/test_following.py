# SPDX-License-Identifier: AGPL-3.0-or-later
"""A stranger's server follows a town, is told what happens there, and reads it as it is in the town's records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from convergences_node.founding import Settings, create_town
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_protocol.edtf import span

from .conftest import Place
from .neighbour import AS, Neighbour

TAKEN_OVER = (
    "name", "type", "status", "description", "timezone", "postcode", "locality", "location", "address",
)  # fmt: skip
"""Fields that an event has there as here. Its site is our page, from where it was taken."""


async def workshop(here: Place) -> tuple[str, str, str]:
    """An event with all that there is to tell, who organises it, and its theme."""
    theme = await here.add("theme", name="Économie sociale")
    club = await here.add("actor", name="Atelier vélo du Canal", type="association", summary="On y répare son vélo.")
    event = await here.add(
        "action", name="Fête des communs", type="event", status="confirmed", themes=[theme],
        summary="Une journée ensemble", description="Venez **nombreux**.\n\n- dès midi\n- avec des amis",
        start=f"{here.day(9)}T14:00+01:00", end=f"{here.day(9)}T18:00+01:00", timezone="Europe/Paris",
        address="1 rue des Lilas", postcode="93200", locality="Saint-Denis", location=[490000000, 23600000],
        website="https://fete.example/",
    )  # fmt: skip
    await here.add("relation", subject=club, predicate="organises", object=event)
    await here.town.index.catch_up()
    return event, club, theme


async def follow(here: Place, other: Neighbour, whom: str | None = None, **changed: str) -> None:
    assert await other.post(here.inbox, other.follow(whom or f"{here.base}/relay", **changed)) == (202, "")


async def test_a_server_follows_is_accepted_and_told_and_reads_the_same_event(
    here: Place, other: Neighbour, tmp_path: Path
) -> None:
    """Follow, Accept; a new event: Create by its organiser, Announce by the relay; the object, taken in elsewhere."""
    here.relay.start()
    await follow(here, other)
    (accept,) = await other.hear(1)
    assert (accept["type"], accept["actor"], accept["object"]["id"]) == (
        "Accept", f"{here.base}/relay", f"{other.base}/follow/1",
    )  # fmt: skip
    event, club, _ = await workshop(here)
    await here.relay.publish()
    told = {activity["type"]: activity for activity in (await other.hear(3))[1:]}
    assert told["Announce"]["actor"] == f"{here.base}/relay"
    assert told["Create"]["actor"] == f"{here.base}/e/{club}"
    found = await here.document(told["Announce"]["object"])
    assert found["id"] == told["Announce"]["object"] == f"{here.base}/e/{event}"
    assert told["Create"]["object"] == {name: value for name, value in found.items() if name != "@context"}
    _as_mobilizon_wants_it(here, found)
    before = (await here.do("show", element=event))["fields"]
    after = await _taken_in(found, tmp_path)
    assert {name: after.get(name) for name in TAKEN_OVER} == {name: before[name] for name in TAKEN_OVER}
    for moment in ("start", "end"):  # to the minute there, to the second here
        assert span(after[moment])[0] == span(before[moment])[0]
    assert after["source_id"] == after["website"] == found["id"]
    assert other.false == []


def _as_mobilizon_wants_it(here: Place, event: dict[str, Any]) -> None:
    """The pitfalls of its `as_to_model_data`, one by one."""
    assert event["attributedTo"].startswith(f"{here.base}/") and event["actor"] == event["attributedTo"]
    assert event["to"] == [f"{AS}#Public"] and isinstance(event["cc"], list)
    assert (event["joinMode"], event["externalParticipationUrl"]) == ("external", "https://fete.example/")
    place = event["location"]
    # Written as JSON, 49.0 must not become 49, which it drops.
    assert '"latitude": 49.0' in json.dumps(place) and isinstance(place["longitude"], float)
    assert place["address"]["streetAddress"] == "1 rue des Lilas"
    assert event["startTime"].endswith("+01:00") and event["timezone"] == "Europe/Paris"
    assert event["status"] == event["ical:status"] == "CONFIRMED" and event["category"] == "COMMUNITY"
    assert isinstance(event["attachment"], list) and event["draft"] is False and event["isOnline"] is False
    assert [tag["name"] for tag in event["tag"]] == ["#Économie sociale"]
    assert event["summary"] == "Une journée ensemble" and "<strong>nombreux</strong>" in event["content"]
    assert (event["repliesModerationOption"], event["commentsEnabled"]) == ("closed", False)
    assert len(event["uuid"]) == 36


async def _taken_in(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The fields of the event in another town that imports the document with its own reader of Mobilizon."""
    file = folder / "event.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    settings: Settings = {"http": {"port": 0}, "p2p": {"enabled": False}, "discovery": {"zeroconf": False}}
    await create_town(folder / "stains", "FR-93072", "town", "Stains", settings=settings)
    async with Town.open(folder / "stains") as town:
        report = await perform(town, "import", {"path": str(file)}, lambda event: None)
        assert (report["created"], report["refused_count"]) == (1, 0), report
        await town.index.catch_up()
        (item,) = (await perform(town, "search", {"query": {"kind": "action"}}, lambda event: None))["items"]
        shown = await perform(town, "show", {"element": item["id"]}, lambda event: None)
        fields: dict[str, Any] = shown["fields"]
        return fields


async def test_what_changes_is_updated_and_what_is_erased_is_deleted(here: Place, other: Neighbour) -> None:
    """And an event that somebody withdrew; an event that is over is left as it was told, until it is erased."""
    here.relay.start()
    await follow(here, other)
    await other.hear(1)
    event, club, _ = await workshop(here)
    await here.relay.publish()
    await other.hear(3)
    await here.do("add", kind="action", element=event, fields={
        "name": "Fête reportée", "type": "event", "status": "cancelled", "start": here.day(9)})  # fmt: skip
    assert await here.relay.publish() == 1
    update = next(each for each in await other.hear(5) if each["type"] == "Update")
    assert (update["object"]["name"], update["object"]["status"]) == ("Fête reportée", "CANCELLED")
    assert update["actor"] == f"{here.base}/e/{club}"
    here.ahead[0] = 30 * 86_400
    assert await here.relay.publish() == 0, "what is over has not disappeared"
    here.ahead[0] = 0
    await here.do("erase", element=event, reason="forgotten", now=True)
    await here.relay.publish()
    delete = await other.hear_of("Delete", f"{here.base}/e/{event}")
    assert delete["object"] == {"id": f"{here.base}/e/{event}", "type": "Tombstone"}
    status, _, found = await here.get(f"/e/{event}")
    assert (status, found["type"]) == (410, "Tombstone")
    assert other.false == []


async def test_an_actor_is_followed_by_itself_and_forgets_who_leaves(here: Place, other: Neighbour) -> None:
    """Its followers hear of its events alone; Undo is enough to hear no more."""
    here.relay.start()
    event, club, _ = await workshop(here)
    person = await here.add("actor", name="Zoé", type="person")
    address = f"{here.base}/e/{club}"
    assert await other.post(f"{here.base}/relay/{club}/inbox", other.follow(address)) == (202, "")
    assert await other.post(here.inbox, other.follow(f"{here.base}/e/{person}")) == (404, "nobody-here")
    await other.hear(1)
    await here.add("action", name="Ailleurs", type="event", start=here.day(3))
    await here.relay.publish()
    assert [each["type"] for each in await other.hear(2)] == ["Accept", "Create"]
    assert other.heard[1]["object"]["id"] == f"{here.base}/e/{event}"
    followers = await here.document(f"/relay/{club}/followers")
    assert (followers["totalItems"], followers["orderedItems"]) == (1, []), "who follows is told to nobody"
    wish = {key: value for key, value in other.follow(address).items() if key != "@context"}
    undo = {"id": f"{other.base}/undo/1", "type": "Undo", "actor": other.actor, "object": wish}
    assert await other.post(here.inbox, undo) == (202, "")
    assert here.relay.store.inboxes([club]) == []


async def test_an_actor_that_is_gone_says_so_and_a_follower_that_is_gone_is_forgotten(
    here: Place, other: Neighbour
) -> None:
    here.relay.start()
    _, club, _ = await workshop(here)
    await follow(here, other, f"{here.base}/e/{club}")
    await follow(here, other)
    await other.hear(2)
    await here.do("withdraw", element=club)
    await here.relay.publish()
    await other.hear_of("Delete", f"{here.base}/e/{club}")
    assert other.false == []
    other.actor_status = 410
    here.relay._inbox._senders._kept.clear()
    delete = {"id": f"{other.base}/gone", "type": "Delete", "actor": other.actor, "object": other.actor}
    assert await other.post(here.inbox, delete) == (202, "")
    assert here.relay.store.followed() == []


async def test_a_server_that_begins_to_follow_is_pointed_to_what_comes_next(here: Place, other: Neighbour) -> None:
    """A whole server, for whom it fills an agenda; not a person, whose evening it would fill."""
    here.relay.start()
    event, _, _ = await workshop(here)
    await follow(here, other)
    assert [each["type"] for each in await other.hear(2)] == ["Accept", "Announce"]
    assert other.heard[1]["object"] == f"{here.base}/e/{event}"
