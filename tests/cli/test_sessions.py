# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sessions of one town at the terminal, without a running node."""

import stat
from pathlib import Path

import pytest

from .conftest import EXAMPLE, Terminal


def element_named(terminal: Terminal, name: str) -> str:
    items = terminal.done(f"search '{name}' --folder sd --json").json["items"]
    return next(str(item["id"]) for item in items if item["name"] == name)


def test_a_town_is_founded_from_its_code(terminal: Terminal) -> None:
    """Name, log and territory come from the gazetteer; the recovery sheet is shown once, in both languages."""
    seen = terminal.done("init 93066 --folder sd")
    assert "Saint-Denis (FR-93066) is founded in sd" in seen.out
    assert "FICHE DE SECOURS" in seen.out
    assert "RECOVERY SHEET" in seen.out
    assert seen.out.index("FICHE") < seen.out.index("RECOVERY")
    shown = terminal.done("status --folder sd --json").json
    assert (shown["node"]["territory"], shown["node"]["kind"], shown["log"]["size"]) == ("FR-93066", "town", 2)
    territory = terminal.done("search --kind territory --folder sd").words
    assert "territory Saint-Denis" in territory


def test_a_folder_has_one_node(terminal: Terminal) -> None:
    """A second init changes nothing."""
    terminal.done("init 93066 --folder sd")
    seen = terminal.type("init 93001 --folder sd")
    assert seen.code == 1
    assert seen.err == "error: sd already has a node.\nhint: choose another folder; nothing was changed\n"


def test_an_agglomeration_is_told_by_its_siren(terminal: Terminal) -> None:
    """Its node holds the charter."""
    assert terminal.done("init 200057867 --folder pc --json").json["kind"] == "agglomeration"


def test_the_recovery_sheet_can_go_to_a_file_for_its_owner(terminal: Terminal) -> None:
    """Readable by nobody else, never over another file, and not in the JSON then."""
    answer = terminal.done("init 93066 --folder sd --sheet sheet.txt --json").json
    assert answer["recovery_sheet"] == "sheet.txt"
    assert stat.S_IMODE(Path("sheet.txt").stat().st_mode) == 0o600
    assert "FR-93066" in Path("sheet.txt").read_text("utf-8")
    assert terminal.type("init 93001 --folder au --sheet sheet.txt").code == 1
    assert not Path("au").exists(), "a node whose recovery sheet went nowhere must not be"
    assert terminal.type("init 93001 --folder sd --sheet other.txt").code == 1
    assert not Path("other.txt").exists()


def test_an_unknown_code_is_not_found(terminal: Terminal) -> None:
    """Exit code 3, and what to do about a commune that has merged."""
    seen = terminal.type("init 75059 --folder x")
    assert (seen.code, seen.err.splitlines()[1]) == (3, "hint: it is part of Saint-Denis: FR-93066")


def test_a_table_is_rehearsed_imported_and_imported_again(terminal: Terminal) -> None:
    """The three lines of the day that a town begins."""
    terminal.done("init 93066 --folder sd")
    line = f"import {EXAMPLE}/records/93066.ndjson --mapping {EXAMPLE}/mapping.toml --folder sd"
    assert terminal.done(f"{line} --dry-run").out.startswith("dry run, nothing was written; 173 rows: 173 new")
    assert terminal.done(line).out.startswith("173 rows: 173 new, 0 changed, 0 unchanged, 0 refused; 11 relations")
    assert terminal.done(line).out.startswith("173 rows: 0 new, 0 changed, 173 unchanged, 0 refused; 0 relations")


def test_refused_rows_are_shown_and_the_exit_code_says_so(terminal: Terminal) -> None:
    """The good row is in, the bad ones have a line and a reason."""
    terminal.done("init 93066 --folder sd")
    Path("lieux.csv").write_text("id;name;type\n1;Le 6b;culture\n2;;culture\n3;Gare;château\n", "utf-8")
    seen = terminal.type("import lieux.csv --kind place --folder sd")
    assert seen.code == 1
    assert seen.out.splitlines() == [
        "3 rows: 1 new, 0 changed, 0 unchanged, 2 refused; 0 relations, 0 new themes",
        "line 3, refused: “name” is missing.",
        "line 4, refused: “type” is not a word of the list; a word of your own begins with x-.",
    ]
    assert "Le 6b" in terminal.done("search 6b --folder sd").out


def test_what_is_refused_is_said_in_french_too(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the locale asks: an operator reads the report, not only a program."""
    terminal.done("init 93066 --folder sd")
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    Path("lieux.csv").write_text("id;name;type;website\n1;Le 6b;culture;/\n2;;culture;\n", "utf-8")
    assert terminal.type("import lieux.csv --kind place --folder sd").out.splitlines()[1:] == [
        "ligne 2, refusée\u00a0: «\u00a0website\u00a0» n’est pas une adresse du Web\u00a0: '/'.",
        "ligne 3, refusée\u00a0: «\u00a0name\u00a0» manque.",
    ]
    assert terminal.type("add place type=culture --folder sd").err == "refusé\u00a0: «\u00a0name\u00a0» manque.\n"


def test_a_record_is_written_changed_withdrawn_and_its_history_told(terminal: Terminal) -> None:
    """By hand; an edit of a state that is no longer current is refused with 4."""
    terminal.done("init 93066 --folder sd")
    added = terminal.done(
        "add place name='Le 6b' type=culture location=48.9236,2.3453 other_names='Six B' --folder sd --json"
    ).json
    element = added["element"]
    shown = terminal.done(f"show {element} --folder sd --json").json
    assert shown["fields"]["location"] == [489236000, 23453000]
    terminal.done(f"add place name='Le 6b, à quai' type=culture --element {element} --folder sd")
    late = terminal.type(f"add place name=x type=culture --element {element} --previous {added['digest']} --folder sd")
    assert late.code == 4
    assert "hint: read the current record" in late.err
    terminal.done(f"add place --element {element} --withdraw --folder sd")
    history = terminal.done(f"history {element} --folder sd --json").json["entries"]
    assert [(entry.get("fields") or {}).get("name") for entry in history] == ["Le 6b", "Le 6b, à quai", None]
    assert terminal.type(f"show {element} --folder sd").code == 3


def test_wrong_fields_are_all_said_at_once(terminal: Terminal) -> None:
    """One line a fault."""
    terminal.done("init 93066 --folder sd")
    seen = terminal.type("add place nom=x location=ici --folder sd")
    assert seen.code == 1
    assert seen.err.splitlines()[:2] == [
        "refused: “nom” is not a field of this kind.",
        "refused: “location” is not a latitude and a longitude: 'ici'.",
    ]
    seen = terminal.type("add place name=x --folder sd")
    assert (seen.code, seen.err) == (1, "refused: “type” is missing.\n")


def test_a_search_filters_as_the_api_does(town: Terminal) -> None:
    """Words, kind, type, place."""
    seen = town.done("search stade --kind place --folder sd --json").json
    assert {item["kind"] for item in seen["items"]} == {"place"}
    assert seen["coverage"][0]["territory"] == "FR-93066"
    near = town.done("search --kind place --type station --near 48.9357,2.3540,500 --limit 3 --folder sd").words
    assert "place" in near
    assert "nothing found" in town.done("search zzzzz --folder sd").out
    assert town.type("search --near ici --folder sd").code == 1


def test_a_receipt_is_checked_offline_by_file_and_key(town: Terminal) -> None:
    """With the archive's key or a key from elsewhere; one flipped byte, or another log's key, and it is not sound."""
    element = element_named(town, "Banlieues Bleues")
    town.done(f"receipt {element} -o bb.tlog-proof --folder sd")
    seen = town.done("verify bb.tlog-proof --folder sd")
    assert seen.out.startswith("sound: record ")
    assert "Banlieues Bleues" in seen.out
    key = town.done("status --folder sd --json").json["node"]["key"]
    assert town.done(f"verify bb.tlog-proof --key {key} --json").json["fields"]["name"] == "Banlieues Bleues"
    assert town.type(f"verify bb.tlog-proof --key {'00' * 32}").code == 1
    receipt = Path("bb.tlog-proof").read_text("utf-8")
    Path("torn.tlog-proof").write_text(receipt.replace("index ", "index 1", 1), "utf-8")
    seen = town.type("verify torn.tlog-proof --folder sd --json")
    assert (seen.code, seen.json["sound"]) == (1, False)
    Path("letter.txt").write_text("Bonjour", "utf-8")
    assert town.type("verify letter.txt --folder sd").code == 1


def test_a_whole_archive_is_checked_from_its_files(town: Terminal) -> None:
    """Sound as it is; not sound with one byte of one record changed."""
    seen = town.done("verify sd --json").json
    assert seen["sound"]
    assert seen["entries"] == town.done("status --folder sd --json").json["log"]["size"]
    database = Path("sd/archive.db")
    data = database.read_bytes()
    at = data.index(b"Banlieues Bleues")
    database.write_bytes(data[:at] + b"X" + data[at + 1 :])
    seen = town.type("verify sd --json")
    assert (seen.code, seen.json["sound"]) == (1, False)


def test_an_element_is_forgotten_and_an_import_does_not_bring_it_back(town: Terminal) -> None:
    """Gone from the search at once, from the files with --now, and refused by name when the table comes again."""
    element = element_named(town, "Banlieues Bleues")
    seen = town.done(f"erase {element} --reason 'asked by the person' --now --yes --folder sd")
    assert "is gone from the files" in seen.out
    assert "Banlieues Bleues" not in town.done("search banlieues --folder sd").out
    assert b"Banlieues Bleues" not in Path("sd/archive.db").read_bytes()
    again = town.type(f"import {EXAMPLE}/records/93066.ndjson --mapping {EXAMPLE}/mapping.toml --folder sd --json")
    assert again.code == 1
    assert [entry["code"] for entry in again.json["refused"]] == ["row_erased"]


def test_what_a_person_edited_is_not_overwritten_by_the_table(terminal: Terminal) -> None:
    """The table changes too: the town's own words stay, and the report says so; other rows change."""
    terminal.done("init 93066 --folder sd")
    Path("lieux.csv").write_text("id;name;type\n1;Le 6b;culture\n2;Gare;station\n", "utf-8")
    terminal.done("import lieux.csv --kind place --folder sd")
    element = element_named(terminal, "Le 6b")
    fields = terminal.done(f"show {element} --folder sd --json").json["fields"]
    said = " ".join(f"'{name}={value}'" for name, value in (fields | {"name": "Le 6b, à quai"}).items())
    terminal.done(f"add place {said} --element {element} --folder sd")
    Path("lieux.csv").write_text("id;name;type\n1;6b;culture\n2;Gare de Saint-Denis;station\n", "utf-8")
    seen = terminal.type("import lieux.csv --kind place --folder sd --json")
    assert seen.code == 1
    assert (seen.json["changed"], seen.json["refused_count"]) == (1, 1)
    assert seen.json["refused"][0]["code"] == "row_edited"
    assert "Le 6b, à quai" in terminal.done("search quai --folder sd").out


def test_the_index_is_made_again(town: Terminal) -> None:
    """From the archive alone, after its file was thrown away."""
    for path in Path("sd").glob("index.db*"):
        path.unlink()
    assert "Banlieues Bleues" in town.done("search banlieues --folder sd").out
    assert town.done("reindex --folder sd --json").json["entries"] > 200


def test_a_folder_without_a_node_says_what_to_do(terminal: Terminal) -> None:
    """One error, one hint."""
    seen = terminal.type("status --folder nowhere")
    assert seen.code == 1
    assert seen.err.splitlines()[-1] == "hint: convergences init"


def test_an_error_is_json_for_a_program(terminal: Terminal) -> None:
    """Code, message, hint, on standard output; the exit code is the same."""
    seen = terminal.type("init 75059 --folder x --json")
    assert (seen.code, seen.json["error"]["code"]) == (3, "not found")
    assert seen.err == ""


def test_a_wrong_command_line_is_two(terminal: Terminal) -> None:
    """Usage errors are not failures of the node."""
    for line in ("nonsense", "init", "import nowhere.csv", "search --limit 0", "receipt", "verify ."):
        assert terminal.type(line).code in (1, 2), line
    assert terminal.type("nonsense").code == 2


def test_sentences_follow_the_locale(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """French where the locale is French."""
    terminal.done("init 93066 --folder sd")
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert "en marche" in terminal.done("status --folder sd").out
    assert "rien de tel" in terminal.done("search zzzzz --folder sd").out
