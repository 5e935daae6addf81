# SPDX-License-Identifier: AGPL-3.0-or-later
"""A session with duplicates: two lists bring the same association, a person decides, and may think again."""

from pathlib import Path

from .conftest import Terminal

TABLE = """name,type,address,town,source_id
"{name}",association,"{address}",FR-93066,{id}
Chorale du Nord,association,1 rue du Nord,FR-93066,n{id}
"""
MAPPING = """
[source]
name = "{source}"
id = "source_id"

[[element]]
kind = "actor"

[element.fields]
name = "name"
type = "type"
address = "address"
town = "town"
"""


def brought(terminal: Terminal, folder: Path, source: str, name: str, address: str) -> None:
    """Import a list of two rows."""
    (folder / f"{source}.csv").write_text(TABLE.format(name=name, address=address, id=source), "utf-8")
    (folder / f"{source}.toml").write_text(MAPPING.format(source=source), "utf-8")
    terminal.done(f"import {source}.csv --mapping {source}.toml --folder sd")


def test_two_lists_bring_one_association(terminal: Terminal, tmp_path: Path) -> None:
    """Proposed with reasons; accepted, it is one card that names both; undone, two; rejected, not proposed again."""
    terminal.done("init 93066 --folder sd --sheet sheet.txt")
    brought(terminal, tmp_path, "mairie", "Association Mains d'Œuvres", "1 rue Charles Garnier")
    brought(terminal, tmp_path, "reseau", "MAINS D'OEUVRES", "1, r. Charles-Garnier 93400 Saint-Ouen")
    listed = terminal.done("same list --folder sd")
    assert "points: name +60, same commune +10, same address +25" in listed.words
    pairs = terminal.done("same list --folder sd --json").json["pairs"]
    ends = {tuple(sorted((pair["one"]["id"], pair["other"]["id"]))): pair["one"]["name"] for pair in pairs}
    assert len(ends) == 2, "both lists have the choir too"
    ((one, other),) = [pair for pair, name in ends.items() if "uvres" in name.lower()]

    said = terminal.done(f"same accept {one} {other} --folder sd")
    assert "are one, says FR-93066:" in said.words
    assert "said so already" in terminal.done(f"same accept {other} {one} --folder sd").words
    (found,) = terminal.done("search oeuvres --folder sd --json").json["items"]
    assert [each["id"] for each in found["same"]] == [each for each in (one, other) if each != found["id"]]
    assert len(terminal.done("same list --folder sd --json").json["pairs"]) == 1
    assert terminal.type(f"same reject {one} {other} --folder sd").code == 1

    assert "two again" in terminal.done(f"same undo {one} {other} --folder sd").words
    assert len(terminal.done("search oeuvres --folder sd --json").json["items"]) == 2
    assert len(terminal.done("same list --folder sd --json").json["pairs"]) == 2

    terminal.done(f"same reject {one} {other} --folder sd")
    assert len(terminal.done("same list --folder sd --json").json["pairs"]) == 1
    brought(terminal, tmp_path, "reseau", "Mains d'Œuvres, lieu", "1, r. Charles-Garnier 93400 Saint-Ouen")
    assert len(terminal.done("same list --folder sd --json").json["pairs"]) == 2, "one of them has changed"
    terminal.done(f"same reject {one} {other} --folder sd")
    assert "proposed again" in terminal.done(f"same undo {one} {other} --folder sd").words
    assert terminal.type(f"same undo {one} {other} --folder sd").code == 3
    assert terminal.type(f"same accept {one} {one} --folder sd").code == 1
    assert terminal.type(f"same accept {one} FR-93066:0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b --folder sd").code == 3
    assert terminal.type("same list --min-score 3 --folder sd").code == 2
