# SPDX-License-Identifier: AGPL-3.0-or-later
"""What people have at hand that is no table, or no longer one: refused with its own reason, never with another's."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from convergences_node.founding import create_town
from convergences_node.imports.ics_rows import read_ics
from convergences_node.imports.rows import Dialect, read_rows, sniff
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_protocol.errors import LocalError

NOISE = bytes((number * 181 + 7) % 251 for number in range(5000))
NESTED = b'<!DOCTYPE rss [<!ENTITY a "aaa"><!ENTITY b "&a;&a;">]>'
RSS = b"<rss version='2.0'><channel><title>t</title><item><title>&b;</title></item></channel></rss>"


def zipped(*names: str) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return made.getvalue()


HELD_OUT = {
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "file_foreign"),
    "picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "file_foreign"),
    "rich text": (b"{\\rtf1\\ansi Chorale}", "file_foreign"),
    "noise": (NOISE, "file_not_a_table"),
    "text document": (zipped("[Content_Types].xml", "word/document.xml"), "zip_not_a_workbook"),
    "folder": (zipped("liste.csv"), "zip_not_a_workbook"),
    "feed of entities": (b"<?xml version='1.0'?>" + NESTED + RSS, "xml_entities"),
}


@pytest.mark.parametrize("what", sorted(HELD_OUT))
def test_what_is_no_table_says_what_it_is(what: str, tmp_path: Path) -> None:
    path = tmp_path / "liste"
    path.write_bytes(HELD_OUT[what][0])
    faults = [row.fault for row in read_rows(path, sniff(path))]
    assert [fault.code for fault in faults if fault] == [HELD_OUT[what][1]] and len(faults) == 1


@pytest.mark.parametrize("text", ["nom;ville\nChorale;Stains\n", "nom\r\n\x1a", "n\u0153ud;\u20ac\n"])
def test_text_is_taken_for_text(text: str, tmp_path: Path) -> None:
    """Control-Z at the end is what old programs write; accents are no noise."""
    path = tmp_path / "liste"
    path.write_bytes(text.encode("cp1252"))
    assert sniff(path).format == "csv"


async def test_the_report_gives_the_file_s_reason_and_not_the_mapping_s(tmp_path: Path) -> None:
    """With a kind or without, what nobody can read is told by the reader's fault; an empty file is said to be empty."""
    settings: Any = {"http": {"port": 0}, "p2p": {"enabled": False}, "discovery": {"zeroconf": False}}
    await create_town(tmp_path / "town", "FR-93066", "town", "Saint-Denis", settings=settings)
    path = tmp_path / "liste.xlsx"
    async with Town.open(tmp_path / "town") as town:
        for data, code in HELD_OUT.values():
            path.write_bytes(data)
            for given in ({}, {"kind": "actor"}):
                report = await perform(town, "import", {"path": str(path), **given}, lambda event: None)
                assert ([entry["code"] for entry in report["refused"]], report["created"]) == ([code], 0)
        path.write_bytes(b"")
        with pytest.raises(LocalError) as error:
            await perform(town, "import", {"path": str(path), "kind": "actor"}, lambda event: None)
        assert error.value.fault is not None and error.value.fault.code == "file_empty"


def agenda(rule: str) -> BytesIO:
    lines = ("BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:1", "DTSTART:20200101T100000Z", f"RRULE:{rule}",
             "SUMMARY:Bal", "END:VEVENT", "END:VCALENDAR", "")  # fmt: skip
    return BytesIO("\r\n".join(lines).encode())


@pytest.mark.parametrize("rule", ["FREQ=DAILY;INTERVAL=0", "FREQ=WEEKLY;INTERVAL=00;BYDAY=MO"])
def test_a_rule_that_never_steps_is_refused_at_once(rule: str) -> None:
    """The library would count on the spot until its process has no memory left."""
    [row] = read_ics(agenda(rule), Dialect("ics", "utf-8", timezone="Europe/Paris"))
    assert row.fault is not None and row.fault.code == "ics_recurrence"


def test_a_count_beyond_all_years_is_a_rule_without_an_end() -> None:
    """One action, as of a rule without COUNT, and not four hundred."""
    [row] = read_ics(agenda("FREQ=WEEKLY;COUNT=999999999;BYDAY=MO"), Dialect("ics", "utf-8", timezone="Europe/Paris"))
    assert row.fault is None and row.cells["recurrence"] == "FREQ=WEEKLY;BYDAY=MO"
    [row] = read_ics(agenda("FREQ=DAILY;COUNT=30"), Dialect("ics", "utf-8", timezone="Europe/Paris"))
    assert row.cells["recurrence"] == "FREQ=DAILY;COUNT=30"


@pytest.mark.parametrize("what", ["pdf", "noise", "folder"])
async def test_a_preview_of_what_is_no_table_says_it_once(what: str, tmp_path: Path) -> None:
    """The fault is the file's own, in the reader's language, and no hint repeats it in another."""
    settings: Any = {"http": {"port": 0}, "p2p": {"enabled": False}, "discovery": {"zeroconf": False}}
    await create_town(tmp_path / "town", "FR-93066", "town", "Saint-Denis", settings=settings)
    path = tmp_path / "liste"
    path.write_bytes(HELD_OUT[what][0])
    async with Town.open(tmp_path / "town") as town:
        with pytest.raises(LocalError) as error:
            await perform(town, "source_preview", {"where": str(path)}, lambda event: None)
    assert error.value.fault is not None
    assert (error.value.fault.code, error.value.hint) == (HELD_OUT[what][1], None)
