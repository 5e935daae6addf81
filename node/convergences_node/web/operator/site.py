# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where a reader's browser is, by the name that passkeys are bound to.

Browsers have passkeys over TLS, or at `localhost`, and never at a bare address. Everywhere else the operator's pages
do not speak of them.
"""

from __future__ import annotations

from ipaddress import ip_address

from aiohttp import web
from yarl import URL

from convergences_node.accounts.passkeys import Site
from convergences_node.web.arriving import is_secure
from convergences_node.web.asking import town_of

LOCAL = "localhost"
"""The one host name of plain http where browsers offer passkeys (W3C Secure Contexts §3.1)."""


def site_of(request: web.Request) -> Site | None:
    """Where the reader's browser is, if it is where browsers have passkeys: never at a bare address."""
    try:
        host = URL(f"//{request.host}").host or ""
    except ValueError:
        return None
    secure = is_secure(request)
    if not (secure or host == LOCAL) or not host or _is_address(host):
        return None
    return Site(host, f"{'https' if secure else 'http'}://{request.host}", town_of(request).web_settings.name)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
