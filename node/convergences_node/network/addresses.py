# SPDX-License-Identifier: AGPL-3.0-or-later
"""Addresses of nodes as people and invitations write them: which transport they are for, and which key they name.

`/ip4/192.0.2.1/tcp/4750/p2p/12D3Koo…` is for libp2p and names the peer's key; `https://…` is for HTTP and names none.
The libp2p id of an Ed25519 key is its base58 text, so that a key can be read from an address without the library.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence

from convergences_node.network.transport import PeerKey

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_ID_PREFIX = bytes.fromhex("002408011220")
"""A libp2p peer id of an Ed25519 key: identity multihash of the key's protobuf (libp2p specification, peer-ids)."""
PEER_ID_CHARS_MAX = 60
LOOPBACK = "127.0.0.1"
"""The address of a machine without a network."""
SIOCGIFADDR = 0x8915
"""Linux, `bits/ioctls.h`; the address is in the answer as in a `struct ifreq`."""


def peer_id(key: PeerKey) -> str:
    """The libp2p id of a log's key: `12D3Koo…`."""
    number = int.from_bytes(_ID_PREFIX + key, "big")
    letters = []
    while number:
        number, value = divmod(number, 58)
        letters.append(_ALPHABET[value])
    return "1" + "".join(reversed(letters))  # one leading zero byte


def key_of_peer_id(text: str) -> PeerKey | None:
    """The key of a libp2p id, or None if it is not one of an Ed25519 key."""
    if len(text) > PEER_ID_CHARS_MAX or any(letter not in _VALUES for letter in text):
        return None
    number = 0
    for letter in text:
        number = number * 58 + _VALUES[letter]
    raw = number.to_bytes(64, "big").lstrip(b"\0")
    raw = b"\0" + raw
    return raw[6:] if raw.startswith(_ID_PREFIX) and len(raw) == 38 else None


def is_http(address: str) -> bool:
    """Whether an address is for HTTP; else it is for libp2p."""
    return address.startswith(("http://", "https://"))


def key_in(address: str) -> PeerKey | None:
    """The key that a libp2p address names, if it does."""
    _, found, text = address.partition("/p2p/")
    return key_of_peer_id(text) if found else None


def by_key(addresses: Iterable[str]) -> dict[PeerKey, list[str]]:
    """The libp2p addresses among these, by the key they name."""
    found: dict[PeerKey, list[str]] = {}
    for address in addresses:
        key = None if is_http(address) else key_in(address)
        if key is not None:
            found.setdefault(key, []).append(address)
    return found


def merged(*books: Mapping[PeerKey, Sequence[str]]) -> dict[PeerKey, list[str]]:
    """Several address books in one, each address once, in order."""
    found: dict[PeerKey, list[str]] = {}
    for book in books:
        for key, addresses in book.items():
            known = found.setdefault(key, [])
            known += [address for address in addresses if address not in known]
    return found


def told_addresses(announce: Sequence[str], listening: Sequence[str], key: PeerKey) -> list[str]:
    """What others are told of where we listen: what the operator says, else each listening address of this machine."""
    found = []
    for address in announce or listening:
        plain = address.partition("/p2p/")[0].replace("/ip4/0.0.0.0/", f"/ip4/{local_ip()}/")
        if not plain.endswith("/tcp/0"):
            found.append(f"{plain}/p2p/{peer_id(key)}")
    return list(dict.fromkeys(found))


def local_ip() -> str:
    """This machine's address on its network: the one that leads further, or any, where no router leads anywhere."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737; only the system is asked, and nothing is sent
        except OSError:
            return _any_ip()
        address: str = probe.getsockname()[0]
        return address


def _any_ip() -> str:
    """An address of a network without a way out, such as a switch alone on a table (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):  # one without an address
                found = fcntl.ioctl(probe, SIOCGIFADDR, struct.pack("256s", name.encode()))
                address = socket.inet_ntoa(found[20:24])
                if not address.startswith("127."):
                    return address
    return LOOPBACK
