# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a relay is found and walked through, as Mobilizon and Mastodon do it; and a node that is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from convergences_node.config import load_config
from convergences_node.relay import relay as relay_module
from convergences_node.relay.settings import why_off

from .conftest import Place, node
from .neighbour import ACTIVITY, AS
from .test_following import workshop

MOBILIZON_WALKS = ("outbox", "members", "resources", "posts", "todos", "discussions", "events")


async def test_webfinger_nodeinfo_and_host_meta_lead_to_the_relay(here: Place) -> None:
    """The relay by its name, an actor by its name and by its address; both versions of NodeInfo and FEP-2677's link."""
    host = here.base.removeprefix("http://")
    status, media, found = await here.get(f"/.well-known/webfinger?resource=acct:relay@{host}", "*/*")
    assert (status, media, found["subject"]) == (200, "application/jrd+json", f"acct:relay@{host}")
    me = {link["rel"]: link for link in found["links"]}["self"]
    assert me == {"rel": "self", "type": ACTIVITY, "href": f"{here.base}/relay"}
    _, club, _ = await workshop(here)
    group = await here.document(f"/e/{club}")
    name = group["preferredUsername"]
    assert name.startswith("atelier_velo_du_canal_") and name.replace("_", "").isalnum() and name == name.lower()
    for resource in (f"acct:{name}@{host}", group["id"]):
        _, _, found = await here.get(f"/.well-known/webfinger?resource={resource}")
        assert (found["subject"], found["aliases"]) == (f"acct:{name}@{host}", [group["id"]])
    for resource in ("acct:relay@elsewhere.example", f"acct:nobody@{host}", "relay", f"{here.base}/e/x"):
        assert (await here.get(f"/.well-known/webfinger?resource={resource}"))[0] == 404
    assert (await here.get("/.well-known/webfinger"))[0] == 400
    _, _, links = await here.get("/.well-known/nodeinfo", "application/json")
    there = {link["rel"]: link["href"] for link in links["links"]}
    assert there[f"{AS}#Application"] == f"{here.base}/relay"
    for version in ("2.0", "2.1"):
        _, _, info = await here.get(there[f"http://nodeinfo.diaspora.software/ns/schema/{version}"], "*/*")
        assert (info["version"], info["protocols"], info["software"]["name"]) == (
            version, ["activitypub"], "convergences",
        )  # fmt: skip
    told = await here.do("relay_status")
    assert (told["state"], told["account"], told["actor"]) == ("on", f"relay@{host}", f"{here.base}/relay")
    status, media, text = await here.get("/.well-known/host-meta", "*/*")
    assert (status, media) == (200, "application/xrd+xml") and "webfinger?resource={uri}" in text


async def test_a_group_is_walked_through_to_its_events(here: Place) -> None:
    """Mobilizon's refresher: every collection is there, in one page, and none of them is without its list."""
    event, club, _ = await workshop(here)
    await here.add("action", name="Passé", type="event", start=here.day(-9))
    await here.add("action", name="Chantier", type="project", start=here.day(9))
    await here.add("action", name="Un jour de 2030", type="event", start="2030")
    await here.add("action", name="Venu d'ailleurs", type="event", start=here.day(9), source="m",
                   source_id="https://mobilizon.example/events/1")  # fmt: skip
    await here.town.index.catch_up()
    group = await here.document(f"/e/{club}")
    assert (group["type"], group["publicKey"]["owner"]) == ("Group", group["id"])
    assert "BEGIN PUBLIC KEY" in group["publicKey"]["publicKeyPem"] and group["manuallyApprovesFollowers"] is False
    for name in MOBILIZON_WALKS:
        found = await here.document({**group["endpoints"], "outbox": group["outbox"]}[name])
        assert found["type"] == "OrderedCollection" and isinstance(found["orderedItems"], list), name
        assert found["totalItems"] == len(found["orderedItems"]) == (1 if name in ("outbox", "events") else 0), name
    relay = await here.document("/relay")
    assert (relay["type"], relay["preferredUsername"], relay["name"]) == ("Application", "relay", "Saint-Denis")
    assert relay["endpoints"]["sharedInbox"] == relay["inbox"]
    (create,) = (await here.document(relay["outbox"]))["orderedItems"]
    assert (create["type"], create["object"]["id"]) == ("Create", f"{here.base}/e/{event}")
    assert create["actor"] == create["object"]["attributedTo"] == group["id"]


async def test_an_outbox_has_all_that_is_to_come_the_later_ones_by_their_addresses(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mobilizon reads no second page: whatever is told is in the first, whole as far as a page should grow."""
    monkeypatch.setattr(relay_module, "OUTBOX_WHOLE_MAX", 1)
    ids = [await here.add("action", name=f"Jour {day}", type="event", start=here.day(day)) for day in (3, 1, 2)]
    await here.town.index.catch_up()
    outbox = await here.document("/relay/outbox")
    first, *later = outbox["orderedItems"]
    assert (outbox["totalItems"], first["object"]["name"]) == (3, "Jour 1")
    assert later == [f"{here.base}/e/{each}" for each in (ids[2], ids[0])]
    assert [(await here.document(each))["type"] for each in later] == ["Event", "Event"]


async def test_what_recurs_is_told_with_its_next_time_and_where_it_is_hosted(here: Place) -> None:
    """A weekly workshop that began last month; at a place that has the address."""
    hall = await here.add("place", name="Maison des associations", type="venue", address="1 rue des Lilas",
                          postcode="93200", locality="Saint-Denis", location=[489360000, 23540000])  # fmt: skip
    weekly = await here.add("action", name="Réparer", type="activity", start=f"{here.day(-28)}T18:00+01:00",
                            end=f"{here.day(-28)}T20:00+01:00", recurrence="FREQ=WEEKLY")  # fmt: skip
    await here.add("relation", subject=weekly, predicate="hosted_at", object=hall)
    await here.town.index.catch_up()
    event = await here.document(f"/e/{weekly}")
    assert event["startTime"][:10] in (here.day(0), here.day(7)) and event["startTime"][10:16] == "T18:00"
    assert event["endTime"][10:16] == "T20:00" and event["attributedTo"] == f"{here.base}/relay"
    assert event["location"]["name"] == "Maison des associations"
    assert event["location"]["address"]["postalCode"] == "93200" and event["location"]["latitude"] == 48.936


async def test_who_asks_for_something_else_is_given_what_it_was_given_before(here: Place) -> None:
    """A browser the page, SemApps PAIR, whether the node is a relay or not; a person is no actor."""
    event, _, _ = await workshop(here)
    person = await here.add("actor", name="Zoé", type="person")
    await here.town.index.catch_up()
    assert (await here.get(f"/e/{event}", "text/html"))[1] == "text/html"
    _, media, pair = await here.get(f"/e/{event}", "application/ld+json")
    assert (media, pair["type"]) == ("application/ld+json", "pair:Event")
    _, media, event_there = await here.get(f"/e/{event}", f'application/ld+json; profile="{AS}"')
    assert (media, event_there["type"]) == (ACTIVITY, "Event")
    assert (await here.get(f"/e/{person}"))[0] == 404
    assert (await here.get("/relay/nobody/outbox"))[0] == 404 == (await here.get("/relay/secrets"))[0]


async def test_a_node_that_is_no_relay_has_none_of_it(tmp_path: Path) -> None:
    """Nor one whose public address is not in https."""
    async with node(tmp_path / "none", enabled=False) as here:
        event, _, _ = await workshop(here)
        for path in ("/relay", "/relay/outbox", "/.well-known/webfinger?resource=x", "/nodeinfo/2.0"):
            assert (await here.get(path, "*/*"))[0] == 404, path
        assert (await here.get(f"/e/{event}"))[2]["type"] == "pair:Event"
        assert (await here.do("relay_status"))["why"] == "disabled"
        config = load_config(here.town.folder)
        assert why_off(config) == "disabled"
        config.relay.enabled, config.relay.private = True, False
        assert why_off(config) == "address"
        config.http.public_url = "https://saint-denis.example"
        assert why_off(config) is None
