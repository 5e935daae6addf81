# SPDX-License-Identifier: AGPL-3.0-or-later
"""The verbs about the relay. Parameters and answers: `relay/params.py`."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from convergences_protocol.errors import LocalError

from convergences_node.relay.addresses import NAME, Addresses
from convergences_node.relay.settings import why_off
from convergences_node.relay.store import Store

if TYPE_CHECKING:
    from convergences_node.params import Json, Tell
    from convergences_node.relay.params import RelayBlock, RelayStatus, RelayUnblock
    from convergences_node.town import Town

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9-]{1,63})*")


async def status(town: Town, params: RelayStatus, tell: Tell) -> Json:
    """See `params.RelayStatus`."""
    why, addresses = why_off(town.config), Addresses(town.web_settings.public_url)
    told = await asyncio.to_thread(_kept, town.folder)
    return {
        "state": "on" if why is None else "off",
        "why": why,
        "account": f"{NAME}@{addresses.host}" if why is None else None,
        "actor": addresses.actor("") if why is None else None,
        **told,
    }


def _kept(folder: Path) -> dict[str, Json]:
    with Store(folder) as store:
        hosts = [
            {"host": host, "followers": followers, "waiting": waiting, "failures": failures, "due": _time(due)}
            for host, followers, waiting, failures, due in store.by_host()
        ]
        return {"hosts": hosts, "events": len(store.marks()), "blocked": store.blocked()}


async def block(town: Town, params: RelayBlock, tell: Tell) -> Json:
    """See `params.RelayBlock`."""
    host = _host(params.host)
    with Store(town.folder) as store:
        return {"host": host, "state": "blocked" if store.block(host, town.now()) else "blocked already"}


async def unblock(town: Town, params: RelayUnblock, tell: Tell) -> Json:
    """See `params.RelayUnblock`."""
    host = _host(params.host)
    with Store(town.folder) as store:
        return {"host": host, "state": "unblocked" if store.unblock(host) else "not blocked"}


def _host(text: str) -> str:
    """The name of a server or of a domain, as it is kept. Raises `LocalError`."""
    host = text.strip().lower().removeprefix("https://").rstrip("/")
    if not _HOST.fullmatch(host):
        raise LocalError(
            f"{text[:100]!r} is not the name of a server", hint="such as mobilizon.example, without a port"
        )
    return host


def _time(seconds: int) -> str | None:
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
