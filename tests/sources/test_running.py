# SPDX-License-Identifier: AGPL-3.0-or-later
"""A declared source is relayed: what changed and nothing else, never a flood of deletions, people's edits first."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from convergences_node.sources.memory import Memory
from convergences_protocol.errors import LocalError, RemoteError

from .conftest import TERRITORY, Home
from .test_fetching import ok, serving

MAPPING = """
[source]
name = "mairie"
id = "id"

[[element]]
kind = "actor"
when = { sorte = "asso" }
[element.fields]
name = "nom"
type = { value = "association" }
website = { column = "site", bad = "leave_out" }

[[element]]
kind = "action"
[element.fields]
name = "nom"
type = { value = "event" }
start = { column = "date", bad = "leave_out" }
"""


def declaration(where: str, gone: str = "end", shrink: float = 0.5, more: str = "") -> str:
    return f'licence = "etalab-2.0"\ngone = "{gone}"\nshrink = {shrink}\n{more}\n[where]\n{where}\n{MAPPING}'


def rows(count: int, sort: str = "asso", name: str = "n°") -> list[dict[str, Any]]:
    return [{"id": str(n), "sorte": sort, "nom": f"{name} {n:03}"} for n in range(count)]


class Table:
    """A file that somebody keeps."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def hold(self, rows: list[dict[str, Any]]) -> None:
        self.path.write_text(json.dumps(rows), encoding="utf-8")


@pytest.fixture
async def table(home: Home, tmp_path: Path) -> Table:
    return Table(tmp_path / "liste.json")


async def declared(home: Home, table: Table, **settings: Any) -> None:
    await home.declare("liste", declaration(f'file = "{table.path}"', **settings))


async def test_a_source_is_relayed_and_then_only_what_changed(home: Home, table: Table) -> None:
    """Each record says where it is from, under what licence, and when it was fetched."""
    table.hold(rows(10))
    await declared(home, table)
    told = await home.run("liste")
    assert (told["outcome"], told["rows"], told["counts"]["created"]) == ("imported", 10, 10)
    element = (await home.found("actor"))[0]["id"]
    fields = (await home.ask("show", element=element))["fields"]
    assert (fields["source"], fields["source_id"], fields["licence"]) == ("mairie", "0", "etalab-2.0")
    assert fields["fetched"] == "2026-11-22"
    size = await home.size()
    home.clock[0] += 86_400
    assert (await home.run("liste"))["outcome"] == "unchanged"
    again = await home.run("liste", whole=True)
    assert (again["outcome"], again["counts"]["unchanged"], await home.size()) == ("imported", 10, size)
    changed = rows(10)
    changed[3]["nom"] = "Le 6b"
    table.hold(changed)
    told = await home.run("liste")
    assert (told["counts"]["changed"], told["counts"]["unchanged"], await home.size()) == (1, 9, size + 1)


async def test_a_source_that_shrinks_is_held_back_until_a_person_has_looked(home: Home, table: Table) -> None:
    """Six of ten are more than half: nothing is written, and the reason is told; four are ended."""
    table.hold(rows(10))
    await declared(home, table)
    await home.run("liste")
    size = await home.size()
    table.hold([*rows(4), {"id": "new", "sorte": "asso", "nom": "neuf"}])
    held = await home.run("liste")
    assert (held["outcome"], held["reason"]["code"], await home.size()) == ("held", "source_shrunk", size)
    assert "6" in held["sentence"]["fr"] and held["reason"]["params"] == {"before": 10, "gone": 6, "percent": 50}
    assert (await home.ask("source_list"))["sources"][0]["outcome"] == "held"
    table.hold(rows(6))
    told = await home.run("liste")
    assert (told["outcome"], told["gone_done"], await home.size()) == ("imported", {"ended": 4}, size + 4)
    table.hold(rows(1))
    assert (await home.run("liste"))["outcome"] == "held"
    accepted = await home.run("liste", accept=True)
    assert (accepted["outcome"], accepted["gone_done"]) == ("imported", {"ended": 5})


@pytest.mark.parametrize(
    ("now", "code"),
    [
        ("[]", "source_empty"),
        ('[{"id": "0", "sorte": "asso", "nom": "n° 000"}, {"id": "1", "so', "source_broken_off"),
        ('{"data": []}', "source_empty"),
        ("<!doctype html><title>Maintenance</title>", "source_other_format"),
        ('[{"x": 1}, {"x": 2}]', "source_unreadable"),
        ("", "source_other_format"),
    ],
)
async def test_what_comes_empty_cut_or_as_something_else_is_held_back(
    home: Home, table: Table, now: str, code: str
) -> None:
    """Never taken for deletions, and the next good answer goes on as if nothing had been."""
    table.hold(rows(10))
    await declared(home, table, gone="withdraw", shrink=0.9)
    await home.run("liste")
    size = await home.size()
    table.path.write_text(now, encoding="utf-8")
    held = await home.run("liste")
    assert (held["outcome"], held["reason"]["code"], await home.size()) == ("held", code, size)
    table.hold(rows(9))
    assert (await home.run("liste"))["gone_done"] == {"withdrawn": 1}


async def test_what_is_no_list_is_not_taken_the_first_time_either(home: Home, table: Table) -> None:
    table.path.write_text("<!doctype html>\n<title>Maintenance</title>\n<p>Bientôt", encoding="utf-8")
    await home.declare("liste", declaration(f'file = "{table.path}"') + '[file]\nformat = "csv"\n')
    size = await home.size()
    told = await home.run("liste")
    assert (told["outcome"], told["reason"]["code"], await home.size()) == ("held", "source_unreadable", size)


async def test_what_is_cut_the_first_time_is_shown_and_read_again(home: Home, table: Table) -> None:
    """Its rows are good, and what is missing was never here: nothing disappears when it comes whole."""
    table.path.write_text(json.dumps(rows(10))[:-30], encoding="utf-8")
    await declared(home, table, gone="withdraw")
    told = await home.run("liste")
    assert (told["outcome"], told["reason"]["code"], told["counts"]["created"]) == ("held", "source_broken_off", 9)
    table.hold(rows(10))
    told = await home.run("liste")
    assert (told["outcome"], told["counts"]["created"], told["gone_done"]) == ("imported", 1, {})


async def test_a_mapping_beside_is_read_again_when_it_changes(home: Home, table: Table) -> None:
    """Although the table itself did not."""
    table.hold(rows(3))
    beside = home.folder / "sources" / "noms.mapping"
    beside.parent.mkdir()
    beside.write_text(MAPPING)
    await home.declare("liste", f'mapping = "noms.mapping"\n[where]\nfile = "{table.path}"\n')
    assert (await home.run("liste"))["counts"]["created"] == 3
    assert (await home.run("liste"))["outcome"] == "unchanged"
    beside.write_text(MAPPING.replace('"association"', '"collective"'))
    assert (await home.run("liste"))["counts"]["changed"] == 3


async def test_what_disappeared_is_withdrawn_and_comes_back_as_itself(home: Home, table: Table) -> None:
    """The same element, with its history; what a person has withdrawn stays withdrawn."""
    table.hold(rows(10))
    await declared(home, table, gone="withdraw")
    await home.run("liste")
    before = [item["id"] for item in await home.found("actor")]
    table.hold(rows(8))
    assert (await home.run("liste"))["gone_done"] == {"withdrawn": 2}
    assert [item["id"] for item in await home.found("actor")] == before[:8]
    await home.ask("withdraw", element=before[0])
    table.hold(rows(10))
    told = await home.run("liste")
    assert (told["counts"]["changed"], told["counts"]["refused_count"]) == (2, 1)
    assert [item["id"] for item in await home.found("actor")] == before[1:]


async def test_what_disappeared_is_left_where_nothing_else_is_declared(home: Home, table: Table) -> None:
    table.hold(rows(10))
    await declared(home, table, gone="leave")
    await home.run("liste")
    size = await home.size()
    table.hold(rows(9))
    assert ((await home.run("liste"))["gone_done"], await home.size()) == ({"left": 1}, size)


async def test_past_events_that_leave_an_agenda_are_over_and_not_gone(home: Home, table: Table) -> None:
    """Half of the agenda passes: nothing is held back, nothing is withdrawn but what was still to come."""
    agenda = rows(10, "agenda")
    for number, row in enumerate(agenda):
        row["date"] = "2026-11-01" if number < 6 else "2027-01-01"
    table.hold(agenda)
    await declared(home, table, gone="withdraw", shrink=0.3)
    await home.run("liste")
    table.hold(agenda[7:])
    told = await home.run("liste")
    assert (told["outcome"], told["gone_done"]) == ("imported", {"withdrawn": 1})


async def test_a_feed_lets_its_old_news_go(home: Home, tmp_path: Path) -> None:
    """By the mapping that comes with the node: last week's articles have left the feed, and none is withdrawn."""
    feed = tmp_path / "actus.xml"

    def hold(first: int) -> None:
        entries = "".join(
            f"<entry><id>urn:x:{n}</id><title>Nouvelle {n}</title><updated>2026-11-{n:02}T10:00:00Z</updated>"
            f"<published>2026-11-{n:02}T10:00:00Z</published></entry>"
            for n in range(first, first + 5)
        )
        feed.write_text(
            f'<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:x</id><title>Actus</title>{entries}</feed>', "utf-8"
        )

    hold(1)
    await home.declare("actus", f'mapping = "known"\ngone = "withdraw"\n[where]\nfile = "{feed}"\n')
    told = await home.run("actus")
    assert (told["outcome"], told["counts"]["created"]) == ("imported", 5), told
    hold(7)
    told = await home.run("actus")
    assert (told["outcome"], told["counts"]["created"], told["gone_done"]) == ("imported", 5, {})
    assert len(await home.found("content")) == 10


async def test_edits_made_here_are_kept_and_shown_beside_the_source(home: Home, table: Table) -> None:
    """The source changes what people have changed: theirs stays, and status shows both; so does what disappears."""
    table.hold(rows(4))
    await declared(home, table, gone="withdraw")
    await home.run("liste")
    element = (await home.found("actor"))[1]["id"]
    fields = (await home.ask("show", element=element))["fields"]
    await home.ask("add", kind="actor", element=element, fields=fields | {"name": "Notre association"})
    changed = rows(4)
    changed[1] |= {"nom": "Leur association", "site": "leur.example"}
    table.hold(changed)
    assert (await home.run("liste"))["edited_count"] == 1
    (beside,) = (await home.ask("source_status", name="liste"))["edited"]
    assert (beside["element"], beside["name"]) == (element, "Notre association")
    assert beside["differences"] == {
        "name": {"here": "Notre association", "there": "Leur association"},
        "website": {"here": None, "there": "https://leur.example"},
    }
    assert (await home.run("liste"))["edited_count"] == 1
    del changed[1]
    table.hold(changed)
    told = await home.run("liste")
    assert told["gone_done"] == {"edited": 1}
    assert (await home.ask("show", element=element))["fields"]["name"] == "Notre association"


async def test_what_a_source_brings_is_its_actors(home: Home, table: Table) -> None:
    """An agenda declared for an association: it organises what is in it; said once."""
    actor = (await home.ask("add", kind="actor", fields={"name": "Le 6b", "type": "association"}))["element"]
    table.hold(rows(3, "agenda"))
    await declared(home, table, more=f'actor = "{actor}"')
    assert (await home.run("liste"))["counts"]["relations"] == 3
    assert (await home.run("liste", whole=True))["counts"]["relations"] == 0
    nobody = declaration('file = "x"', more=f'actor = "{TERRITORY}:00000000-0000-7000-8000-000000000000"')
    with pytest.raises(LocalError, match="known"):
        await home.declare("autre", nobody)


async def test_a_folder_is_one_source(home: Home, tmp_path: Path) -> None:
    """Whatever is in it that matches; a file that leaves takes its rows with it."""
    folder = tmp_path / "tables"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.csv").write_text(f"id;nom;sorte\n{number};Asso {number};asso\n")
    (folder / "lisez-moi.txt").write_text("rien")
    await home.declare("liste", declaration(f'folder = "{folder}"\npattern = "*.csv"'))
    assert (await home.run("liste"))["counts"]["created"] == 4
    (folder / "0.csv").unlink()
    assert (await home.run("liste"))["gone_done"] == {"ended": 1}
    (folder / "1.csv").write_text("id;nom;sorte\n1;;asso\n")
    told = await home.ask("source_run", name="liste")
    assert told["sources"][0]["counts"]["refused_count"] == 1
    report = (await home.ask("source_status", name="liste"))["report"]
    assert (report["refused"][0]["file"], report["refused"][0]["line"]) == ("1.csv", 2)
    for path in folder.glob("*.csv"):
        path.unlink()
    assert (await home.run("liste"))["reason"]["code"] == "source_nowhere"


async def test_pipes_and_files_beyond_the_bound_are_not_read(home: Home, tmp_path: Path) -> None:
    """A pipe would be waited for for ever."""
    pipe, large = tmp_path / "pipe", tmp_path / "large.csv"
    os.mkfifo(pipe)
    large.write_text("id;nom;sorte\n" * 100)
    await home.declare("liste", declaration(f'file = "{pipe}"'))
    assert (await home.run("liste"))["reason"]["code"] == "source_nowhere"
    await home.declare("liste", declaration(f'file = "{large}"\nbytes_max = 1000'), replace=True)
    assert (await home.run("liste"))["reason"]["code"] == "source_large"


async def test_a_source_is_fetched_again_only_if_it_changed(home: Home) -> None:
    """The server is asked with what it said last time; a declaration that changed asks for the whole again."""
    asked: list[bytes] = []
    body = json.dumps(rows(5)).encode()

    async def answer(request: bytes, writer: Any) -> None:
        asked.append(request)
        known = b'If-None-Match: "1"' in request
        writer.write(b"HTTP/1.1 304 Not Modified\r\n\r\n" if known else ok(body, 'ETag: "1"'))

    async with serving(answer) as address:
        where = f'url = "{address}/liste.json"\nprivate = true'
        await home.declare("liste", declaration(where))
        assert (await home.run("liste"))["outcome"] == "imported"
        assert (await home.run("liste"))["outcome"] == "unchanged"
        assert b"If-None-Match" in asked[1] and len(asked) == 2
        await home.declare("liste", declaration(where, gone="leave"), replace=True)
        assert (await home.run("liste"))["counts"]["unchanged"] == 5
        assert b"If-None-Match" not in asked[-1]
        assert not list((home.folder / "sources").glob(".*"))


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("cp1252", "utf-8"),
        ("utf-8", "iso-8859-1"),
        ("utf-16", "utf-8"),
        ("cp1252", "no-such-thing"),
        ("cp1250", "cp1250"),
    ],
)
async def test_what_a_server_says_of_its_letters_is_believed_only_where_it_fits(
    home: Home, encoding: str, said: str
) -> None:
    """The bytes tell; where they tell nothing, and the server's word does not contradict them, it is taken."""
    name = "Zażółć gęślą jaźń" if encoding == "cp1250" else "Mains d’œuvres à Saint-Ouen, côté rue, été comme hiver"
    body = f"id;sorte;nom\n1;asso;{name}\n".encode(encoding)

    async def answer(request: bytes, writer: Any) -> None:
        writer.write(ok(body, f"Content-Type: text/csv; charset={said}"))

    async with serving(answer) as address:
        await home.declare("liste", declaration(f'url = "{address}/"\nprivate = true'))
        await home.run("liste")
    assert [item["name"] for item in await home.found("actor")] == [name]


async def test_a_busy_server_is_asked_again_when_it_says(home: Home) -> None:
    async def answer(request: bytes, writer: Any) -> None:
        writer.write(b"HTTP/1.1 503 X\r\nRetry-After: 7200\r\nContent-Length: 0\r\n\r\n")

    async with serving(answer) as address:
        await home.declare("liste", declaration(f'url = "{address}/"\nprivate = true'))
        told = await home.run("liste")
    assert (told["reason"]["params"], told["due"]) == ({"status": 503}, "2026-11-22T12:00:00Z")


async def test_an_address_near_by_must_be_meant(home: Home) -> None:
    """Without `private`, a source of this machine fails, and says how to mean it; and it comes later and later."""
    await home.declare("liste", declaration('url = "http://127.0.0.1:9/liste.json"'))
    dues = []
    for _ in range(3):
        told = await home.run("liste")
        assert (told["outcome"], told["reason"]["code"]) == ("failed", "source_private")
        with Memory(home.folder) as memory:
            dues.append(memory.state("liste").due - int(home.clock[0]))
    assert dues == [900, 1800, 3600]


async def test_a_failure_leaves_what_was_relayed(home: Home) -> None:
    """The server answers 500 for a while; then it is itself again."""
    answers = [ok(json.dumps(rows(5)).encode()), b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", ok(b"[{", length=90)]

    async def answer(request: bytes, writer: Any) -> None:
        writer.write(answers[0])

    async with serving(answer) as address:
        await home.declare("liste", declaration(f'url = "{address}/"\nprivate = true', gone="withdraw"))
        await home.run("liste")
        size = await home.size()
        for expected in ("source_status", "source_cut"):
            answers.pop(0)
            told = await home.run("liste")
            assert (told["outcome"], told["reason"]["code"], told["rows"]) == ("failed", expected, 5)
        assert await home.size() == size


async def test_a_dry_run_writes_nothing_and_remembers_nothing(home: Home, table: Table) -> None:
    table.hold(rows(3))
    await declared(home, table)
    size = await home.size()
    assert (await home.run("liste", dry_run=True))["counts"]["created"] == 3
    assert await home.size() == size
    assert (await home.ask("source_list"))["sources"][0]["outcome"] == "new"


async def test_losing_what_was_remembered_costs_a_run_and_nothing_else(home: Home, table: Table) -> None:
    """No row is taken to have disappeared that nobody remembers."""
    table.hold(rows(10))
    await declared(home, table, gone="withdraw")
    await home.run("liste")
    size = await home.size()
    for path in home.folder.glob("sources.db*"):
        path.unlink()
    table.hold(rows(8))
    told = await home.run("liste")
    assert (told["counts"]["unchanged"], told["gone_done"], await home.size()) == (8, {}, size)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[where]\n", "exactly one"),
        ('[where]\nurl = "ftp://x"\n', "not an address"),
        ('[where]\nfile = "x"\n[when]\nat = "25:00"\n' + MAPPING, "not an hour"),
        ('[where]\nfile = "x"\n[when]\nhours = 0\n' + MAPPING, "hours"),
        ('shrink = 2.0\n[where]\nfile = "x"\n' + MAPPING, "share"),
        ('gone = "delete"\n[where]\nfile = "x"\n' + MAPPING, "gone"),
        ('wher = 1\n[where]\nfile = "x"\n' + MAPPING, "wher"),
        ('actor = "Le 6b"\n[where]\nfile = "x"\n' + MAPPING, "actor"),
        ('[where]\nfolder = "x"\npattern = "../*"\n' + MAPPING, "pattern"),
        ('proposed = true\n[where]\nfile = "x"\n' + MAPPING, "guessed"),
        ('mapping = "known"\n[where]\nfile = "x"\n' + MAPPING, "written out"),
        ('[where]\nfile = "x"\n[file]\nformat = "csv"\n', "no mapping"),
        ("[where", "TOML"),
    ],
)
async def test_a_wrong_declaration_is_refused_with_its_reason(home: Home, text: str, reason: str) -> None:
    with pytest.raises(LocalError, match=reason):
        await home.declare("liste", text)
    assert (await home.ask("source_list"))["sources"] == []


@pytest.mark.parametrize("name", ["", "../x", "Liste", "a" * 61, "-x", "a/b"])
async def test_a_name_is_a_name(home: Home, name: str) -> None:
    with pytest.raises(LocalError, match="name"):
        await home.declare(name, declaration('file = "x"'))


async def test_a_preview_shows_and_writes_nothing(home: Home, table: Table) -> None:
    """Of what nobody has declared, a mapping is proposed; of a source, its own is shown; refused rows say why."""
    table.hold([{"id": "1", "nom": "Le 6b", "adresse": "6 quai de Seine, 93200 Saint-Denis"}, {"id": "2", "nom": ""}])
    size = await home.size()
    seen = await home.ask("source_preview", where=str(table.path))
    assert (seen["guessed"], seen["rows"], seen["format"]) == (True, 2, "json")
    assert seen["elements"][0]["fields"]["town"] == TERRITORY
    assert seen["elements"][1]["refused"][0]["code"] == "missing"
    assert "proposed = true" in seen["declaration"]
    async with serving(table_answer(table)) as address:
        seen = await home.ask("source_preview", where=f"{address}/liste", private=True)
        assert seen["elements"][0]["fields"]["name"] == "Le 6b"
        with pytest.raises(RemoteError, match="Internet"):
            await home.ask("source_preview", where=f"{address}/liste")
    await declared(home, table)
    seen = await home.ask("source_preview", name="liste", rows=1)
    assert (seen["guessed"], seen["declaration"], len(seen["elements"])) == (False, None, 1)
    assert (await home.size(), (await home.ask("source_list"))["sources"][0]["outcome"]) == (size, "new")


def table_answer(table: Table) -> Any:
    async def answer(request: bytes, writer: Any) -> None:
        writer.write(ok(table.path.read_bytes()))

    return answer


async def test_a_source_is_removed_and_what_it_brought_stays(home: Home, table: Table) -> None:
    table.hold(rows(3))
    await declared(home, table)
    await home.run("liste")
    await home.ask("source_remove", name="liste")
    assert (await home.ask("source_list"))["sources"] == []
    assert len(await home.found("actor")) == 3
    with pytest.raises(LocalError, match="no source"):
        await home.run("liste")
