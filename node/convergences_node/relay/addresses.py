# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every address that a relay has on the web, made and read in one place.

An event and an actor are called what they are called everywhere (decision 71): `<node>/e/<id>`. The relay itself is
`<node>/relay`, and what belongs to an actor is below `/relay/<id>/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from convergences_protocol.element import is_element_text

from convergences_node.relay.rows import RELAY

NAME = "relay"
"""The relay's name: `relay@<host>`."""
PATH = "/relay"
KEY = "main-key"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Of one node, by its public address."""

    base: str

    @property
    def host(self) -> str:
        """With its port, if that is not the usual one."""
        return urlsplit(self.base).netloc.lower()

    def element(self, element: str) -> str:
        return f"{self.base}/e/{quote(element, safe=':')}"

    def actor(self, owner: str) -> str:
        """The actor that an element's id, or nothing, stands for."""
        return self.element(owner) if owner else f"{self.base}{PATH}"

    def key(self, owner: str) -> str:
        return f"{self.actor(owner)}#{KEY}"

    def below(self, owner: str, name: str) -> str:
        """What belongs to an actor: its inbox, its collections."""
        return f"{self.base}{PATH}/{quote(owner, safe=':')}/{name}" if owner else f"{self.base}{PATH}/{name}"

    def owner_of(self, address: object) -> str | None:
        """Whom an actor's address stands for; None for what is no actor's address here."""
        if not isinstance(address, str):
            return None
        if address == self.actor(RELAY):
            return RELAY
        name = address.removeprefix(f"{self.base}/e/")
        return name if is_element_text(name) and address == self.element(name) else None


def host_of(address: object, private: bool) -> str | None:
    """The server of an address that may be spoken to, port included: https, or http too where that is meant."""
    if not isinstance(address, str) or len(address) > ADDRESS_CHARS_MAX or not address.isascii():
        return None
    try:
        parts = urlsplit(address)
        named, _port = parts.hostname, parts.port
    except ValueError:
        return None
    fits = parts.scheme == "https" or (private and parts.scheme == "http")
    plain = "@" not in parts.netloc and address.isprintable() and " " not in address
    return parts.netloc.lower() if fits and named and plain and (private or not named.startswith("[")) else None


ADDRESS_CHARS_MAX = 1_000
"""Of an actor or an inbox; the longest seen have about 150."""
