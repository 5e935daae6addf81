# SPDX-License-Identifier: AGPL-3.0-or-later
"""The receipt of an element, for a person: what it proves, in a sentence; the file; how anybody checks it.

The file holds the proof itself and needs nobody's word (C2SP tlog-proof). The code leads a telephone from a printed
receipt back to this page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from convergences_protocol.receipt import FILE_SUFFIX, read_receipt

from convergences_node.archive.model import CosignatureRow
from convergences_node.archive.reader import ArchiveReader
from convergences_node.index.views import Revision
from convergences_node.web import dates
from convergences_node.web.asking import element_of, town_of
from convergences_node.web.cards import Reading
from convergences_node.web.exporting import base_of
from convergences_node.web.pages import answer_page, reading_of
from convergences_node.web.place_names import territory_in, territory_names, town_name
from convergences_node.web.problems import Problem
from convergences_node.web.qr import code_of
from convergences_node.web.receipts import receipt_of, receipted


@dataclass(frozen=True, slots=True)
class Proof:
    """What the archive can prove now of one record."""

    bytes: int
    holds_text: bool
    """False once the text was erased: the receipt then proves that it existed, not what it said."""
    key: str
    cosigned: tuple[CosignatureRow, ...]
    """The others who have signed a head over this record."""


async def receipt_page(request: web.Request) -> web.Response:
    """What the receipt of an element proves, in a sentence, with the file to keep and how to check it."""
    town, reading, element = town_of(request), reading_of(request), element_of(request)
    latest = receipted(await town.index.history(str(element)))
    if latest is None:
        raise Problem("element-unknown", element=str(element))
    proof = await town.archive.read(lambda reader: _proof(reader, latest))
    if proof is None:
        raise Problem("receipt-absent", headers={"Retry-After": "5"})
    view = await town.index.element(str(element))
    origins = [latest.origin, *(row.cosigner for row in proof.cosigned)]
    names = await territory_names(town, [territory_in(origin) for origin in origins])
    title = (view.item.name if view else "") or reading.messages.text("element.untitled")
    address = f"{base_of(request)}/e/{element}/recu"
    file = f"{str(element).replace(':', '-')}{FILE_SUFFIX}"
    values: dict[str, object] = {
        "title": title,
        "lang": reading.lang(view.fields.get("language")) if view else None,
        "element_href": reading.element(str(element)),
        "sentence": _sentence(reading, latest, proof, names, title),
        "witnesses": _witnesses(reading, proof, names),
        "file_href": f"/api/v1/elements/{element}/receipt",
        "size": reading.messages.number(proof.bytes),
        "command": f"convergences verify {file} --key {proof.key}",
        "key": proof.key,
        "town_said": town_name(latest.origin, names),
        "digest": latest.digest,
        "code": code_of(address),
        "address": address,
        "printed": dates.instant(reading.messages, reading.now, reading.zone),
    }
    return answer_page(request, "receipt.html", values)


def _proof(reader: ArchiveReader, revision: Revision) -> Proof | None:
    entry = reader.entry(revision.origin, revision.index)
    receipt = receipt_of(reader, entry) if entry else None
    log = next((log for log in reader.logs() if log.origin == revision.origin), None)
    if receipt is None or log is None:
        return None
    rows = reader.cosignatures(revision.origin)
    return Proof(
        bytes=len(receipt),
        holds_text=read_receipt(receipt).body is not None,
        key=log.key.hex(),
        cosigned=tuple(row for row in rows if row.size > revision.index and row.cosigner != revision.origin),
    )


def _sentence(reading: Reading, revision: Revision, proof: Proof, names: Mapping[str, str], title: str) -> str:
    without = {"withdrawal": "receipt.proves_withdrawn", "wanted": "receipt.proves_to_come"}
    key = without.get(revision.state, "receipt.proves_that_it_was")
    return reading.messages.text(
        "receipt.proves" if proof.holds_text else key,
        title=title,
        town=town_name(revision.origin, names),
        day=dates.instant(reading.messages, revision.time, reading.zone),
        index=reading.messages.number(revision.index),
    )


def _witnesses(reading: Reading, proof: Proof, names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        reading.messages.text(
            "receipt.witnessed",
            town=town_name(row.cosigner, names),
            day=dates.instant(reading.messages, row.time, reading.zone),
        )
        for row in sorted(proof.cosigned, key=lambda row: row.time)
    )
