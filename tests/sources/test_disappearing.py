# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a source no longer says ends, goes or stays, as it was declared; and comes back as itself."""

from pathlib import Path

from .conftest import Home
from .tables import Table, declared, rows


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
