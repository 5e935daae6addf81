# SPDX-License-Identifier: AGPL-3.0-or-later
"""What was chosen so far on the setup page, and the recovery key of the town that is about to be: in memory alone.

Whoever stops in the middle begins again, with another key; nothing of it was written. The words to type back are chosen
here, so that a sheet that was not printed cannot be guessed at.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from convergences_protocol.errors import Fault, Refused
from convergences_protocol.invitation import Invitation, read_invitation
from convergences_protocol.keys import SEED_BYTES
from convergences_protocol.origin import Origin
from convergences_protocol.recovery import GROUPS_A_LINE, LINES, write_sheet

from convergences_node.accounts.accounts import NAME_CHARS_MAX, check_name
from convergences_node.accounts.passwords import check_password
from convergences_node.setup.code import plain
from convergences_node.territories import TerritoryFacts, find

GROUPINGS = frozenset({"epci", "ept", "metropole", "departement", "region"})
"""What a node speaks for with a charter of its own; everything else is a town."""
NODE_NAME_CHARS_MAX = 200
EPOCH_BYTES = 8
ASKED = 2
"""Words that are typed back."""


@dataclass
class Draft:
    """The town to be."""

    facts: TerritoryFacts | None = None
    invitation: Invitation | None = None
    invitation_text: str = ""
    name: str = ""
    operator: str = ""
    password: str = ""
    """Its hash, never itself."""
    language: str = "fr"
    seed: bytes = b""
    epoch: bytes = field(default_factory=lambda: secrets.token_bytes(EPOCH_BYTES))
    asked: tuple[int, ...] = ()
    """Which words of the sheet are to be typed back, counted from 0."""

    @property
    def kind(self) -> str:
        """`town` or `agglomeration`."""
        return "agglomeration" if self.facts and self.facts.type in GROUPINGS else "town"

    @property
    def origin(self) -> str:
        """The name that its log will have."""
        assert self.facts is not None, "a sheet is made after the town was chosen"
        return str(Origin(self.facts.code, self.epoch))

    def choose(self, code: str) -> None:
        """This territory; raises `NotFound` if there is none."""
        facts = find(code)
        if facts != self.facts:
            self.facts, self.name, self.password, self.invitation, self.invitation_text = facts, "", "", None, ""
            self._forget_sheet()

    def invite(self, text: str, now: int | None) -> None:
        """Take an invitation, and with it the town that it is for. Refused with the reason."""
        invitation = read_invitation(text)
        if now is not None and invitation.expires <= now:
            raise Refused([Fault("invitation", "setup_invitation_expired", {})])
        self.choose(invitation.territory)
        self.invitation, self.invitation_text = invitation, text.strip()

    def name_node(self, name: str, operator: str, password: str) -> None:
        """Check a name for the node, an operator's and a password; everything that is wrong at once. Until all of it is
        right, and the password was given its hash, nothing of it was answered."""
        self.password = ""
        faults: list[Fault] = []
        if not 0 < len(name.strip()) <= NODE_NAME_CHARS_MAX or not name.isprintable():
            faults.append(Fault("node", "node_name", {"chars_max": NODE_NAME_CHARS_MAX}))
        faults += account_faults(operator, password)
        self.name, self.operator = name.strip()[:NODE_NAME_CHARS_MAX], operator[:NAME_CHARS_MAX]
        if faults:
            raise Refused(faults)

    # ------------------------------------------------------------------------------------- the sheet
    def lines(self) -> list[str]:
        """The sheet's lines: made the first time, the same until the town is another one."""
        if not self.seed:
            self.seed = secrets.token_bytes(SEED_BYTES)
            self.ask_others()
        return write_sheet(self.seed)

    def ask_others(self) -> None:
        """Ask for two words, of different lines."""
        lines = sorted(secrets.SystemRandom().sample(range(LINES), ASKED))
        self.asked = tuple(line * GROUPS_A_LINE + secrets.randbelow(GROUPS_A_LINE) for line in lines)

    def words(self) -> list[str]:
        """The sixteen words of the sheet."""
        return " ".join(self.lines()).split()

    def places(self) -> list[tuple[int, int]]:
        """The words that are asked, each as line and place in it, counted from 1 as people do."""
        return [(word // GROUPS_A_LINE + 1, word % GROUPS_A_LINE + 1) for word in self.asked]

    def is_printed(self, given: list[str]) -> bool:
        """Whether these are the words that were asked."""
        words = self.words()
        return len(given) == ASKED and [plain(word) for word in given] == [words[at] for at in self.asked]

    def _forget_sheet(self) -> None:
        self.seed, self.asked = b"", ()
        self.epoch = secrets.token_bytes(EPOCH_BYTES)


def account_faults(operator: str, password: str) -> list[Fault]:
    """What is wrong with a name and a password for an operator."""
    return _faults(partial(check_name, operator)) + _faults(partial(check_password, password, operator))


def _faults(check: Callable[[], None]) -> list[Fault]:
    try:
        check()
    except Refused as refused:
        return refused.faults
    return []
