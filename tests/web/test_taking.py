# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is taken away is read by its reader: feeds, maps, tables, linked data, each by its own rules.

Calendars: test_taking_calendars.py.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import json
import re
from collections import Counter
from datetime import datetime
from itertools import pairwise, product
from pathlib import Path
from xml.etree import ElementTree as ET

import icalendar
import pytest
import rdflib
from aiohttp import ClientResponse, ClientSession
from aiohttp.test_utils import TestClient
from convergences_node.web import take_feed
from convergences_node.web.exporting import printable
from convergences_node.web.surfaces import whole
from convergences_node.web.take_places import geometry
from convergences_node.web.take_table import columns, safe
from yarl import URL

from .small_town import SmallTown
from .taking import take

SHARED = Path(__file__).parents[3] / "shared" / "data"
NAUGHTY = SHARED / "conformance" / "blns" / "blns.json"
SUFFIXES = ("ics", "atom", "geojson", "csv", "jsonld")
ATOM = "{http://www.w3.org/2005/Atom}"


def naughty() -> list[str]:
    return [text for text in json.loads(NAUGHTY.read_text("utf-8")) if text.strip()]


# ------------------------------------------------------------------------------------------------------------- anywhere
@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_a_search_and_every_element_can_be_taken_away(client: TestClient, town: SmallTown, suffix: str) -> None:
    """As what it says it is, with a name to keep it under, cacheable, readable by any site's scripts."""
    for path in (f"/search.{suffix}", *(f"/e/{id_}.{suffix}" for id_ in town.elements.values())):
        answer = await client.get(path)
        if path.endswith(f"{town.elements['withdrawn']}.{suffix}"):
            assert answer.status == 410
            continue
        assert answer.status == 200, (path, await answer.text())
        assert answer.headers["Content-Disposition"].endswith(f'.{suffix}"')
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        again = await client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status == 304, path


@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_a_page_says_where_it_can_be_taken(client: TestClient, town: SmallTown, suffix: str) -> None:
    """For programs in the head, for people in one row; both lead somewhere."""
    for path in ("/", "/?q=vélo&vue=agenda", f"/e/{town.elements['Festival des Murs']}", "/chiffres"):
        html = await (await client.get(path)).text()
        head, _, rest = html.partition("</head>")
        links = re.findall(rf'<link rel="alternate"[^>]*href="([^"]*\.{suffix}[^"]*)"', head)
        row = rest.split('class="take"')[1].split("</nav>")[0]
        assert len(links) == 1, path
        assert f'href="{links[0]}"' in row
        assert (await client.get(links[0].replace("&amp;", "&"))).status == 200


@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_what_is_naughty_is_still_well_formed(client: TestClient, town: SmallTown, suffix: str) -> None:
    texts = naughty()[::4]
    for number, text in enumerate(texts):
        name = "".join(each for each in text if each.isprintable())[:150].strip() or f"n{number}"
        await town.add("action", name, type="event", start="2026-12-01", summary=name, description=name)
    await town.index.catch_up()
    body = await take(client, f"/search.{suffix}", kind="action")
    if suffix == "ics":
        calendar = icalendar.Calendar.from_ical(body)
        assert len(calendar.walk("VEVENT")) == len(texts) + 2
    elif suffix == "atom":
        assert len(ET.fromstring(body).findall(f"{ATOM}entry")) == 50
    elif suffix == "csv":
        rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
        assert len({len(row) for row in rows}) == 1
        for row in rows[1:]:
            assert not [cell for cell in row if cell[:1] in "=@" and cell]
    else:
        json.loads(body)


async def test_an_export_is_bounded_and_says_where_the_rest_is(client: TestClient, town: SmallTown) -> None:
    answer = await client.get("/search.atom")
    feed = ET.fromstring(await answer.read())
    assert len(feed.findall(f"{ATOM}entry")) == 50
    (link,) = [link.attrib["href"] for link in feed.findall(f"{ATOM}link") if link.get("rel") == "next"]
    assert link in answer.headers["Link"]
    further = ET.fromstring(
        await (await client.get(str(link).removeprefix(str(client.make_url("/")).rstrip("/")))).read()
    )
    first, second = (
        {entry.findtext(f"{ATOM}id") for entry in each.findall(f"{ATOM}entry")} for each in (feed, further)
    )
    assert second
    assert not first & second


async def test_every_file_says_how_much_it_holds(client: TestClient, town: SmallTown) -> None:
    """Its count, its length and its digest, plain and compressed, so that a file that was cut is known for one."""
    files = ("/search.csv", "/search.geojson", "/search.jsonld", "/search.atom", "/feed.atom", "/towns/93066.atom")
    async with ClientSession(auto_decompress=False) as session:
        for path, coding in product(files, ("identity", "gzip")):
            answer = await session.get(client.make_url(path), headers={"Accept-Encoding": coding})
            body = await answer.read()
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            assert answer.headers["Repr-Digest"] == f"sha-256=:{digest}:", path
            plain = gzip.decompress(body) if coding == "gzip" else body
            assert int(answer.headers["X-Total-Count"]) == held(path, plain) > 0, path


def next_of(answer: ClientResponse) -> str:
    """Where a list goes on, as its `Link` header says; empty where it ends."""
    found = answer.links.get("next")
    return URL(str(found["url"])).raw_path_qs if found else ""


def held(path: str, body: bytes) -> int:
    """How many elements a file holds."""
    if path.endswith(".csv"):
        return len(list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))) - 1
    if path.endswith(".atom"):
        return len(ET.fromstring(body).findall(f"{ATOM}entry"))
    document = json.loads(body)
    return len(document["features"]) if path.endswith(".geojson") else sum(len(part["@included"]) for part in document)


@pytest.mark.parametrize("language", ["", "?lang=en"])
async def test_an_element_s_feed_leads_to_all_that_is_linked_and_published(
    client: TestClient, town: SmallTown, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """Page after page; no page says that it holds more than it does."""
    monkeypatch.setattr(take_feed, "ENTRIES_MAX", 4)
    federation = await town.add("actor", "Fédération", type="association")
    linked = [await town.add("actor", f"Club {n}", type="association") for n in range(7)]
    for each in linked:
        await town.add("relation", "member", subject=each, predicate="member_of", object=federation)
    texts = [await town.add("content", f"Article {n}", type="article", about=[linked[n % 7]]) for n in range(11)]
    await town.index.catch_up()
    path, seen, pages = f"/e/{federation}.atom{language}", Counter[str](), 0
    while path:
        answer = await client.get(path)
        entries = ET.fromstring(await answer.read()).findall(f"{ATOM}entry")
        assert 0 < int(answer.headers["X-Total-Count"]) == len(entries) <= 4
        seen.update((entry.findtext(f"{ATOM}id") or "").removeprefix("urn:uuid:") for entry in entries)
        path, pages = next_of(answer), pages + 1
        assert pages < 20
        assert ("lang=en" in path) == (bool(language) and bool(path))
    assert seen.keys() == {id_.partition(":")[2] for id_ in (federation, *linked, *texts)}
    assert seen[federation.partition(":")[2]] == 1


@pytest.mark.parametrize("cursor", ["published-0", "published-1000", "published-x", "published--1", "lost", "p" * 300])
async def test_a_feed_refuses_a_cursor_that_is_none(client: TestClient, town: SmallTown, cursor: str) -> None:
    answer = await client.get(f"/e/{town.elements['Festival des Murs']}.atom", params={"cursor": cursor})
    assert (answer.status, (await answer.json())["code"]) == (400, "cursor-refused")


@pytest.mark.parametrize("path", ["/search.csv", "/search.geojson", "/search.jsonld", "/search.atom", "/e/{}.atom"])
async def test_a_list_is_refused_rather_than_a_part_of_it_given(
    client: TestClient, town: SmallTown, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = path.format(town.elements["Maison des associations"])
    assert (await client.get(asked)).status == 200
    monkeypatch.setattr(whole, "LACKING_MAX", -1)
    answer = await client.get(asked)
    assert (answer.status, (await answer.json())["code"]) == (503, "not-whole")
    assert answer.headers["Retry-After"]


# ---------------------------------------------------------------------------------------------------------------- feed
async def test_a_feed_is_atom_by_rule(client: TestClient, town: SmallTown) -> None:
    """RFC 4287 section 4.1: what a feed and an entry must have, once."""
    feed = ET.fromstring(await take(client, "/search.atom", q="vélo"))
    assert feed.tag == f"{ATOM}feed"
    assert {link.get("rel") for link in feed.findall(f"{ATOM}link")} >= {"self", "alternate"}
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) >= 2
    for part in (feed, *entries):
        for name in ("id", "title", "updated", "author"):
            assert len(part.findall(f"{ATOM}{name}")) == 1, name
        updated = part.findtext(f"{ATOM}updated") or ""
        assert datetime.fromisoformat(updated).tzinfo is not None
        assert (part.findtext(f"{ATOM}id") or "").startswith("urn:uuid:")
    assert all(entry.findtext(f"{ATOM}summary") for entry in entries)
    club = next(entry for entry in entries if entry.findtext(f"{ATOM}title") == "Atelier vélo du Canal")
    assert town.elements["Atelier vélo du Canal"].endswith((club.findtext(f"{ATOM}id") or "").removeprefix("urn:uuid:"))


async def test_who_wrote_an_entry_is_a_town_by_its_name(client: TestClient) -> None:
    """Its code is in the address of all that it says, which a program may follow."""
    feed = ET.fromstring(await take(client, "/search.atom"))
    authors = feed.findall(f"{ATOM}entry/{ATOM}author")
    assert len(authors) == take_feed.ENTRIES_MAX
    assert {author.findtext(f"{ATOM}name") for author in authors} == {"Saint-Denis"}
    assert all((author.findtext(f"{ATOM}uri") or "").endswith("/?territory=FR-93066") for author in authors)
    assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Saint-Denis"


async def test_a_feed_of_nothing_is_still_a_feed(client: TestClient) -> None:
    feed = ET.fromstring(await take(client, "/search.atom", q="introuvable"))
    assert feed.findtext(f"{ATOM}updated")
    assert feed.findall(f"{ATOM}entry") == []


# -------------------------------------------------------------------------------------------------------------- places
async def test_geojson_has_the_shape_that_maps_read(client: TestClient, town: SmallTown) -> None:
    """RFC 7946, and the shape of the contours that the examples came with."""
    contours = json.loads((Path(__file__).parents[2] / "examples/plaine-commune/contours.geojson").read_text("utf-8"))
    found = json.loads(await take(client, "/search.geojson"))
    assert found.keys() == {"type", "features"}
    assert found["type"] == contours["type"] == "FeatureCollection"
    for feature in found["features"]:
        assert {"type", "geometry", "properties"} <= feature.keys()
        if feature["geometry"] is not None:
            lon, lat = feature["geometry"]["coordinates"]
            assert 2 < lon < 3 < 48 < lat < 49
    names = {feature["properties"]["name"]: feature["geometry"] for feature in found["features"]}
    assert names["Maison des associations"] == {"type": "Point", "coordinates": [2.354, 48.936]}
    assert names["Chœur des Joncherolles"] is None
    one = json.loads(await take(client, f"/e/{town.elements['Saint-Denis']}.geojson"))
    assert (one["type"], one["geometry"]["type"]) == ("Feature", "MultiPolygon")
    ring = one["geometry"]["coordinates"][0][0]
    assert ring[0] == ring[-1]


def test_an_outer_ring_turns_against_the_clock_and_a_hole_with_it() -> None:
    clockwise = [0, 0, 10, 0, 10, 10, 0, 10, 0, 0]  # latitude first: north, then east
    made = geometry({"outline": [[clockwise, clockwise]]})
    assert made is not None
    outer, hole = made["coordinates"][0]

    def area(ring: list[list[float]]) -> float:
        return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))

    assert area(outer) > 0 > area(hole)


# --------------------------------------------------------------------------------------------------------------- table
@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", " =1", "\r=1", "＝1", "%0A", "|x", "\ufeff=1"]
)
def test_a_formula_is_never_computed(text: str) -> None:
    assert safe(text).startswith("'")


@pytest.mark.parametrize("text", ["+33 1 23 45 67 89", "-1.5536", "12", "Éric - Zoé", "a=b", "", "2026-12-05"])
def test_what_is_no_formula_is_left_alone(text: str) -> None:
    assert safe(text) == text


async def test_a_table_has_the_columns_of_the_kinds_asked_for(client: TestClient, town: SmallTown) -> None:
    body = await take(client, "/search.csv", kind="actor")
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    assert list(rows[0]) == columns(["actor"])
    club = next(row for row in rows if row["name"] == "Atelier vélo du Canal")
    assert (club["phone"], club["founded"], club["themes"]) == ("+33 1 23 45 67 89", "2013", "Vélo")
    places = await take(client, "/search.csv", kind="place", q="maison")
    (hall,) = csv.DictReader(io.StringIO(places.decode("utf-8-sig"), newline=""))
    assert (hall["location_latitude"], hall["location_longitude"]) == ("48.9360000", "2.3540000")


# --------------------------------------------------------------------------------------------------------- linked data
async def test_linked_data_is_read_by_an_rdf_library(client: TestClient, town: SmallTown) -> None:
    for path in (f"/e/{town.elements['Atelier vélo du Canal']}.jsonld", "/search.jsonld"):
        graph = rdflib.Graph().parse(data=(await take(client, path)).decode(), format="json-ld")
        names = {str(value) for value in graph.objects() if "vélo du Canal" in str(value)}
        assert "Atelier vélo du Canal" in names, path
    subjects = {str(subject) for subject in graph.subjects()}
    assert any(subject.endswith(f"/e/{town.elements['Festival des Murs']}") for subject in subjects)


async def test_a_page_tells_search_engines_what_it_is_about(client: TestClient, town: SmallTown) -> None:
    """A data block is not executed, so the policy that forbids every script lets it be."""
    for name, kind in (
        ("Réparer son vélo", "Event"),
        ("Atelier vélo du Canal", "NGO"),
        ("Maison des associations", "Place"),
    ):
        html = await (await client.get(f"/e/{town.elements[name]}")).text()
        (block,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL)
        found = json.loads(block)
        assert (found["@context"], found["@type"], found["name"]) == ("https://schema.org", kind, name)
    mean = next(id_ for name, id_ in town.elements.items() if "Zoé" in name)
    html = await (await client.get(f"/e/{mean}")).text()
    (block,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL)
    assert "<" not in block
    assert "Zoé" in json.loads(block)["name"]


def test_unprintable_characters_are_left_out() -> None:
    assert printable("a\x00b\x0bc\r\nd\re\ufffe") == "abc\nd\ne"


async def test_a_host_that_no_browser_sends_is_not_repeated(client: TestClient) -> None:
    answer = await client.get("/search.atom", headers={"Host": 'x"><script>'})
    assert answer.status in (200, 400)
    assert b"<script>" not in await answer.read()
