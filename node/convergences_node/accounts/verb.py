# SPDX-License-Identifier: AGPL-3.0-or-later
"""An operator who lost the password gets another one from the machine itself. Parameters and answer: `verbs.py`."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from convergences_node import verbs
from convergences_node.accounts.accounts import Accounts
from convergences_node.setup.code import ALPHABET
from convergences_node.verbs import Json, Tell

if TYPE_CHECKING:
    from convergences_node.town import Town

NAME_DEFAULT = "operateur"
PASSWORD_GROUPS, PASSWORD_GROUP_CHARS = 4, 4
"""Eighty bits, to be typed once and changed."""


async def reset(town: Town, params: verbs.Operator, tell: Tell) -> Json:
    """See `verbs.Operator`."""
    accounts = await asyncio.to_thread(Accounts, town.folder, town.now)
    try:
        known = await accounts.operators()
        name = params.name or (known[0] if known else NAME_DEFAULT)
        password = _password()
        await accounts.reset_password(name, password)
    finally:
        await asyncio.to_thread(accounts.close)
    return {"name": name, "password": password, "made": name not in known}


def _password() -> str:
    signs = [secrets.choice(ALPHABET) for _ in range(PASSWORD_GROUPS * PASSWORD_GROUP_CHARS)]
    groups = range(0, len(signs), PASSWORD_GROUP_CHARS)
    return "-".join("".join(signs[at : at + PASSWORD_GROUP_CHARS]) for at in groups).lower()
