# SPDX-License-Identifier: AGPL-3.0-or-later
"""The small walls: token buckets, tags, and Markdown from anyone."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from aiohttp.test_utils import make_mocked_request
from convergences_node.web import markdown
from convergences_node.web.etag import entity_tag, tag_matches
from convergences_node.web.security import TokenBuckets, client_of


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_client_that_asks_too_fast_waits_and_the_others_do_not() -> None:
    clock = Clock()
    buckets = TokenBuckets(rate=2.0, burst=3, clock=clock)
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert buckets.take("a") == pytest.approx(0.5)
    assert buckets.take("b") == 0.0
    clock.now = 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0


def test_a_million_clients_do_not_fill_the_memory() -> None:
    buckets = TokenBuckets(rate=1.0, burst=1, clock=Clock(), clients_max=100)
    for number in range(10_000):
        buckets.take(str(number))
    assert len(buckets) == 100


def test_a_rate_of_nothing_lifts_the_bound() -> None:
    buckets = TokenBuckets(rate=0.0, burst=1, clock=Clock())
    assert all(buckets.take("a") == 0.0 for _ in range(1000))


@pytest.mark.parametrize(
    ("remote", "forwarded", "trusted", "client"),
    [
        ("192.0.2.7", "", (), "192.0.2.7"),
        ("192.0.2.7", "203.0.113.9", (), "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1, 203.0.113.9", ("192.0.2.7",), "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "", (), "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "", (), "192.0.2.7"),
        ("192.0.2.7", "n’importe quoi", ("192.0.2.7",), "n’importe quoi"),
    ],
)
def test_who_asks(remote: str, forwarded: str, trusted: tuple[str, ...], client: str) -> None:
    """A forwarded address is believed only of a proxy that the operator named; a /64 is one client."""
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=remote)
    assert client_of(request, trusted) == client


@pytest.mark.parametrize(
    ("given", "matches"),
    [
        (None, False),
        ("", False),
        ("*", True),
        ('"x"', False),
        ("TAG", True),
        ("W/TAG", True),
        ('"x", W/TAG', True),
        ("T" * 9999, False),
    ],
)
def test_a_tag_is_compared_as_the_rfc_says(given: str | None, matches: bool) -> None:
    tag = entity_tag(b"bytes")
    assert tag_matches(given.replace("TAG", tag) if given else given, tag) is matches


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](https://elsewhere.example/pixel.png)",
        '<img src="https://elsewhere.example/pixel.png" onerror="alert(1)">',
        "<style>*{display:none}</style>",
        '<https://elsewhere.example/" onclick=alert(1)>',
        "[x](vbscript:x) <iframe src=//elsewhere.example>",
    ],
)
def test_markdown_from_anyone_runs_nothing_and_loads_nothing(text: str) -> None:
    seen = Elements()
    seen.feed(str(markdown.render(text)))
    assert {name for name, _ in seen.found} <= markdown.TAGS
    for _, attributes in seen.found:
        assert attributes.keys() <= {"href", "title", "rel"}
        assert attributes.get("href", "https:").partition(":")[0] in markdown.SCHEMES


class Elements(HTMLParser):
    """The elements that a browser would see, with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def test_an_author_s_headings_stay_below_the_page_s() -> None:
    html = str(markdown.render("# Un\n\n## Deux\n\n###### Six\n\n**gras** [lien](https://example.org)"))
    assert "<h3>Un</h3>" in html
    assert "<h4>Deux</h4>" in html
    assert "<h5>Six</h5>" in html
    assert "<h3>Seul</h3>" in str(markdown.render("#### Seul"))
    assert markdown.plain("# Un\n\n- **gras** & <b>[lien](https://a.example)") == "Un gras & <b>lien"
    assert 'rel="noopener noreferrer nofollow"' in html


def test_a_very_long_or_deep_text_is_bounded() -> None:
    assert len(markdown.render("x" * 1_000_000)) < 60_000
    assert markdown.render(">" * 5_000 + " bonjour")
    assert markdown.render("[" * 20_000)
