# SPDX-License-Identifier: AGPL-3.0-or-later
"""The addresses that servers of the fediverse ask: there only where the node is a relay (`RELAY` is in the app)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from convergences_node.relay.relay import Relay

RELAY: web.AppKey[Relay] = web.AppKey("relay")
"""Here, so that a node that is none does not import the rest."""
