# SPDX-License-Identifier: AGPL-3.0-or-later
"""The demo's nodes: how each is founded, where its folder is, and how it is asked something."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convergences_node.control import call, is_running
from convergences_node.founding import create_town

from .example import Member

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    # The system gives every node free ports; nothing of it can be reached from another machine.
    "http": {"host": "127.0.0.1", "port": 0},
    "p2p": {"listen": ["/ip4/127.0.0.1/tcp/0"]},
    "discovery": {"zeroconf": False},
}


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the demo."""

    member: Member
    folder: Path
    kind: str

    @property
    def code(self) -> str:
        return self.member.facts.code

    @property
    def name(self) -> str:
        return self.member.facts.name

    def found(self) -> None:
        """Make its folder, keys, log, and the record of its territory."""
        facts = self.member.facts
        asyncio.run(
            create_town(self.folder, facts.code, self.kind, facts.name, facts=facts.fields(), settings=SETTINGS)
        )

    def ask(self, verb: str, **params: Any) -> Any:
        """Ask a verb of it, as the command line would."""
        return call(self.folder, verb, params)

    def holds(self, origin: str) -> int:
        """How much it has of a log."""
        return next((int(log["size"]) for log in self.ask("status")["logs"] if log["origin"] == origin), 0)

    def origin(self) -> str:
        """The name of its own log."""
        return str(self.ask("status")["log"]["origin"])

    def is_up(self) -> bool:
        """Whether it answers, and has settled whether it has a peer to peer network."""
        return is_running(self.folder) and self.ask("status")["network"]["libp2p"] != "starting"
