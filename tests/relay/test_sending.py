# SPDX-License-Identifier: AGPL-3.0-or-later
"""Servers that are down, slow, full or gone: told later, told what is true by then, and given up in the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from convergences_node.relay import store as store_module
from convergences_node.relay.rows import RELAY, Follower, Host, Mark
from convergences_node.relay.sending import BACKOFF_SECONDS_MAX, GIVE_UP_SECONDS
from convergences_node.relay.store import Store
from convergences_node.town import Town

from .conftest import Place, node
from .neighbour import Neighbour
from .test_following import follow, workshop


async def quiet(here: Place, host: str) -> None:
    """Tell one server what is to be told it now, and wait until that is done or has failed."""
    await here.relay._sender._serve(host)


async def test_a_server_that_is_down_is_told_later_and_only_what_is_true_by_then(here: Place, other: Neighbour) -> None:
    """It fails, waits longer each time, survives a restart; what was changed meanwhile is told once, as it is."""
    host, store = other.base.removeprefix("http://"), here.relay.store
    await follow(here, other)
    other.status = 503
    await quiet(here, host)
    first = store.host(host)
    assert first is not None and first.failures == 1 and first.due > here.town.now()
    event, _, _ = await workshop(here)
    await here.relay.publish()
    assert store.due(here.town.now(), BACKOFF_SECONDS_MAX) == [], "it is not asked again before it is due"
    here.ahead[0] = 600
    assert store.due(here.town.now(), BACKOFF_SECONDS_MAX) == [host]
    await quiet(here, host)
    second = store.host(host)
    assert second is not None and second.failures == 2 and second.since == first.since
    assert second.due - here.town.now() > first.due - first.since
    await here.do("add", kind="action", element=event, fields={"name": "Autre nom", "type": "event",
                                                               "start": here.day(9)})  # fmt: skip
    await here.relay.publish()
    assert store.waiting() == 3, "the change takes the place of the news"
    with Store(here.town.folder) as again:
        assert (again.waiting(), again.host(host)) == (3, second)
    other.status, here.ahead[0] = 202, 0
    await quiet(here, host)
    assert [each["type"] for each in other.heard] == ["Accept", "Create", "Announce"]
    assert other.heard[1]["object"]["name"] == "Autre nom"
    assert (store.host(host), store.waiting()) == (None, 0)
    assert other.false == []


async def test_a_server_that_is_silent_for_a_week_is_given_up_and_one_that_refuses_is_not_asked_twice(
    here: Place, other: Neighbour
) -> None:
    host, store = other.base.removeprefix("http://"), here.relay.store
    await follow(here, other)
    other.status = 403
    await quiet(here, host)
    assert (store.waiting(), store.host(host), store.followed()) == (0, None, [RELAY])
    await workshop(here)
    await here.relay.publish()
    other.status = 500
    store.failed(Host(host, 9, here.town.now() - GIVE_UP_SECONDS - 1, 0))
    await quiet(here, host)
    assert (store.waiting(), store.host(host), store.followed()) == (0, None, [])
    other.status = 202
    await follow(here, other, id="again")
    await quiet(here, host)
    await here.add("action", name="Encore", type="event", start=here.day(5))
    await here.relay.publish()
    assert (store.followed(), store.waiting()) == ([RELAY], 2)
    other.status = 410
    await quiet(here, host)
    assert (store.followed(), store.waiting()) == ([], 0)


async def test_what_is_erased_before_it_could_be_told_is_not_told(here: Place, other: Neighbour) -> None:
    """The queue has names and no words; the file neither."""
    host = other.base.removeprefix("http://")
    await follow(here, other)
    event, _, _ = await workshop(here)
    await here.relay.publish()
    await here.do("erase", element=event, reason="forgotten", now=True)
    await here.relay.publish()
    await quiet(here, host)
    assert [each["type"] for each in other.heard] == ["Accept", "Delete"]
    here.relay.store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = (here.town.folder / "relay.db").read_bytes()
    assert b"communs" not in kept and b"Atelier" not in kept


async def test_what_an_index_merely_lacks_is_not_deleted(here: Place, other: Neighbour) -> None:
    """A node put back from a backup knows less than it told; nobody is told that the rest is gone."""
    await follow(here, other)
    event, _, _ = await workshop(here)
    await here.relay.publish()
    unknown = event[:-4] + ("0000" if event[-4:] != "0000" else "1111")
    here.relay.store.mark(unknown, Mark(b"m", RELAY, here.town.now() + 9 * 86_400))
    before = here.relay.store.waiting()
    assert (await here.relay.publish(), here.relay.store.waiting()) == (0, before)
    assert unknown in here.relay.store.marks(), "it is looked at again"


def test_the_queue_and_the_followers_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One server cannot take the room of all; what there is no room for is counted."""
    monkeypatch.setattr(store_module, "HOST_DELIVERIES_MAX", 3)
    monkeypatch.setattr(store_module, "DELIVERIES_MAX", 4)
    with Store(tmp_path) as store:
        one, two = ("a.example", "https://a.example/inbox"), ("b.example", "https://b.example/inbox")
        assert [store.queue("Create", str(number), "", [one]) for number in range(5)] == [0, 0, 0, 1, 1]
        assert [store.queue("Create", str(number), "", [two]) for number in range(3)] == [0, 1, 1]
        assert store.queue("Delete", "0", "", [one, two]) == 0, "what takes another's place needs none"
        assert (store.waiting("a.example"), store.waiting()) == (3, 4)
        store.follow(Follower("https://b.example/u", RELAY, two[1], "b.example", "1", 0))
        assert store.block("example", 0) and not store.block("example", 0)
        assert (store.waiting(), store.followed(), store.is_blocked("x.a.example:8443")) == (0, [], True)
        assert not store.is_blocked("an-example.org") and store.unblock("example") and store.blocked() == []


async def test_the_key_and_the_followers_are_there_after_a_restart(tmp_path: Path, other: Neighbour) -> None:
    """A new key would be a new server to all who know this one."""
    async with node(tmp_path / "node") as here:
        await follow(here, other)
        pem = (await here.document("/relay"))["publicKey"]["publicKeyPem"]
    async with Town.open(tmp_path / "node") as town:
        from convergences_node.relay.relay import Relay

        relay = await Relay.open(town)
        assert relay._key.public_pem() == pem and relay.store.followed() == [RELAY]
        await relay.stop()
        assert b"PRIVATE" not in (tmp_path / "node" / "keys" / "relay.key").read_bytes()
