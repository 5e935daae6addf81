# SPDX-License-Identifier: AGPL-3.0-or-later
"""Inboxes are open to the whole world: lies, replays, floods and bombs are refused, and leave nothing behind."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from email.utils import formatdate

import pytest
from convergences_node.relay import store as store_module
from convergences_node.relay.rows import RELAY, Follower
from convergences_node.relay.senders import HOST_ASKED_BURST
from convergences_node.relay.signing import BadSignature, read_signature
from convergences_node.relay.wire import Unreachable, Wire
from convergences_node.web.relay.actors import SENT_BURST

from .conftest import Place
from .neighbour import Neighbour, key_of, neighbour

Answer = tuple[int, str]
Lie = Callable[[Place, Neighbour], Awaitable[Answer]]
DAY = 86_400


async def _unsigned(here: Place, other: Neighbour) -> Answer:
    return await other.send(here.inbox, json.dumps(other.follow(f"{here.base}/relay")).encode(), {})


async def _another_body(here: Place, other: Neighbour) -> Answer:
    """Signed, and then changed on the way."""
    body = json.dumps(other.follow(f"{here.base}/relay")).encode()
    headers = other.sign("/relay/inbox", here.base.removeprefix("http://"), body)
    return await other.send(here.inbox, body.replace(b"follow/1", b"follow/2"), headers)


async def _another_inbox(here: Place, other: Neighbour) -> Answer:
    body = json.dumps(other.follow(f"{here.base}/relay")).encode()
    return await other.send(here.inbox, body, other.sign("/elsewhere", here.base.removeprefix("http://"), body))


async def _another_host(here: Place, other: Neighbour) -> Answer:
    body = json.dumps(other.follow(f"{here.base}/relay")).encode()
    headers = other.sign("/relay/inbox", "other.example", body)
    return await other.send(here.inbox, body, headers | {"Host": here.base.removeprefix("http://")})


async def _another_key(here: Place, other: Neighbour) -> Answer:
    other.document = {"publicKey": {"id": f"{other.actor}#main-key", "owner": other.actor, "publicKeyPem": "none"}}
    return await other.post(here.inbox, other.follow(f"{here.base}/relay"))


async def _false_signature(here: Place, other: Neighbour) -> Answer:
    other.document = {"publicKey": {"id": f"{other.actor}#main-key", "owner": other.actor, "publicKeyPem": other.pem}}
    other.key = key_of(1)
    return await other.post(here.inbox, other.follow(f"{here.base}/relay"))


async def _key_of_another_host(here: Place, other: Neighbour) -> Answer:
    key_id = other.actor.replace("127.0.0.1", "localhost") + "#main-key"
    return await other.post(here.inbox, other.follow(f"{here.base}/relay"), key_id=key_id)


async def _in_the_name_of_another(here: Place, other: Neighbour) -> Answer:
    """The key is one's own; the actor is somebody else's, on another server."""
    async with neighbour() as victim:
        wish = other.follow(f"{here.base}/relay", actor=victim.actor)
        answer = await other.post(here.inbox, wish)
        assert victim.asked == 0, "nobody is asked about what is refused before"
        return answer


async def _in_the_name_of_a_neighbour(here: Place, other: Neighbour) -> Answer:
    """The actor is another one of the same server, whose document says another id."""
    wish = other.follow(f"{here.base}/relay", actor=f"{other.actor}?x")
    return await other.post(here.inbox, wish, key_id=f"{other.actor}?x#main-key")


async def _inbox_elsewhere(here: Place, other: Neighbour) -> Answer:
    """So that a third party would be told what it did not ask for."""
    other.document = {"inbox": "http://127.0.0.1:9/inbox", "endpoints": None}
    return await other.post(here.inbox, other.follow(f"{here.base}/relay"))


LIES: dict[str, tuple[Lie, Answer]] = {
    "unsigned": (_unsigned, (401, "signature-missing")),
    "another body": (_another_body, (401, "digest-wrong")),
    "another inbox": (_another_inbox, (401, "signature-false")),
    "another host": (_another_host, (401, "signature-false")),
    "no key": (_another_key, (401, "key-unfit")),
    "another key": (_false_signature, (401, "signature-false")),
    "a key of another host": (_key_of_another_host, (401, "key-of-another")),
    "another's name": (_in_the_name_of_another, (401, "key-of-another")),
    "a neighbour's name": (_in_the_name_of_a_neighbour, (401, "actor-unreachable")),
    "an inbox elsewhere": (_inbox_elsewhere, (401, "actor-unreachable")),
}


async def test_a_lie_is_refused_and_leaves_nothing(here: Place) -> None:
    """Each by a server of its own: what is learnt of one says nothing of the next."""
    for name, (tell, expected) in LIES.items():
        async with neighbour() as other:
            assert await tell(here, other) == expected, name
    assert here.relay.store.followed() == [] and here.relay.store.waiting() == 0


async def test_what_is_dated_otherwise_or_signs_too_little_is_refused(here: Place, other: Neighbour) -> None:
    """A day late, a day early, no date that can be read; without the digest, the host or the path."""
    wish, now = other.follow(f"{here.base}/relay"), here.town.now()
    for date, code in ((formatdate(now - DAY, usegmt=True), "date-far"), ("soon", "date-unreadable")):
        assert await other.post(here.inbox, wish, date=date) == (401, code)
    assert await other.post(here.inbox, wish, date=formatdate(now + DAY, usegmt=True)) == (401, "date-far")
    for names in ("(request-target) host date", "host date digest", "(request-target) date digest", "digest"):
        assert await other.post(here.inbox, wish, names=names) == (401, "signature-too-little")
    assert await other.post(here.inbox, wish, digest="SHA-256=AAAA") == (401, "digest-wrong")
    assert (other.asked, here.relay.store.followed()) == (0, []), "nobody was asked for a key"


async def test_what_was_said_is_not_said_again_by_another(here: Place, other: Neighbour) -> None:
    """A wish to follow that was overheard does not undo an Undo."""
    body = json.dumps(other.follow(f"{here.base}/relay")).encode()
    headers = other.sign("/relay/inbox", here.base.removeprefix("http://"), body)
    assert (await other.send(here.inbox, body, headers))[0] == 202
    undo = {"id": f"{other.base}/undo", "type": "Undo", "actor": other.actor, "object": f"{other.base}/follow/1"}
    assert (await other.post(here.inbox, undo))[0] == 202
    assert await other.send(here.inbox, body, headers) == (401, "said-before")
    assert here.relay.store.followed() == []


STRANGE: tuple[tuple[bytes, int], ...] = (
    (b"x" * 20_000, 413),
    (b"[" * 16_000, 400),
    (b'{"type":"Follow","object":' * 600, 400),
    (b'{"type":"Follow","id":"1","actor":{"id":{"id":1}},"object":7}', 400),
    (b'{"type":"Follow"}', 400),
    (b"\xff\xfe", 400),
    (b"", 400),
    (b"7", 400),
    (b'{"type":["Follow"],"actor":1}', 202),
    (b'{"type":"Create","actor":"https://a.example/b","object":{"type":"Note"}}', 202),
    (b'{"type":"Delete","actor":"https://a.example/b","id":"x","object":"https://a.example/b"}', 202),
)


async def test_what_is_no_wish_is_let_go_or_refused_before_anybody_is_asked(here: Place, other: Neighbour) -> None:
    """Too large, too deep, of another shape; what concerns nobody here is taken unread and thrown away."""
    for body, status in STRANGE:
        assert (await other.post(here.inbox, body))[0] == status, body[:60]
    assert (other.asked, here.relay.store.followed()) == (0, [])


async def test_a_flood_is_slowed_and_does_not_make_us_one(here: Place, other: Neighbour) -> None:
    """Of a thousand who claim to be accounts of one server, that server is asked about a few; then the client waits."""
    answers: list[Answer] = []
    for number in range(SENT_BURST + 20):
        actor = f"{other.base}/users/{number}"
        wish = other.follow(f"{here.base}/relay", actor=actor)
        answers.append(await other.post(here.inbox, wish, key_id=f"{actor}#main-key"))
    codes = [code for _, code in answers]
    assert codes.count("actor-unreachable") <= HOST_ASKED_BURST + 20  # 404 there: each was asked once
    assert "too-busy" in codes and "too-many" in codes
    assert here.relay.store.followed() == []


async def test_servers_that_are_blocked_or_beyond_the_bounds_do_not_follow(
    here: Place, other: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "HOST_FOLLOWERS_MAX", 1)
    host = other.base.removeprefix("http://")
    here.relay.store.follow(Follower(f"{other.base}/a", RELAY, f"{other.base}/inbox", host, "1", 0))
    assert await other.post(here.inbox, other.follow(f"{here.base}/relay")) == (503, "followers-full")
    assert (await here.do("relay_block", host="127.0.0.1"))["state"] == "blocked"
    assert here.relay.store.followed() == []
    assert await other.post(here.inbox, other.follow(f"{here.base}/relay", id="2")) == (403, "blocked")


def test_signature_headers_that_are_none() -> None:
    """Cut, doubled, endless, of another algorithm, with a value that is no base64."""
    good = 'keyId="https://a.example/b#k",headers="(request-target) host date digest",signature="AAAA"'
    assert read_signature(good).key_id == "https://a.example/b#k"
    for bad in (
        None, "", "x", good[:-3], f"{good},{good}", f"{good}," + "a" * 5_000, good.replace("AAAA", "é!"),
        f'{good},algorithm="rsa-sha1"', good.replace("keyId", "key"), good.replace("date", "date date"),
    ):  # fmt: skip
        with pytest.raises(BadSignature):
            read_signature(bad)


async def test_no_address_of_this_machine_is_spoken_to_unless_it_is_meant(here: Place, other: Neighbour) -> None:
    """Neither to ask nor to tell, whatever its name: the socket is not made."""
    wire = Wire(here.relay.addresses, here.relay._key, False, here.town.now)
    for address in (other.actor, other.actor.replace("127.0.0.1", "localhost")):
        with pytest.raises(Unreachable, match="not an address of the Internet"):
            await wire.ask(address)
        with pytest.raises(Unreachable, match="not an address of the Internet"):
            await wire.tell(address, RELAY, b"{}")
    assert other.asked == 0
