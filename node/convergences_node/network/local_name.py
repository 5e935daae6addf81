# SPDX-License-Identifier: AGPL-3.0-or-later
"""The name by which this machine answers on the local network, which is not always the one that it was given.

Names under `.local` belong to whoever came first (RFC 6762 §9): where another device has the name already, this one is
called `stains-2.local` by its responder (avahi), and `stains.local` opens the other device. The name that counts is
what the responder says of this machine's own address, asked and followed as any mDNS record: see `discovery.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

_HEARD = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.local\.?")
"""One label of a host name (RFC 1123 §2.1) under `.local`: what is shown of what a network says."""
_NUMBER = re.compile(r"-?\d+$")


@dataclass(frozen=True, slots=True)
class LocalName:
    """What this machine calls itself, and what it is called."""

    host: str
    """The machine's own name, its first label alone."""
    heard: str | None = None
    """What its responder answers to, such as `stains-2.local`; None where there is none, or not yet."""

    @property
    def wanted(self) -> str:
        """The name that it would have if it were alone on its network."""
        return f"{self.host}.local"

    @property
    def name(self) -> str:
        """The name to be shown: what answers, or else the best guess."""
        return self.heard or self.wanted

    @property
    def is_taken(self) -> bool:
        """Whether another device has the wanted name: ours got a number then. A name that somebody chose for the
        responder alone (avahi-daemon.conf(5), `host-name`) is no such sign."""
        if self.heard is None or self.heard == self.wanted.lower():
            return False
        base = _NUMBER.sub("", self.host.lower())
        return re.fullmatch(rf"{re.escape(base)}-?\d+", self.heard.removesuffix(".local")) is not None


def reverse_name(address: str) -> str:
    """Whose `PTR` record is the name of the machine at this address (RFC 1035 §3.5)."""
    return f"{ip_address(address).reverse_pointer}."


def heard_name(text: str) -> str | None:
    """A name that the network told, in small letters and without its last dot; None if it is none to be shown."""
    return text.lower().rstrip(".") if _HEARD.fullmatch(text) else None
