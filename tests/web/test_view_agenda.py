# SPDX-License-Identifier: AGPL-3.0-or-later
"""The agenda: days are the reader's, hours stay what they are, and an empty day leads on."""

from __future__ import annotations

import re
from datetime import date
from html import unescape
from zoneinfo import ZoneInfo

from aiohttp.test_utils import TestClient
from convergences_node.index.query import Query
from convergences_node.web.agenda import period_of
from convergences_node.web.cards import Reading
from convergences_node.web.filters import weekend_of
from convergences_node.web.happenings import happenings
from convergences_node.web.messages import catalogue

from .asking import page
from .small_town import START, SmallTown

READING = Reading(catalogue("fr"), ZoneInfo("Europe/Paris"), START, "fr", None)
TODAY = date(2026, 11, 20)


def test_a_day_a_week_and_a_month_are_recognised_in_the_dates() -> None:
    def named(since: str | None, until: str | None) -> tuple[str, date, date]:
        period = period_of(Query(since=since, until=until), TODAY)
        return period.name, period.first, period.last

    assert named(None, None) == ("week", date(2026, 11, 20), date(2026, 11, 26))
    assert named("2026-11-24", "2026-11-24") == ("day", date(2026, 11, 24), date(2026, 11, 24))
    assert named("2026-11-23", "2026-11-29")[0] == "week"
    assert named("2026-02", "2026-02") == ("month", date(2026, 2, 1), date(2026, 2, 28))
    assert named("2028-02-01", "2028-02-29")[0] == "month"
    assert named("2026-11-24", None) == ("other", date(2026, 11, 24), date(2026, 12, 24))
    assert period_of(Query(since="2026", until="2027"), TODAY).cut


async def times(town: SmallTown, first: date, last: date) -> list[tuple[str, str]]:
    await town.index.catch_up()
    found = await happenings(town, READING, Query(), first, last)
    return [(each.item.name, each.start.isoformat()) for each in found.dated]


async def test_a_weekly_workshop_keeps_its_hour_across_the_change_of_the_clocks(town: SmallTown) -> None:
    """Summer time begins on 28 March 2027; the workshop of the small town is every Tuesday at 18:00."""
    found = await times(town, date(2027, 3, 22), date(2027, 4, 4))
    assert found == [
        ("Réparer son vélo", "2027-03-23T18:00:00+01:00"),
        ("Réparer son vélo", "2027-03-30T18:00:00+02:00"),
    ]


async def test_the_long_and_the_short_day_hold_their_own_hours(town: SmallTown) -> None:
    """25 October 2026 has 25 hours in Paris, and half past two twice; what is at midnight is not of the day before."""
    for text in (
        "2026-10-25T00:00+02:00",
        "2026-10-25T02:30+02:00",
        "2026-10-25T02:30+01:00",
        "2026-10-25T23:59+01:00",
    ):
        await town.add("action", f"À {text}", type="event", start=text)
    await town.add("action", "La veille", type="event", start="2026-10-24T23:59+02:00")
    await town.add("action", "Le lendemain", type="event", start="2026-10-26T00:00+01:00")
    await town.add("action", "Toute la journée", type="event", start="2026-10-25")
    await town.add("action", "Le jour d’avant", type="event", start="2026-10-24")
    found = await times(town, date(2026, 10, 25), date(2026, 10, 25))
    assert [name for name, _ in found] == [
        "Toute la journée",
        "À 2026-10-25T00:00+02:00",
        "À 2026-10-25T02:30+02:00",
        "À 2026-10-25T02:30+01:00",
        "À 2026-10-25T23:59+01:00",
    ]


async def test_the_empty_days_of_a_week_are_one_line(client: TestClient, town: SmallTown) -> None:
    """What is empty on either side of the workshop, on a Tuesday, is said once each."""
    page = await (await client.get("/?vue=agenda&from=2027-03-22&to=2027-03-28")).text()
    lines = re.findall(r'<p class="soft none">(.*?)</p>', page)
    assert lines == [
        "lundi 22 mars 2027\u00a0: rien d’inscrit.",
        "du mercredi 24 au dimanche 28 mars 2027\u00a0: rien d’inscrit.",
    ]
    assert re.findall(r'<h4 id="d([0-9-]+)"', page) == ["2027-03-23"]
    empty = await (await client.get("/?vue=agenda&from=2031-01-06&to=2031-01-12&kind=place")).text()
    assert empty.count('<div class="empty">') == 1


async def test_a_night_is_of_its_evening_and_what_ends_at_midnight_of_its_day(town: SmallTown) -> None:
    await town.add("action", "Nuit", type="event", start="2026-11-27T22:00+01:00", end="2026-11-28T02:00+01:00")
    await town.add("action", "Soirée", type="event", start="2026-11-27T20:00+01:00", end="2026-11-28T00:00+01:00")
    await town.add("action", "Trois jours", type="festival", start="2026-11-27", end="2026-11-29")
    await town.add("action", "Projet", type="project", start="2019", end="2030")
    await town.index.catch_up()
    found = await happenings(town, READING, Query(), date(2026, 11, 28), date(2026, 11, 28))
    assert [each.item.name for each in found.dated] == ["Trois jours"]
    assert [each.item.name for each in found.lasting] == ["Projet"]


async def test_what_lasts_for_years_does_not_crowd_out_tonight(town: SmallTown) -> None:
    for year in range(1800, 2010):
        await town.add("action", f"Depuis {year}", type="project", start=str(year), end="2030")
    await town.add("action", "Ce soir", type="event", start="2026-11-20T20:00+01:00")
    await town.index.catch_up()
    found = await happenings(town, READING, Query(), TODAY, TODAY)
    assert [each.item.name for each in found.dated] == ["Ce soir"]


async def test_the_home_page_says_what_happens_today_this_weekend_this_month(
    client: TestClient, town: SmallTown
) -> None:
    await town.add("action", "Concert de ce soir", type="event", start="2026-11-20T20:00+01:00")
    await town.add("action", "Marché de samedi", type="event", start="2026-11-21")
    await town.index.catch_up()
    html = await page(client, "/?lang=fr")
    today, weekend, month = (
        html.split(f'<h2 id="{key}">')[1].split("</section>")[0] for key in ("today", "weekend", "month")
    )
    assert "Concert de ce soir" in today
    assert "20\u00a0h" in today
    assert "Marché de samedi" in weekend
    assert "Réparer son vélo" in month
    assert "Concert de ce soir" not in month
    assert "Atelier vélo du Canal" in html.split('id="active"')[1].split("</ul>")[0]


def test_on_a_sunday_the_weekend_is_that_day() -> None:
    assert weekend_of(date(2026, 11, 20)) == (date(2026, 11, 21), date(2026, 11, 22))
    assert weekend_of(date(2026, 11, 22)) == (date(2026, 11, 22), date(2026, 11, 22))


async def test_an_agenda_without_anything_leads_to_what_comes_next_or_to_the_last_year(
    client: TestClient, town: SmallTown
) -> None:
    """A list of what comes after would be empty as often: the nearest days with something are looked for."""
    await town.add("action", "Dans longtemps", type="event", start="2031-06-01")
    await town.index.catch_up()
    for period in ("from=2031-01", "from=2031-01-05&to=2031-01-05", "from=2031-01-05&to=2031-01-08"):
        html = await page(client, f"/?vue=agenda&{period}&kind=action&lang=fr")
        (href,) = re.findall(r'<a class="chip" href="([^"]*)">Le prochain rendez-vous : dimanche 1er juin 2031', html)
        there = await page(client, unescape(href))
        assert "Dans longtemps" in there
        assert "Semaine" in re.findall(r'aria-current="true">([^<]*)<', there)
    late = await page(client, "/?vue=agenda&from=2035-01&lang=fr")
    (href,) = re.findall(r'<a class="chip" href="([^"]*)">Ce qui était inscrit en 2031<', late)
    assert "Dans longtemps" in await page(client, unescape(href))


async def test_an_agenda_is_narrowed_down_among_what_happens(client: TestClient) -> None:
    """Nobody is led from an agenda to schools and stops, which no day has."""
    assert "kind=actor" in await page(client, "/?vue=liste&lang=fr")
    beside = (await page(client, "/?vue=agenda&lang=fr")).split("<aside")[1].split("</aside>")[0]
    assert "vue=agenda" in beside
    assert "kind=actor" not in beside and "kind=place" not in beside
    assert "facet.type=association" not in beside


async def test_an_agenda_of_what_only_lasts_does_not_say_that_there_is_nothing(
    client: TestClient, town: SmallTown
) -> None:
    await town.add("action", "Exposition", type="event", start="2031-01-01", end="2031-03-31")
    await town.index.catch_up()
    for period in ("from=2031-02", "from=2031-02-03&to=2031-02-09", "from=2031-02-03&to=2031-02-03"):
        html = await page(client, f"/?vue=agenda&{period}&lang=fr")
        assert "Voici ce qui dure." in html
        assert "Exposition" in html
        assert "d’inscrit" not in html
