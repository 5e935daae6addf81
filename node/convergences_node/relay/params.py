# SPDX-License-Identifier: AGPL-3.0-or-later
"""Parameters and answers of the verbs about the relay (`verbs.py`)."""

from __future__ import annotations

from convergences_node.params import Params


class RelayStatus(Params):
    """Answer: `{state: "on" | "off", why: null | "disabled" | "address", account, actor, hosts: [{host, followers,
    waiting, failures, due}], events, blocked: []}`."""


class RelayBlock(Params):
    """Speak no longer with a server, or with all of a domain: its followers are forgotten, what it posts is refused.
    Answer: `{host, state: "blocked" | "blocked already"}`."""

    host: str


class RelayUnblock(Params):
    """Speak again with a server that was blocked; it has to follow again. Answer: `{host, state: "unblocked" | "not
    blocked"}`."""

    host: str
