# SPDX-License-Identifier: AGPL-3.0-or-later
"""What other sites show of a town: frames in their own colours, the line to paste, oEmbed; and what stays closed."""

from __future__ import annotations

import re
from html import unescape
from itertools import product
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.index.course import Course
from convergences_node.index.index import Index
from convergences_node.web.colours import MARK, TEXT, WHITE, Colour, contrast, corrected, read_colour
from convergences_node.web.look import Look, sheet_of
from convergences_node.web.routes import ROUTES
from convergences_node.web.town_door import TownStatus
from yarl import URL

from .small_town import START, SmallTown, asking, small_town

FRAMES = ("/cadre", "/cadre?q=velo", "/cadre?vue=agenda", "/cadre?vue=carte", "/cadre?kind=place&fond=000&police=serif")


def looked(text: str) -> Colour:
    colour = read_colour(text)
    assert colour is not None
    return colour


@pytest.mark.parametrize("path", FRAMES)
async def test_any_site_may_frame_a_frame_and_nothing_else(client: TestClient, path: str) -> None:
    """With the same walls inside, no cookie, and links that open beside the site they are read on."""
    answer = await client.get(path)
    html = await answer.text()
    assert answer.status == 200, html
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors *" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "Set-Cookie" not in answer.headers
    assert '<base target="_blank">' in html
    assert 'style="' not in html


async def test_every_other_page_stays_out_of_frames(client: TestClient, town: SmallTown) -> None:
    for path in ("/", "/?q=velo", f"/e/{town.elements['Festival des Murs']}", "/integrer", "/affiche", "/chiffres"):
        answer = await client.get(path)
        assert answer.status == 200
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], path
    assert {route.path for route in ROUTES if route.framed} == {
        "/cadre",
        "/cadre/e/{id}",
        "/cadre.css",
        "/static/{name}",
    }


async def test_an_agenda_in_a_frame_begins_today_and_moves_on_in_its_colours(client: TestClient) -> None:
    html = await (await client.get("/cadre?vue=agenda&fond=102030")).text()
    assert "Réparer son vélo" in html
    assert "<span>mardi</span> <b>24</b> <span>novembre</span>" in html
    (forth,) = re.findall(r'rel="next" target="_self" href="([^"]+)"', html)
    url = URL(unescape(forth))
    assert (url.path, url.query["fond"], url.query["vue"]) == ("/cadre", "102030", "agenda")
    assert (await client.get(unescape(forth))).status == 200


async def test_an_element_in_a_frame_says_when_where_and_what_is_published_on_it(
    client: TestClient, town: SmallTown
) -> None:
    html = await (await client.get(f"/cadre/e/{town.elements['Festival des Murs']}")).text()
    assert "5" in html
    assert "Deux jours de musique dans la rue." in html
    assert "Le programme du festival" in html
    assert f'href="/e/{town.elements["Festival des Murs"]}"' in html
    assert (await client.get(f"/cadre/e/{town.elements['withdrawn']}")).status in (404, 410)


async def test_a_frame_of_a_node_that_is_starting_comes_back_by_itself(client: TestClient, town: SmallTown) -> None:
    """And says so inside the frame, where the browser would show a refusal else."""
    town.state = TownStatus(False, "rebuilding", True, START)
    for path in ("/cadre?vue=agenda", "/"):
        answer = await client.get(path, headers={"Accept": "text/html"})
        assert answer.status == 503
        assert int(answer.headers["Refresh"]) >= 5
        html = await answer.text()
        assert "reviendra d’elle-même" in html
        assert 'http-equiv="refresh"' not in html
        assert '<progress aria-labelledby="wait"></progress>' in html, "nothing is known yet of how far it is"
    assert "frame-ancestors *" in (await client.get("/cadre")).headers["Content-Security-Policy"]
    town.state = TownStatus(True, "well", True, START)
    assert (await client.get("/cadre")).status == 200


@pytest.mark.parametrize(
    ("read", "seconds", "said", "retry", "refresh"),
    [
        (1_200, 60.0, "1\u202f200 inscriptions relues sur 3\u202f000. Encore environ 2 minutes.", "90", "5"),
        (2_950, 59.0, "2\u202f950 inscriptions relues sur 3\u202f000. Encore moins d’une minute.", "2", "2"),
        (10, 3_600.0, "10 inscriptions relues sur 3\u202f000. Encore plus d’une heure.", "300", "5"),
        (3_000, 60.0, "Tout est relu, il reste à ranger.", "2", "2"),
        (0, 0.0, "0 inscription relue sur 3\u202f000.", "5", "5"),
    ],
)
async def test_who_waits_is_told_how_far_it_is(
    client: TestClient, town: SmallTown, monkeypatch: pytest.MonkeyPatch,
    read: int, seconds: float, said: str, retry: str, refresh: str,
) -> None:  # fmt: skip
    """A bar and the same in words, without script; a program is told when to ask again."""
    town.state = TownStatus(False, "rebuilding", True, START)
    course = Course.beginning(0, 3_000, 100.0)
    course.move(read, 100.0 + seconds)
    monkeypatch.setattr(Index, "course", course)
    for path in ("/cadre?vue=agenda&lang=fr", "/?lang=fr"):
        answer = await client.get(path, headers={"Accept": "text/html"})
        assert (answer.headers["Retry-After"], answer.headers["Refresh"]) == (retry, refresh)
        html = await answer.text()
        assert said in html
        assert f'max="3000" value="{read}"' in html
    asked = await client.get("/api/v1/search")
    assert (asked.status, asked.headers["Retry-After"]) == (503, retry)
    assert (await (await client.get("/healthz")).json())["index_behind"] == 3_000 - read
    town.state = TownStatus(False, "stopping", True, START)
    assert "<progress" not in await (await client.get("/")).text()


# ---------------------------------------------------------------------------------------------------------------- looks
@pytest.mark.parametrize("query", ["fond=red", "encre=12345", "accent=url(x)", "police=a;b", "police=%22", "taille=9"])
async def test_what_is_no_look_is_refused_with_a_sentence(client: TestClient, query: str) -> None:
    for path in ("/cadre", "/cadre.css", "/integrer"):
        answer = await client.get(f"{path}?{query}", headers={"Accept": "text/html"})
        assert answer.status == 400, path
        assert query.partition("=")[0] in await answer.text()


@pytest.mark.parametrize(
    "ground", ["000", "fff", "777", "808080", "ffff00", "0000ff", "fdfcfa", "151718", "d2691e", "7b7b7b"]
)
def test_whatever_colours_a_site_has_they_can_be_read(ground: str) -> None:
    """Every pair that style.css lays over each other, for awkward grounds and for inks and accents like them."""
    greys = ("000", "fff", "767676", ground)
    for ink, accent in product(greys, (*greys, "ff0000")):
        sheet = sheet_of(Look(looked(ground), looked(ink), looked(accent)))
        found = {name: looked(value) for name, value in re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", sheet)}
        for over in ("paper", "card"):
            for name in ("ink", "ink-soft", "accent", "actor", "action", "place", "warn"):
                assert contrast(found[name], found[over]) >= TEXT, (ground, ink, accent, name)
            assert contrast(found["mark"], found[over]) >= MARK
        assert contrast(found["on-accent"], found["accent"]) >= TEXT
        assert contrast(found["ink"], found["accent-soft"]) >= TEXT
        assert contrast(found["accent"], found["accent-soft"]) >= TEXT


def test_a_colour_that_can_be_read_is_left_as_it_is() -> None:
    teal = looked("#0b5864")
    assert corrected(teal, WHITE, TEXT) == teal
    pale = corrected(looked("#86d3de"), WHITE, TEXT)
    assert TEXT <= contrast(pale, WHITE) < TEXT + 0.6


async def test_a_look_without_a_ground_stays_light_or_dark_as_the_reader_prefers(client: TestClient) -> None:
    answer = await client.get("/cadre.css?accent=c00&police=Marianne&taille=120")
    assert answer.content_type == "text/css"
    sheet = await answer.text()
    assert sheet.count("--accent:") == 2
    assert 'font-family: "Marianne", system-ui' in sheet
    assert "font-size: 135%" in sheet


# ----------------------------------------------------------------------------------------------------- the line, oEmbed
async def test_the_line_to_copy_is_a_link_and_a_script(tmp_path: Path) -> None:
    """With the address that the operator gave, nothing in it that could end an attribute, and the preview beside."""
    async with (
        small_town(tmp_path / "node", public_url="https://saint-denis.example") as town,
        asking(town) as client,
    ):
        path = "/integrer?q=%22%3E%3Cscript%3E&vue=carte&couleurs=site&fond=ffffff&accent=cc0000"
        html = await (await client.get(path)).text()
        lines = [unescape(text) for text in re.findall(r"<textarea[^>]*>(.*?)</textarea>", html, re.S)]
        script = re.fullmatch(
            r'<a href="([^"<>]*)">[^<>]*</a><script src="https://saint-denis\.example/integrer\.js"'
            r' async data-cadre="([^"<>]*)"></script>',
            lines[0],
        )
        assert script
        frame = unescape(script[2])
        assert frame.startswith("/cadre?q=")
        assert URL(frame).query["accent"] == "cc0000"
        assert (await client.get(frame)).status == 200
        assert lines[1].startswith('<iframe src="https://saint-denis.example/cadre?')
        assert f'src="{re.escape(frame)}"'.replace("\\", "") in unescape(html)


async def test_the_script_is_one_small_file_that_any_site_may_load(client: TestClient) -> None:
    answer = await client.get("/integrer.js")
    assert answer.content_type == "text/javascript"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "stale-if-error" in answer.headers["Cache-Control"]
    assert len(await answer.read()) < 4096


async def test_every_page_that_can_be_embedded_says_how(client: TestClient, town: SmallTown) -> None:
    """For a person in the row that takes away, for an editor in the head; both lead to a frame that answers."""
    for path in ("/?vue=agenda", "/?q=v%C3%A9lo", f"/e/{town.elements['Atelier vélo du Canal']}"):
        html = await (await client.get(path)).text()
        (person,) = re.findall(r'href="(/integrer[^"]*)"', html)
        assert (await client.get(unescape(person))).status == 200
        (editor,) = re.findall(r'type="application/json\+oembed" href="([^"]+)"', html)
        answer = await client.get(URL(unescape(editor)).raw_path_qs)
        assert answer.status == 200, await answer.text()
        said = await answer.json()
        assert (said["version"], said["type"], said["provider_name"]) == ("1.0", "rich", "Saint-Denis")
        frame = URL(unescape(re.findall(r'src="([^"]+)"', said["html"])[0]))
        assert (await client.get(frame.raw_path_qs)).status == 200


async def test_oembed_keeps_to_the_size_that_is_asked(client: TestClient) -> None:
    url = str(client.make_url("/?vue=agenda"))
    said = await (await client.get("/oembed", params={"url": url, "maxwidth": "300", "maxheight": "200"})).json()
    assert (said["width"], said["height"]) == (300, 200)
    assert 'width="300" height="200"' in said["html"]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://elsewhere.example/?vue=agenda", 404),
        ("{own}chiffres", 404),
        ("{own}e/FR-93066:nothing", 404),
        ("{own}?unknown=1", 404),
        ("javascript:alert(1)", 404),
        ("http://[", 404),
        ("", 404),
        ("{own}", 200),
    ],
)
async def test_oembed_answers_for_no_other_address(client: TestClient, url: str, status: int) -> None:
    asked = url.replace("{own}", str(client.make_url("/")))
    answer = await client.get("/oembed", params={"url": asked})
    assert answer.status == status
    assert (await client.get("/oembed", params={"url": asked, "format": "xml"})).status == 501
