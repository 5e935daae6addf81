# SPDX-License-Identifier: AGPL-3.0-or-later
"""A peer reached by two transports: what the one says is never taken for what the other says."""

from __future__ import annotations

from typing import Any, cast

from convergences_node.network.driver import Driver
from convergences_node.network.transport import Link

KEY = bytes(32)


class Machine:
    """Notes what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def connected(self, *_: Any) -> None:
        self.told.append("connected")

    def disconnected(self, *_: Any) -> None:
        self.told.append("disconnected")

    def receive(self, name: str, frame: bytes, now: float) -> None:
        self.told.append(frame.decode())

    def drained(self, *_: Any) -> None:
        self.told.append("drained")

    def outputs(self) -> list[Any]:
        return []

    def wake_at(self) -> None:
        return None


class Silent:
    """A transport that only lets go when it is told to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dropped = 0

    def drop(self, key: bytes) -> None:
        self.dropped += 1


def test_the_last_words_of_a_replaced_link_are_not_heard(monkeypatch: Any) -> None:
    """Nor is its end taken for the end of the link that replaced it; both once cost an honest peer an hour."""
    machine = Machine()
    driver = Driver(cast(Any, None), cast(Any, None), machine=cast(Any, machine))
    monkeypatch.setattr(driver, "_obey", lambda: None)
    http, p2p = Silent("http"), Silent("libp2p")
    for transport in (http, p2p):
        driver.attach(cast(Any, transport))
    by_http, by_p2p = driver.ear(cast(Any, http)), driver.ear(cast(Any, p2p))
    consumed: list[int] = []

    by_http.connected(Link(KEY, "http", "http://127.0.0.1:1/", True))
    by_http.received(KEY, b"hello over http", lambda: consumed.append(1))
    by_p2p.connected(Link(KEY, "libp2p", "/ip4/127.0.0.1/tcp/1", False))
    assert http.dropped == 1
    by_http.received(KEY, b"heads over http", lambda: consumed.append(2))
    by_http.drained(KEY, 0)
    by_http.disconnected(KEY)
    by_p2p.received(KEY, b"hello over libp2p", lambda: consumed.append(3))

    assert consumed == [1, 2, 3], "a frame that is not heard makes room for the next all the same"
    assert driver.links[KEY].transport == "libp2p"
    assert machine.told == ["connected", "hello over http", "disconnected", "connected", "hello over libp2p"]
