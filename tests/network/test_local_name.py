# SPDX-License-Identifier: AGPL-3.0-or-later
"""What this machine is called on its network, by what its responder says of its address."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from convergences_node.checkup import Sign, sentence, what_to_do
from convergences_node.checkup.local_name import local_name_signs
from convergences_node.network.discovery import Discovery
from convergences_node.network.local_name import LocalName, heard_name, reverse_name
from convergences_node.town import Town
from zeroconf import DNSIncoming, DNSOutgoing, DNSPointer  # type: ignore[attr-defined]  # see discovery.py

HERE = "127.0.0.1"
MULTICAST, PORT = "224.0.0.251", 5353
RESPONSE, TYPE_PTR, CLASS_IN_UNIQUE = 0x8400, 12, 0x8001
WITHIN_S = 15


class Responder(asyncio.DatagramProtocol):
    """The least of RFC 6762: says a name for one address, to whoever asks, or of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked = asyncio.Event()
        self._out: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._out = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: object) -> None:
        if any(each.name.lower() == reverse_name(HERE) for each in DNSIncoming(data).questions):
            self.asked.set()
            self.tell(self.name)

    def tell(self, name: str, seconds: int = 120) -> None:
        said = DNSOutgoing(RESPONSE)
        said.add_answer_at_time(DNSPointer(reverse_name(HERE), TYPE_PTR, CLASS_IN_UNIQUE, seconds, name), 0)
        assert self._out is not None
        for packet in said.packets():
            self._out.sendto(packet, (MULTICAST, PORT))


@asynccontextmanager
async def responder(name: str) -> AsyncIterator[Responder]:
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        own.setsockopt(socket.SOL_SOCKET, option, 1)
    own.bind(("", PORT))
    group = struct.pack("4s4s", socket.inet_aton(MULTICAST), socket.inet_aton("127.0.0.1"))
    own.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    own.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(lambda: Responder(name), sock=own)
    try:
        yield made
    finally:
        transport.close()


async def called(discovery: Discovery, name: str | None) -> None:
    """Wait until it has heard so."""
    async with asyncio.timeout(WITHIN_S):
        while discovery.name != name:  # noqa: ASYNC110 - it tells nobody: a page asks when it is drawn
            await asyncio.sleep(0.01)


async def test_the_name_is_asked_once_and_its_changes_are_heard() -> None:
    """It is what the machine's own responder says of the machine's address, and of no other one."""
    async with responder("stains-2.local.") as machine:
        discovery = Discovery(bytes([9]) * 32, lambda key, addresses: None, [HERE])
        try:
            await discovery.start([])
            await called(discovery, "stains-2.local")
            assert machine.asked.is_set()
            machine.tell("nobody <b>.local.")
            machine.tell("Stains-Nord.local.")
            await called(discovery, "stains-nord.local")
            machine.tell("stains-nord.local.", seconds=0)
            await called(discovery, None)
        finally:
            await discovery.stop()


@pytest.mark.parametrize(
    ("host", "heard", "taken"),
    [
        ("stains", None, False),
        ("stains", "stains.local", False),
        ("Stains", "stains.local", False),
        ("stains", "stains-2.local", True),
        ("stains", "stains7.local", True),  # as systemd-resolved counts
        ("stains-2", "stains-3.local", True),
        ("stains", "mairie.local", False),  # chosen for the responder alone
        ("stains", "stains-nord.local", False),
    ],
)
def test_a_number_behind_the_name_says_that_another_device_has_it(host: str, heard: str | None, taken: bool) -> None:
    assert LocalName(host, heard).is_taken == taken
    assert LocalName(host, heard).name == (heard or f"{host}.local")


@pytest.mark.parametrize(
    "text", ["", "local.", "a.b.local.", "a b.local.", "-a.local.", "a.example.", "a" * 64 + ".local."]
)
def test_what_is_no_name_of_a_machine_is_not_shown(text: str) -> None:
    assert heard_name(text) is None


def signs_of(heard: str | None, http_address: str | None) -> list[Sign]:
    town: Any = SimpleNamespace(
        local_name=LocalName("stains", heard), local_address=f"http://{heard}", http_address=http_address
    )
    return list(local_name_signs(cast("Town", town)))


def test_the_page_says_when_another_device_has_the_name() -> None:
    (sign,) = signs_of("stains-2.local", "http://0.0.0.0:80/")
    assert sign.level == "care"
    assert sentence(sign, "fr") == (
        "Un autre appareil du réseau s’appelle déjà stains.local\u00a0; le vôtre répond à http://stains-2.local/."
    )
    assert "guide" in what_to_do(sign, "fr") and "guide" in what_to_do(sign, "en")
    (sign,) = signs_of("stains.local", "http://0.0.0.0:80/")
    assert (sign.level, what_to_do(sign, "fr")) == ("good", "")


@pytest.mark.parametrize(
    ("heard", "http_address"),
    [(None, "http://0.0.0.0:80/"), ("stains.local", "http://127.0.0.1:80/"), ("a.local", None)],
)
def test_nothing_is_said_of_a_name_that_nobody_gave_or_can_use(heard: str | None, http_address: str | None) -> None:
    assert signs_of(heard, http_address) == []


@pytest.mark.parametrize(
    ("http_address", "shown"),
    [
        ("http://0.0.0.0:80/", "http://stains-2.local/"),
        ("http://[::]:8080/", "http://stains-2.local:8080/"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/"),
        (None, None),
    ],
)
def test_status_shows_an_address_that_a_browser_opens(http_address: str | None, shown: str | None) -> None:
    class Named(Town):
        local_name = property(lambda town: LocalName("stains", "stains-2.local"))

    town = object.__new__(Named)
    town.http_address = http_address
    assert town.pages_address == shown
