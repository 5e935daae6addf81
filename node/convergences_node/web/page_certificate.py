# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page that explains the town hall's own certificate, and the certificate itself, to be taken.

For whoever has never heard of one: what it is for, what to compare with the paper at the town hall, what to press on
each kind of device, what it changes, and that nothing is lost without it. Printed, it is that paper.
"""

from __future__ import annotations

from aiohttp import web

from convergences_node.certificate.reading import Certificate
from convergences_node.web import dates, static_files
from convergences_node.web.arriving import is_secure, keeps_pages
from convergences_node.web.asking import town_of
from convergences_node.web.etag import conditional
from convergences_node.web.pages import answer_page, reading_of
from convergences_node.web.problems import Problem
from convergences_node.web.qr import code_of

PAGE, FILE = "/certificat", "/certificat.crt"
MEDIA = "application/x-x509-ca-cert"
STEPS = {"android": 4, "iphone": 4, "windows": 4, "macos": 3, "firefox": 3}
"""The devices, each with how many sentences the catalogues have for it."""
ROW = 8
"""Pairs of a fingerprint's digits in one row: what somebody compares without losing the place."""


async def certificate_page(request: web.Request) -> web.Response:
    """What the town hall's certificate is for, how to know that it is the right one, and how to take it."""
    certificate, reading = _certificate(request), reading_of(request)
    host = town_of(request).web_settings.local_name or certificate.host
    plain = f"http://{host}{PAGE}"
    values: dict[str, object] = {
        "sheet": static_files.address("certificate.css"),
        "certificate": certificate,
        "rows": rows_of(certificate.fingerprint),
        "until": dates.instant(reading.messages, certificate.until, reading.zone),
        "file": FILE,
        "secure": is_secure(request),
        "keeps": keeps_pages(request),
        "address": f"https://{host}/",
        "plain": plain,
        "code": code_of(plain),
        "steps": STEPS,
    }
    return answer_page(request, "certificate.html", values)


async def certificate_file(request: web.Request) -> web.Response:
    """The town hall's certificate (RFC 5280, DER), for a device to believe; its key is nowhere near."""
    return conditional(request, _certificate(request).der, MEDIA)


def rows_of(fingerprint: str) -> list[str]:
    """A fingerprint in rows of pairs."""
    pairs = fingerprint.split(":")
    return [" ".join(pairs[at : at + ROW]) for at in range(0, len(pairs), ROW)]


def _certificate(request: web.Request) -> Certificate:
    found = town_of(request).web_settings.certificate
    if found is None:
        raise Problem("not-found")
    return found
