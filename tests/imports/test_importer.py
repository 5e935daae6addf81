# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an import promises: good rows in, bad rows said, and a second import that changes only what changed."""

import json
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive.model import NewRecord
from convergences_node.faults import Conflict
from convergences_node.imports.importer import BATCH_ROWS
from convergences_node.imports.mapping import Mapping, parse_mapping, plain_mapping
from convergences_protocol.errors import LocalError

from .memory_desk import MemoryDesk, import_file

MAPPING = b"""
[source]
name = "test"
id = "id"
licence = "etalab-2.0"

[[element]]
kind = "theme"
when = { kind = "theme" }
[element.fields]
name = "name"
other_names = { column = "others", separator = "|" }
broader = { column = "parent", transform = "reference" }

[[element]]
kind = "actor"
when = { kind = "actor" }
[element.fields]
name = "name"
type = { value = "association" }
themes = { column = "themes", separator = "|", under = "Autres" }
website = { column = "site", bad = "leave_out" }

[[element]]
kind = "action"
[element.fields]
name = "name"
type = { value = "event" }
start = "start"
[[element.relations]]
predicate = "organises"
subject = "organiser"
"""


@pytest.fixture
def desk() -> MemoryDesk:
    return MemoryDesk()


@pytest.fixture
def mapping() -> Mapping:
    return parse_mapping(MAPPING)


async def run(
    desk: MemoryDesk, tmp_path: Path, mapping: Mapping, rows: list[dict[str, Any]], dry_run: bool = False
) -> dict[str, Any]:
    path = tmp_path / "rows.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return await import_file(desk, path, mapping, lambda event: None, dry_run=dry_run)


def counts(report: dict[str, Any]) -> tuple[int, int, int, int]:
    return report["created"], report["changed"], report["unchanged"], report["refused_count"]


ACTOR = {"id": "1", "kind": "actor", "name": "Le 6b", "themes": "Culture"}
ACTION = {"id": "2", "kind": "action", "name": "Fête", "start": "2024-06-21", "organiser": "1"}


async def test_rows_that_name_each_other_are_related_in_any_order(
    desk: MemoryDesk, tmp_path: Path, mapping: Mapping
) -> None:
    """The action comes first and names an actor further down."""
    report = await run(desk, tmp_path, mapping, [ACTION, ACTOR])
    assert counts(report) == (2, 0, 0, 0)
    assert (report["relations"], report["themes"]) == (1, 2)
    (relation,) = desk.of_kind("relation")
    assert relation["subject"] == str(desk.element_of("test", "1"))
    assert relation["object"] == str(desk.element_of("test", "2"))
    assert (relation["predicate"], relation["licence"]) == ("organises", "etalab-2.0")


@pytest.mark.parametrize("kept", [False, True])
async def test_a_row_that_names_itself_costs_itself(tmp_path: Path, kept: bool) -> None:
    """Who organises itself, and who is related to itself: a reason for the row, or for the relation, and no more."""
    text = MAPPING.decode() + ('unknown = "leave_out"\n' if kept else "")
    text += """
[[element]]
kind = "relation"
when = { kind = "relation" }
[element.fields]
subject = "organiser"
predicate = { value = "takes_part_in" }
object = "other"
"""
    # The elements are tried in their order: what names its kind comes before the one that takes all others.
    before, _, last = text.rpartition("[[element]]")
    first, _, middle = before.rpartition('[[element]]\nkind = "action"')
    made = first + "[[element]]" + last + '[[element]]\nkind = "action"' + middle
    itself = {"id": "3", "kind": "action", "name": "Fête", "start": "2024-06-21", "organiser": "3"}
    both = {"id": "4", "kind": "relation", "organiser": "1", "other": "1"}
    desk = MemoryDesk()
    report = await run(desk, tmp_path, parse_mapping(made.encode()), [ACTOR, itself, both, ACTION])
    assert (report["created"], report["relations"]) == (3 if kept else 2, 1), report
    refused = [(entry["line"], entry["code"]) for entry in report["refused"]]
    assert refused == ([(3, "same")] if kept else [(2, "same"), (3, "same")])
    assert [(entry["line"], entry["code"]) for entry in report["left_out"]] == ([(2, "same")] if kept else [])


async def test_importing_again_changes_only_what_changed(desk: MemoryDesk, tmp_path: Path, mapping: Mapping) -> None:
    """Nothing, when nothing has; and the element keeps its id when something has."""
    await run(desk, tmp_path, mapping, [ACTOR, ACTION])
    element = desk.element_of("test", "1")
    desk.appends.clear()
    report = await run(desk, tmp_path, mapping, [ACTOR, ACTION])
    assert counts(report) == (0, 0, 2, 0)
    assert (report["relations"], report["themes"], desk.appends) == (0, 0, [])
    report = await run(desk, tmp_path, mapping, [ACTOR | {"name": "Le 6B"}, ACTION])
    assert counts(report) == (0, 1, 1, 0)
    assert desk.element_of("test", "1") == element
    assert desk.elements[element][1]["name"] == "Le 6B"


async def test_refused_rows_never_stop_the_good_ones(desk: MemoryDesk, tmp_path: Path, mapping: Mapping) -> None:
    """Each is said with its line, its field and the reason."""
    rows = [
        ACTOR,
        {"id": "3", "kind": "actor"},
        {"id": "", "kind": "actor", "name": "sans numéro"},
        {"id": "4", "kind": "action", "name": "x", "start": "32 juin"},
        {"id": "5", "kind": "action", "name": "x", "organiser": "nobody"},
        {"id": "6", "kind": "actor", "name": "a\u0007b"},
        {"id": "1", "kind": "actor", "name": "le même numéro"},
        ACTION,
    ]
    report = await run(desk, tmp_path, mapping, rows)
    assert counts(report) == (2, 0, 0, 6)
    assert [(entry["line"], entry["path"]) for entry in report["refused"]] == [
        (2, "name"),
        (3, "id"),
        (4, "start"),
        (5, "organises"),
        (6, "name"),
        (7, "row"),
    ]
    assert (report["refused"][-1]["code"], report["refused"][-1]["params"]) == ("row_taken", {"line": 1})


async def test_a_dry_run_writes_nothing_and_says_the_same(desk: MemoryDesk, tmp_path: Path, mapping: Mapping) -> None:
    """Rows, relations and themes are counted as the real import will."""
    rehearsed = await run(desk, tmp_path, mapping, [ACTOR, ACTION], dry_run=True)
    assert desk.elements == {}
    real = await run(desk, tmp_path, mapping, [ACTOR, ACTION])
    assert rehearsed | {"dry_run": False} == real


async def test_what_was_erased_or_withdrawn_is_not_made_again(
    desk: MemoryDesk, tmp_path: Path, mapping: Mapping
) -> None:
    """A person who asked to be forgotten stays forgotten when the same table comes back."""
    await run(desk, tmp_path, mapping, [ACTOR, ACTION])
    desk.gone[desk.element_of("test", "1")] = "erased"
    report = await run(desk, tmp_path, mapping, [ACTOR | {"name": "again"}])
    assert counts(report) == (0, 0, 0, 1)
    assert report["refused"][0]["code"] == "row_erased"


async def test_what_people_have_edited_is_left_as_they_left_it(
    desk: MemoryDesk, tmp_path: Path, mapping: Mapping
) -> None:
    """The table has changed, the town too: the town wins, and the report says so."""
    await run(desk, tmp_path, mapping, [ACTOR])
    element = desk.element_of("test", "1")
    kind, fields, current = desk.elements[element]
    await desk.append([NewRecord(kind, fields | {"name": "Le 6b, à quai"}, element=element, previous=current)])
    assert counts(await run(desk, tmp_path, mapping, [ACTOR])) == (0, 0, 1, 0)
    report = await run(desk, tmp_path, mapping, [ACTOR | {"name": "autre"}])
    assert counts(report) == (0, 0, 0, 1)
    assert report["refused"][0]["code"] == "row_edited"
    assert desk.elements[element][1]["name"] == "Le 6b, à quai"


async def test_an_edit_in_the_middle_of_an_import_is_met_by_looking_again(
    desk: MemoryDesk, tmp_path: Path, mapping: Mapping
) -> None:
    """The batch that lost the race is decided once more, on what is there now."""
    await run(desk, tmp_path, mapping, [ACTOR])
    real, races = desk.append, [1]

    async def append(records: Any) -> None:
        if races:
            races.pop()
            raise Conflict("somebody was faster", current=None, given=None)
        await real(records)

    desk.append = append  # type: ignore[method-assign]
    assert counts(await run(desk, tmp_path, mapping, [ACTOR | {"name": "x"}])) == (0, 1, 0, 0)


async def test_themes_are_found_by_any_name_and_made_once(desk: MemoryDesk, tmp_path: Path, mapping: Mapping) -> None:
    """Accents and capitals do not make another theme, and a label made of known names is these names."""
    tree = [
        {"id": "t2", "kind": "theme", "name": "Musiques du monde", "parent": "t1"},
        {"id": "t1", "kind": "theme", "name": "Musique"},
        {"id": "t3", "kind": "theme", "name": "Pop et rock", "others": "Pop, rock", "parent": "t1"},
    ]
    assert counts(await run(desk, tmp_path, mapping, tree)) == (3, 0, 0, 0)
    ids = [str(desk.element_of("test", source_id)) for source_id in ("t1", "t2", "t3")]
    assert desk.named("Musiques du monde")["broader"] == ids[0]
    actors = [
        {"id": "a", "kind": "actor", "name": "A", "themes": "MUSIQUE|Musiques du monde, Pop, rock"},
        {"id": "b", "kind": "actor", "name": "B", "themes": "Jonglage|Musique"},
        {"id": "c", "kind": "actor", "name": "C", "themes": "jonglage"},
    ]
    report = await run(desk, tmp_path, mapping, actors)
    assert (counts(report), report["themes"]) == ((3, 0, 0, 0), 2)
    assert desk.named("A")["themes"] == ids
    assert desk.named("B")["themes"][0] == desk.named("C")["themes"][0]
    assert desk.named("Jonglage")["broader"] == str(desk.element_of("themes", "autres"))


async def test_themes_that_people_renamed_or_withdrew_are_not_made_again(
    desk: MemoryDesk, tmp_path: Path, mapping: Mapping
) -> None:
    """The label still means the renamed one; a row goes without the one that is gone."""
    row = ACTOR | {"themes": "Jonglage|Échasses"}
    await run(desk, tmp_path, mapping, [row])
    renamed, gone = (desk.element_of("themes", name) for name in ("jonglage", "echasses"))
    kind, fields, current = desk.elements[renamed]
    await desk.append([NewRecord(kind, fields | {"name": "Cirque"}, element=renamed, previous=current)])
    kind, fields, current = desk.elements[gone]
    await desk.append([NewRecord(kind, fields | {"name": "retirée"}, element=gone, previous=current)])
    desk.gone[gone] = "withdrawn"
    report = await run(desk, tmp_path, mapping, [row, ACTOR | {"id": "9", "themes": "Échasses|Jonglage"}])
    assert (report["themes"], report["created"]) == (0, 1)
    assert desk.elements[desk.element_of("test", "9")][1]["themes"] == [str(renamed)]
    above = desk.element_of("themes", "autres")
    kind, fields, current = desk.elements[above]
    await desk.append([NewRecord(kind, fields | {"name": "Divers"}, element=above, previous=current)])
    await run(desk, tmp_path, mapping, [ACTOR | {"id": "10", "themes": "Bilboquet"}])
    assert desk.named("Bilboquet")["broader"] == str(above)
    desk.gone[above] = "withdrawn"
    await run(desk, tmp_path, mapping, [ACTOR | {"id": "11", "themes": "Yoyo"}])
    assert "broader" not in desk.named("Yoyo")


async def test_what_others_call_a_theme_is_that_theme(desk: MemoryDesk, tmp_path: Path) -> None:
    """By the mapping's own terms, then by the table that comes with the node; a wider theme only if none is made."""
    text = MAPPING.decode().replace('under = "Autres" }', 'unknown = "leave_out", terms = { Fiesta = "Danse" } }')
    tree = [
        {"id": "t1", "kind": "theme", "name": "Musique"},
        {"id": "t2", "kind": "theme", "name": "Danse"},
        {"id": "t3", "kind": "theme", "name": "Livre et littérature"},
    ]
    rows = [
        {"id": "a", "kind": "actor", "name": "A", "themes": "Concerts|Library"},
        {"id": "b", "kind": "actor", "name": "B", "themes": "Fiesta|Rock"},
        {"id": "c", "kind": "actor", "name": "C", "themes": "Jonglage"},
    ]
    for part in (tree, rows):
        await run(desk, tmp_path, parse_mapping(text.encode()), part)
    music, dance, books = (str(desk.element_of("test", source_id)) for source_id in ("t1", "t2", "t3"))
    assert desk.named("A")["themes"] == [music, books]
    assert desk.named("B")["themes"] == [dance, music]
    assert "themes" not in desk.named("C")
    await run(desk, tmp_path, parse_mapping(MAPPING), [{"id": "d", "kind": "actor", "name": "D", "themes": "Rock"}])
    assert desk.named("Rock")["broader"] == str(desk.element_of("themes", "autres"))


async def test_a_large_table_is_written_in_batches(desk: MemoryDesk, tmp_path: Path, mapping: Mapping) -> None:
    """No append is larger than a batch with its relations, so that people's own edits never wait for long."""
    rows: list[dict[str, Any]] = [
        {"id": str(n), "kind": "action", "name": f"n° {n}", "organiser": str(n - 1) if n else None} for n in range(1200)
    ]
    report = await run(desk, tmp_path, mapping, rows)
    assert (report["created"], report["relations"]) == (1200, 1199)
    assert max(desk.appends) <= 2 * BATCH_ROWS


async def test_a_value_that_may_be_left_out_does_not_cost_the_row(
    desk: MemoryDesk, tmp_path: Path, mapping: Mapping
) -> None:
    """And the report says what was lost."""
    report = await run(desk, tmp_path, mapping, [ACTOR | {"site": "/"}])
    assert counts(report) == (1, 0, 0, 0)
    assert report["left_out"] == [{"line": 1, "path": "website", "code": "cell_url", "params": {"given": "'/'"}}]


async def test_a_table_of_our_own_columns_needs_no_mapping(desk: MemoryDesk, tmp_path: Path) -> None:
    """An export of ours, or a form's answers: the columns are the fields."""
    path = tmp_path / "lieux.csv"
    path.write_text("id;name;type;town\n1;Le 6b;culture;93066\n2;Gare;station;93066\n")
    report = await import_file(
        desk, path, plain_mapping("place", ["id", "name", "type", "town"], "lieux"), lambda event: None
    )
    assert counts(report) == (2, 0, 0, 0)
    assert desk.named("Le 6b")["town"] == "FR-93066"


async def test_a_row_larger_than_a_record_is_refused_by_itself(desk: MemoryDesk, tmp_path: Path) -> None:
    """A record's body has 64 KiB; the row before and the row after are written."""
    mapping = parse_mapping(
        b'[source]\nname="t"\nid="id"\n[[element]]\nkind="content"\n[element.fields]\n'
        b'name="name"\ntype={value="article"}\ntext="text"\nabout={column="about", separator=" "}'
    )
    rows = [{"id": n, "name": "x", "text": "é" * 15_000 if n == 2 else "x"} for n in (1, 2, 3)]
    rows[1]["about"] = " ".join(f"FR-93066:0193a1b2-c3d4-7e5f-8a6b-{n:012x}" for n in range(200))
    report = await run(desk, tmp_path, mapping, [rows[0], rows[1] | {"text": "é" * 20_000}, rows[2]])
    assert report["created"] + report["refused_count"] == 3
    assert report["created"] >= 2


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        (b"\xff", "not UTF-8"),
        (b"[source", "not TOML"),
        (b"[source]\nname='x'\nid='id'", "element"),
        (b"[source]\nname='x'\nid='id'\n[[element]]\nkind='dragon'\nfields={}", "no kind 'dragon'"),
        (b"[source]\nname='x'\nid='id'\n[[element]]\nkind='place'\nfields={nom='nom'}", "no field 'nom'"),
        (b"[source]\nname='x'\nid='id'\n[[element]]\nkind='place'\nfields={name={colum='nom'}}", "colum"),
        (b"[source]\nname='x'\nid='id'\n[[element]]\nkind='place'\nfields={name={}}", "neither column nor value"),
        (
            b"[source]\nname='x'\nid='id'\n[[element]]\nkind='place'\nfields={name='n'}\n"
            b"[[element.relations]]\npredicate='eats'\nsubject='y'",
            "unknown_term",
        ),
    ],
)
def test_a_wrong_mapping_is_refused_with_a_sentence(toml: bytes, reason: str) -> None:
    """Before any row is read."""
    with pytest.raises(LocalError, match=reason):
        parse_mapping(toml)
