# SPDX-License-Identifier: AGPL-3.0-or-later
"""By which address the town is opened on its own network, and whether another device has the name that it was given."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from convergences_node.checkup.sign import CARE, GOOD, Sign, sign

if TYPE_CHECKING:
    from convergences_node.town import Town


def local_name_signs(town: Town) -> Iterator[Sign]:
    """Nothing where nobody says this machine's name, or where its pages are for the machine itself alone."""
    local = town.local_name
    if local.heard is None or town.http_address is None or _is_loopback(town.http_address):
        return
    level = CARE if local.is_taken else GOOD
    yield sign("local_name", level, wanted=local.wanted, address=f"{town.local_address}/")


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
