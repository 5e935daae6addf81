# SPDX-License-Identifier: AGPL-3.0-or-later
"""One question, four views: the filters stay, days are the reader's, and nothing typed by hand breaks a page."""

from __future__ import annotations

import re
from datetime import date
from html import unescape
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.index.query import E7, Box, Query
from convergences_node.index.views import Total
from convergences_node.web.agenda import period_of
from convergences_node.web.cards import Reading
from convergences_node.web.filters import weekend_of
from convergences_node.web.happenings import happenings
from convergences_node.web.map_question import _placeless
from convergences_node.web.messages import catalogue
from convergences_node.web.page_search import _total
from convergences_node.web.projecting import WIDTH, frame_around, path_of

from .small_town import MEAN_NAME, START, TERRITORY, SmallTown

READING = Reading(catalogue("fr"), ZoneInfo("Europe/Paris"), START, "fr", None)
TODAY = date(2026, 11, 20)


async def page(client: TestClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status == 200, await answer.text()
    return await answer.text()


def hrefs(html: str) -> list[str]:
    return [href.replace("&amp;", "&") for href in re.findall(r'href="(/\?[^"]*)"', html)]


# -------------------------------------------------------------------------------------------------------------- views
@pytest.mark.parametrize("view", ["liste", "agenda", "carte", "frise"])
async def test_a_view_keeps_every_filter_and_every_filter_keeps_the_view(client: TestClient, view: str) -> None:
    filters = f"q=vélo&kind=action&territory={TERRITORY}&from=2026-11-23&to=2026-11-29"
    html = await page(client, f"/?{filters}&vue={view}&lang=fr")
    views = html.split('class="views"')[1].split("</nav>")[0]
    assert views.count('aria-current="page"') == 1
    for href in hrefs(views):
        asked = parse_qs(urlsplit(href).query)
        assert (asked["q"], asked["kind"], asked["from"], asked["to"]) == (
            ["vélo"],
            ["action"],
            ["2026-11-23"],
            ["2026-11-29"],
        )
    if view != "liste":
        inside = hrefs(html.split("<aside")[1].split("</aside>")[0])
        assert inside
        assert all(f"vue={view}" in href for href in inside)


async def test_a_view_that_is_none_is_refused(client: TestClient) -> None:
    assert (await client.get("/", params={"vue": "banane"})).status == 400
    assert (await client.get("/api/v1/search", params={"vue": "carte"})).status == 400


async def test_every_address_on_every_view_answers(client: TestClient) -> None:
    """A page's own links lead somewhere: no filter, day, zoom or year of ours is refused."""
    for path in ("/", "/?vue=agenda", "/?vue=carte", "/?vue=frise", "/?vue=carte&box=2.35,48.93,2.36,48.94"):
        for href in sorted(set(hrefs(await page(client, path)))):
            answer = await client.get(href)
            assert answer.status == 200, (path, href, await answer.text())


@pytest.mark.parametrize(
    "params",
    [
        {"from": "0001"},
        {"to": "0001-01"},
        {"from": "9999-12-31"},
        {"from": "0001", "to": "9999"},
        {"to": "9999"},
        {"from": "2026-11-20T10:00+14:00"},
        {"q": "'); DROP--"},
        {"box": "-180,-90,180,90"},
        {"box": "180,90,180,90"},
        {"box": "170,-10,-170,10"},
        {"circle": "90,0,500000"},
        {"circle": "48.936,2.354,1"},
        {"territory": "FR-99999"},
        {"limit": "200"},
    ],
    ids=str,
)
async def test_what_is_typed_by_hand_is_answered_in_every_view(client: TestClient, params: dict[str, str]) -> None:
    for view in ("agenda", "carte", "frise"):
        answer = await client.get("/", params={**params, "vue": view})
        assert answer.status == 200, (view, await answer.text())


async def test_a_mean_name_stays_text_in_every_view(client: TestClient, town: SmallTown) -> None:
    await town.add("actor", MEAN_NAME, type="association", location=[489300000, 23500000])
    await town.index.catch_up()
    for view in ("liste", "carte", "frise"):
        html = await page(client, f"/?vue={view}&kind=actor")
        assert "&lt;b&gt;Éric" in html or view == "frise"
        assert "<b>Éric" not in html


@pytest.mark.parametrize(
    ("found", "counted", "said"),
    [
        (Total(count=12), Total(count=12), "12 résultats"),
        (Total(count=500, exact=False), Total(count=506), "506 résultats"),
        (Total(count=500, exact=False), Total(count=8_912, exact=False), "Environ 8\u202f900 résultats"),
    ],
)
def test_a_total_says_whether_it_was_counted(found: Total, counted: Total, said: str) -> None:
    assert _total(READING, Query(), found, counted) == said
    if not counted.exact:
        assert _total(READING, Query(text="bal"), found, counted) == "Plus de 8\u202f912 résultats"


# ------------------------------------------------------------------------------------------------------------- agenda
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


# ---------------------------------------------------------------------------------------------------------------- map
async def test_the_map_and_its_list_hold_the_same(client: TestClient) -> None:
    html = await page(client, "/?vue=carte&kind=place&lang=fr")
    drawing, _, twin = html.partition("</svg>")
    marks = [int(text) for text in re.findall(r">(\d+)</text>", drawing)]
    marks += [1] * len(re.findall(r'class="mark (?!many)', drawing))
    assert sum(marks) == 46
    assert twin.split("<aside")[0].count('<li class="card') == 46


def _said(html: str) -> list[str]:
    """The sentences over the list beside the map."""
    beside = html.split('id="map-list"')[1].split("<ol>")[0].split("<details>")[0]
    return re.findall(r'<p class="soft">(.*?)</p>', beside)


async def test_the_list_beside_the_map_has_what_the_map_has_and_the_rest_is_counted(
    client: TestClient, town: SmallTown
) -> None:
    """The newest answers have no place and would fill a page: the map asks only for what lies in its frame."""
    for number in range(210):
        await town.add("actor", f"Sans lieu {number}", type="association")
    await town.add("place", "Maison de vacances", type="other", location=[435000000, 50000000])
    await town.index.catch_up()
    html = await page(client, "/?vue=carte&kind=place&kind=actor&lang=fr")
    shown, rest = _said(html)
    listed = html.split('id="map-list"')[1].split("<aside")[0]
    assert listed.count('<li class="card') == 46
    assert shown == "46 réponses sur cette carte."
    assert "Sans lieu" not in listed
    everything = (await _all(town, "place", "actor")) - 47
    assert rest.startswith(f"{everything} autres réponses n’ont pas de lieu précis. 1 autre est hors du cadre")
    way = unescape(re.findall(r'href="([^"]*)"', rest)[0])
    assert "vue=carte" not in way
    assert "box=" not in way
    assert f"{everything + 47} résultats" in await page(client, way)


async def _all(town: SmallTown, *kinds: str) -> int:
    return (await town.index.search(Query(kinds=kinds))).total.count


async def test_a_map_s_page_has_the_next_one_within_its_frame(client: TestClient, town: SmallTown) -> None:
    """As many as a map holds, of how many, and a link to those that come after, which has them all."""
    for number in range(230):
        point = [489300000 + number * 500, 23500000]
        await town.add("place", f"Borne {number}", type="other", location=point)
    await town.index.catch_up()
    first = await page(client, "/?vue=carte&kind=place&lang=fr")
    assert _said(first)[0].startswith("200 réponses sur les 276 de cette carte.")
    (way,) = re.findall(r'rel="next" href="([^"]*)"', first)
    second = await page(client, unescape(way))
    names = [set(re.findall(r"Borne \d+", html.split('id="map-list"')[1])) for html in (first, second)]
    assert not names[0] & names[1]
    assert len(names[0] | names[1]) == 230


@pytest.mark.parametrize(
    ("found", "placed", "said"),
    [
        (Total(count=40), Total(count=28), ["12 autres réponses n’ont pas de lieu précis."]),
        (Total(count=40), Total(count=40), []),
        (Total(count=8_000), Total(count=7_100, exact=False), [catalogue("fr").text("map.some_placeless")]),
        (Total(count=8_000), Total(count=5_890, exact=False), [catalogue("fr").count("map.about_placeless", 2_100)]),
    ],
)
def test_what_has_no_place_is_a_number_only_where_that_is_known(found: Total, placed: Total, said: list[str]) -> None:
    """The difference of an estimate may be nothing but its error."""
    assert list(_placeless(READING, found, placed)) == said


async def test_answers_of_which_none_has_a_place_are_not_called_none(client: TestClient, town: SmallTown) -> None:
    await town.add("actor", "Introuvable sur la carte", type="association")
    await town.index.catch_up()
    html = await page(client, "/?vue=carte&q=introuvable&lang=fr")
    assert _said(html)[0] == "Aucune réponse n’a son lieu sur cette carte."
    assert "1 autre réponse n’a pas de lieu précis." in html
    assert 'class="empty"' not in html


async def test_a_town_on_the_map_is_a_link_that_says_what_is_there(client: TestClient) -> None:
    html = await page(client, "/?vue=carte&lang=fr")
    (town,) = re.findall(r'<a href="([^"]*)" class="town own"[^>]*aria-label="([^"]*)"', html)
    assert f"territory={TERRITORY}" in town[0]
    assert "vue=carte" in town[0]
    assert town[1].startswith("Saint-Denis\u00a0: ")


def test_a_frame_holds_its_box_and_has_the_shape_of_a_picture() -> None:
    for box in (
        Box(23300000, 489100000, 23700000, 489600000),
        Box(0, 0, 0, 0),
        Box(-180 * E7, -90 * E7, 180 * E7, 90 * E7),
        Box(0, 89 * E7, 1, 90 * E7),
        Box(0, 0, 100 * E7, 1),
    ):
        frame = frame_around(box)
        assert frame.box.west <= box.west < frame.box.east
        assert 100 <= frame.height <= WIDTH * 2


def test_an_outline_is_drawn_once_a_corner_and_left_out_when_it_is_elsewhere() -> None:
    frame = frame_around(Box(0, 0, E7, E7), margin=0)
    far = [[[50 * E7, 50 * E7, 50 * E7, 51 * E7, 51 * E7, 51 * E7]]]
    near = [[[0, 0, 0, 1, 0, 2, 0, E7, E7, E7, E7, 0]]]
    assert path_of(frame, far) == ""
    assert path_of(frame, near).count("L") == 3


# ----------------------------------------------------------------------------------------------------------- timeline
async def test_the_timeline_s_cards_are_under_their_years(client: TestClient, town: SmallTown) -> None:
    """In the order of dates, what has none at the end; words are in the order of what suits best, without years."""
    for year in ("0052", "1871", "1871-05", "2031"):
        await town.add("action", f"En {year}", type="event", start=year)
    await town.add("action", "Un jour", type="project")
    await town.index.catch_up()
    html = await page(client, "/?vue=frise&kind=action&lang=fr&limit=200")
    said = re.findall(r'<h3 id="y\d+">([^<]*)</h3>', html)
    assert [year for year in said if year in ("1871", "2031")] == ["1871", "2031"]
    assert said[-1] == "Sans date"
    eighteen = html.split(">1871</h3>")[1].split("</section>")[0]
    assert re.findall("En [-0-9]+", eighteen) == ["En 1871", "En 1871-05"]
    assert not re.search(r'<h3 id="y', await page(client, "/?vue=frise&q=en&lang=fr"))


async def test_a_view_has_its_own_heading(client: TestClient) -> None:
    for view, heading in (("liste", "Recherche"), ("agenda", "Agenda"), ("carte", "Carte"), ("frise", "Frise")):
        html = await page(client, f"/?vue={view}&lang=fr")
        assert f"<h1>{heading}</h1>" in html
        assert f"<title>{heading}" in html
    assert "<h1>Recherche : vélo</h1>" in await page(client, "/?vue=carte&q=vélo&lang=fr")


async def test_each_bar_of_the_timeline_leads_to_its_year(client: TestClient, town: SmallTown) -> None:
    for year in (1250, 1871, 2026):
        await town.add("action", f"En {year}", type="event", start=str(year))
    await town.index.catch_up()
    html = await page(client, "/?vue=frise&kind=action&lang=fr")
    rows = re.findall(r'<th scope="row"><a href="([^"]*)">([^<]*)</a></th><td>([^<]*)</td>', html)
    assert [(label, count) for _, label, count in rows] == [("1250–1259", "1"), ("1870–1879", "1"), ("2020–2029", "3")]
    for href, _, _ in rows:
        chosen = await page(client, href.replace("&amp;", "&"))
        assert chosen.count('aria-current="true"') >= 1


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


async def test_a_word_that_nothing_has_leads_to_all_that_there_is(client: TestClient) -> None:
    html = await page(client, "/?q=introuvable&lang=fr")
    (way,) = re.findall(r'href="([^"]*)">tout ce qui est inscrit<', html)
    assert "Festival des Murs" in await page(client, unescape(way) + "&limit=100")
