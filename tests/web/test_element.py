# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page of one element, whatever the element: bare, crowded, recurring, merged, or named to break a page."""

from __future__ import annotations

import json
import re
import time
from html import unescape
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.archive.model import NewRecord

from .small_town import MEAN_NAME, TERRITORY, SmallTown

NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "conformance" / "blns" / "blns.json"
RELATIONS, AT_ONCE = 5_000, 250


async def page(client: TestClient, element: str, path: str = "/e/{}") -> str:
    answer = await client.get(path.format(element))
    assert answer.status == 200, await answer.text()
    return await answer.text()


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


async def test_what_recurs_says_its_next_times(client: TestClient, town: SmallTown) -> None:
    """The rule in words, the dates themselves, and the way to put them into a calendar."""
    workshop = town.elements["Réparer son vélo"]
    html = await page(client, workshop)
    text = text_of(html)
    assert "chaque mardi" in text
    assert "Prochaine fois : mardi 24 novembre 2026, 18 h – 20 h" in text
    assert "mardi 1er décembre 2026, 18 h – 20 h" in text
    assert re.search(r"Et \d+ autres fois d’ici un an", text)
    assert f'href="/e/{workshop}.ics">Mettre dans mon agenda' in html


async def test_an_element_with_very_many_dates_is_read_on_one_page(client: TestClient, town: SmallTown) -> None:
    """Daily for years, with hundreds of days left out."""
    left_out = [f"2027-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 28)]
    many = await town.add(
        "action",
        "Ouverture quotidienne",
        type="activity",
        start="2026-06-01T09:00+02:00",
        end="2026-06-01T10:00+02:00",
        recurrence="FREQ=DAILY;COUNT=784",
        exceptions=left_out[:200],
        timezone="Europe/Paris",
    )
    await town.index.catch_up()
    html = await page(client, many)
    assert "Prochaine fois" in html
    assert len(html) < 40_000


@pytest.mark.slow
async def test_an_element_with_very_many_relations_is_read_on_one_page(client: TestClient, town: SmallTown) -> None:
    """Bounded lists that say so, within the time that any page has."""
    hub = await town.add("actor", "Grande fédération", type="association")
    club = town.elements["Atelier vélo du Canal"]
    for _ in range(RELATIONS // AT_ONCE):
        town.clock[0] += 60  # in one frozen millisecond thousands of births would look for a place of their own
        members = await town.archive.append(
            [NewRecord("actor", {"name": f"Membre {number}", "type": "association"}) for number in range(AT_ONCE)]
        )
        relations = [{"subject": str(each.element), "predicate": "member_of", "object": hub} for each in members]
        town.clock[0] += 60
        await town.archive.append([NewRecord("relation", fields) for fields in relations])
    await town.add("relation", "also", subject=club, predicate="member_of", object=hub)
    await town.index.catch_up()
    began = time.process_time()
    html = await page(client, hub)
    assert time.process_time() - began < 5
    assert "que cette page ne montre pas" in html
    assert len(html) < 400_000
    for path in ("/e/{}.atom", "/cadre/e/{}", "/e/{}.ics", "/e/{}/recu"):
        assert (await client.get(path.format(hub))).status in (200, 404), path


async def test_what_has_no_date_no_place_and_no_text_is_still_a_page(client: TestClient, town: SmallTown) -> None:
    bare = await town.add("action", "Sans rien", type="other")
    await town.index.catch_up()
    html = await page(client, bare)
    assert "Sans rien" in html
    assert "Mettre dans mon agenda" not in html
    assert "moins de 500 mètres" not in html


async def test_what_has_a_place_is_shown_in_its_town(client: TestClient, town: SmallTown) -> None:
    html = await page(client, town.elements["Maison des associations"])
    assert re.search(
        r'<svg viewBox="0 0 440 \d+" aria-hidden="true">.*<figcaption class="soft">Où c’est, dans Saint-Denis<',
        html,
        re.DOTALL,
    )
    assert "Voir ce qui est à moins de 500 mètres" in html


async def test_a_theme_and_a_territory_show_what_is_in_them(client: TestClient, town: SmallTown) -> None:
    theme = text_of(await page(client, town.elements["Musique"]))
    assert "Festival des Murs" in theme
    assert "Voir les 2 fiches" in theme
    assert re.search(r"Voir les \d+ fiches", text_of(await page(client, town.elements["Saint-Denis"])))


async def test_a_town_that_merged_is_found_on_the_page_of_what_it_became(client: TestClient, town: SmallTown) -> None:
    """Its former name and code are said; what was born there stays at its address."""
    old = await town.add(
        "territory", "Épinay-Ancienne", code="FR-93031", type="commune", former_names=["Épinay"], within=[TERRITORY]
    )
    await town.index.catch_up()
    text = text_of(await page(client, old))
    assert "Épinay" in text
    assert "fait maintenant partie de" not in text, "it is itself until a charter or a record says otherwise"
    assert "Pierrefitte-sur-Seine" in text_of(await page(client, town.elements["Saint-Denis"]))


async def test_a_town_that_became_part_of_another_says_so(client: TestClient, town: SmallTown) -> None:
    """As its heir's record has it: the former town's page leads to the new one's."""
    old = await town.add("territory", "Pierrefitte-sur-Seine", code="FR-93059", type="commune")
    await town.add("territory", "Saint-Denis la neuve", code="FR-93070", type="commune", former_codes=["FR-93059"])
    await town.index.catch_up()
    html = await page(client, old)
    assert "Pierrefitte-sur-Seine fait maintenant partie de Saint-Denis la neuve" in text_of(html)
    assert f'href="/e/{town.elements["Saint-Denis la neuve"]}"' in html


async def test_who_carries_an_event_is_told_to_search_engines(client: TestClient, town: SmallTown) -> None:
    html = await page(client, town.elements["Réparer son vélo"])
    block = json.loads(re.findall(r'<script type="application/ld\+json">(.*?)</script>', html, re.S)[0])
    assert block["organizer"] == [{"@type": "Organization", "name": "Atelier vélo du Canal"}]


async def test_whatever_it_is_called_the_page_stays_whole(client: TestClient, town: SmallTown) -> None:
    """On its page, in its head, its history, its receipt, its frame, and where it is embedded."""
    await town.cosign()
    mean = town.elements[MEAN_NAME]
    for path in ("/e/{}", "/e/{}/histoire", "/e/{}/recu", "/cadre/e/{}", "/integrer?fiche={}"):
        html = await page(client, mean, path)
        assert "<script>alert" not in html, path
        assert "{{ 7*7 }}" in html or "{{ 7*7 }}" in unescape(html), path
        assert "49" not in re.findall(r"<title>(.*?)</title>", html, re.S)[0]
        assert html.count("</title>") == html.count("<title>") + html.count("<title/>"), path


async def test_naughty_names_and_texts_are_pages(client: TestClient, town: SmallTown) -> None:
    if not NAUGHTY.exists():
        pytest.skip(f"no naughty strings at {NAUGHTY}")
    texts = [text for text in json.loads(NAUGHTY.read_text("utf-8")) if text.strip()]
    made = []
    for number, text in enumerate(texts[::12]):
        name = "".join(each for each in text if each.isprintable())[:150].strip() or f"n{number}"
        made.append(await town.add("actor", name, type="association", summary=name, description=name))
    await town.index.catch_up()
    for element in made:
        for path in ("/e/{}", "/cadre/e/{}", "/integrer?fiche={}"):
            html = await page(client, element, path)
            assert html.rstrip().endswith("</html>")
            assert "style=" not in re.sub(r"<textarea.*?</textarea>", "", html, flags=re.S) or "style=" in unescape(
                html
            )


async def test_the_first_lines_say_when_where_and_by_whom(client: TestClient, town: SmallTown) -> None:
    """Who organises it, where, and what it is a part of, before anything else; each with a few names at most."""
    club, hall = town.elements["Atelier vélo du Canal"], town.elements["Maison des associations"]
    ball = await town.add("action", "Bal des pompiers", type="event", start="2026-12-05T20:00+01:00")
    for number in range(5):
        other = await town.add("actor", f"Organisateur {number}", type="association")
        await town.add("relation", "", subject=other, predicate="organises", object=ball)
    await town.add("relation", "", subject=club, predicate="organises", object=ball)
    await town.add("relation", "", subject=ball, predicate="hosted_at", object=hall)
    await town.index.catch_up()
    html = await page(client, ball)
    found = re.search(r'<div class="essentials">.*?</dl>', html, re.DOTALL)
    assert found is not None
    head = text_of(found[0])
    assert head.startswith("Quand samedi 5 décembre 2026, 20 h Organisé par")
    assert "Maison des associations" in head
    assert head.count("Organisateur") + head.count("Atelier vélo du Canal") == 3
    assert html.index("essentials") < html.index("Mettre dans mon agenda")


async def test_a_licence_has_the_name_that_people_know_and_leads_to_its_text(
    client: TestClient, town: SmallTown
) -> None:
    """Another word stays as it was written, and a theme's colour is no word for a reader."""
    for word, said in (
        ("etalab-2.0", '<a href="https://spdx.org/licenses/etalab-2.0" rel="license noopener">Licence Ouverte 2.0</a>'),
        ("CC-BY-SA-4.0", 'rel="license noopener">CC BY-SA 4.0</a>'),
        ("odbl-1.0", 'rel="license noopener">ODbL 1.0</a>'),
        ("à demander", '<p class="soft">à demander</p>'),
    ):
        element = await town.add("actor", f"Sous {word}", type="association", source="annuaire", licence=word)
        await town.index.catch_up()
        assert said in await (await client.get(f"/e/{element}?lang=fr")).text()
    silent = await town.add("actor", "Sans un mot", type="association")
    await town.index.catch_up()
    html = re.sub(r"\s", " ", await (await client.get(f"/e/{silent}?lang=fr")).text())
    assert 'Sous la licence de ce site : <a href="https://opendatacommons.org/licenses/odbl/" rel="license' in html
    theme = await town.add("theme", "Vermeil", colour="#d35400")
    await town.index.catch_up()
    assert "#d35400" not in await (await client.get(f"/e/{theme}")).text()


async def test_what_is_not_here_is_said_without_the_signs_of_an_address(client: TestClient, town: SmallTown) -> None:
    """A resident reads a sentence; a machine has the address in `instance`."""
    for path in ("/e/a0000000000000000000000000000000", "/e/" + town.elements["withdrawn"]):
        element = path.removeprefix("/e/")
        for language in ("fr", "en"):
            html = await (await client.get(path, params={"lang": language})).text()
            said = re.sub(r"<[^>]*>", " ", html.split("<main")[1].split("</main>")[0])
            assert element not in said
    problem = await (await client.get("/api/v1/elements/a0000000000000000000000000000000")).json()
    assert problem["instance"] == "/api/v1/elements/a0000000000000000000000000000000"
