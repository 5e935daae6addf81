# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where a source is: a folder, a server and what it says of its bytes, an address near by, a failure."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from convergences_node.sources.memory import Memory

from .conftest import Home
from .tables import declaration, rows
from .test_fetching import ok, serving


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
        ("cp1252", "zlib"),
        ("cp1252", "base64"),
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
    assert (told["reason"]["params"], told["due"]) == ({"status": 503, "code": "status_busy"}, "2026-11-22T12:00:00Z")


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
