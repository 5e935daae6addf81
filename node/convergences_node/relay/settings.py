# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether what happens here is told to the fediverse: the `[relay]` table of `convergences.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from convergences_node.section import Section

if TYPE_CHECKING:
    from convergences_node.config import Config

STORE_NAME = "relay.db"
"""What a relay remembers, in the node's folder: here, so that a node that is none loads nothing of it."""


class RelaySection(Section):
    """Events told to Mobilizon, Gancio, Mastodon and others by ActivityPub; needs `http.public_url` in https."""

    enabled: Annotated[
        bool, Meta(description="Let servers of the fediverse follow this node, and tell them what happens here.")
    ] = False
    private: Annotated[
        bool,
        Meta(description="Servers of this machine and of the local network too, and http: to try it out, not to live."),
    ] = False


def why_off(config: Config) -> str | None:
    """Why this node is no relay, in a word; None if it is one.

    `disabled`: its operator does not want it. `address`: it has none that others can rely on.
    """
    if not config.relay.enabled:
        return "disabled"
    url = config.http.public_url
    return None if url.startswith("https://") or (url and config.relay.private) else "address"
