# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a reader came: by https or not, which a proxy in front of the node tells, and what a browser allows there.

A browser keeps pages for later and knows passkeys only where it can be sure of whom it speaks to: by https, or on its
own machine (W3C Secure Contexts §3.1). Elsewhere the pages neither offer nor mention them.
"""

from __future__ import annotations

from aiohttp import web

from convergences_node.web.asking import town_of
from convergences_node.web.security import is_trusted

OWN_MACHINE = ("127.0.0.1", "localhost", "[::1]")


def is_secure(request: web.Request) -> bool:
    """Whether the reader's connection is TLS: ours, or that of a proxy whom the operator trusts."""
    if request.secure:
        return True
    is_told = request.headers.get("X-Forwarded-Proto", "").strip().lower() == "https"
    return is_told and is_trusted(request.remote, town_of(request).web_settings.proxies_trusted)


def scheme_of(request: web.Request) -> str:
    """`https` or `http`, as the reader's browser has it in its address."""
    return "https" if is_secure(request) else "http"


def keeps_pages(request: web.Request) -> bool:
    """Whether this reader's browser may keep pages for when the node is out of reach (`front/src/away.js`): by https,
    and, where the node has https beside it, on the machine itself, which is how it is tried."""
    if is_secure(request):
        return True
    return town_of(request).web_settings.certificate is not None and _host(request) in OWN_MACHINE


def _host(request: web.Request) -> str:
    name, _, port = request.host.rpartition(":")
    return name if name and port.isdigit() else request.host
