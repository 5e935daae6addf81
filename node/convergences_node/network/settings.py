# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where peers are met and looked for: the `[p2p]`, `[peers]` and `[discovery]` tables of `convergences.toml`."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from convergences_node.section import Section

if TYPE_CHECKING:
    from convergences_node.config import Config

ADDRESSES_MAX = 64
"""Enough for every way to reach a cluster's nodes that a person would type by hand."""

Addresses = Annotated[list[str], Meta(max_length=ADDRESSES_MAX)]


class P2pSection(Section):
    """The peer to peer network (libp2p)."""

    enabled: Annotated[bool, Meta(description="Without it, the node exchanges with its peers over HTTP only.")] = True
    listen: Annotated[
        Addresses, Meta(description="Multiaddresses to listen on; a port of 0 takes a free one; empty: dial out only.")
    ] = msgspec.field(default_factory=lambda: ["/ip4/0.0.0.0/tcp/4750"])
    announce: Annotated[
        Addresses,
        Meta(description="Multiaddresses under which others reach this node, put in invitations; empty: as listened."),
    ] = msgspec.field(default_factory=list)


class PeersSection(Section):
    """Where to look for peers, besides what invitations and the local network teach."""

    addresses: Annotated[
        Addresses,
        Meta(description="Peers to keep a link with: multiaddresses ending in `/p2p/<id>`, or `http(s)://` addresses."),
    ] = msgspec.field(default_factory=list)


class DiscoverySection(Section):
    """Finding peers on the local network."""

    zeroconf: Annotated[
        bool, Meta(description="Announce this node on the local network as `_convergences._tcp`, and look for others.")
    ] = True


def loopback_only(config: Config) -> bool:
    """Whether the node listens on this machine alone, so that nothing should be said on the local network."""
    hosts = [config.http.host] + [address.split("/")[2] for address in config.p2p.listen if config.p2p.enabled]
    return all(_is_loopback(host) for host in hosts)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
