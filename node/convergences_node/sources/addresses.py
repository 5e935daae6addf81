# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which addresses a source may be fetched from: those of the Internet, unless the operator means a nearer one.

What a declaration or a redirect names is resolved by somebody else's name server, so the question is asked again of
every address at the moment of connecting to it (RFC 6890 lists the special ones): a name that changes between the
look and the leap gains nothing.
"""

import ipaddress
import socket
from typing import Any

NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""An IPv4 address in the clothes of IPv6 (RFC 6052)."""


class Gate:
    """Makes the sockets of one fetch; `refused` is the first address that it did not open one for."""

    def __init__(self, private: bool) -> None:
        self._private = private
        self.refused: str | None = None

    def open(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for what `getaddrinfo` answered. Raises `OSError` for an address that is not to be reached."""
        family, kind, protocol, _, address = info
        if not self._private and not is_public(str(address[0])):
            self.refused = self.refused or str(address[0])
            raise OSError(f"{address[0]} is not an address of the Internet")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


def is_public(text: str) -> bool:
    """Whether this is an address of the Internet that one machine has: not private, local, shared, reserved or many."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address in NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast and not address.is_reserved
