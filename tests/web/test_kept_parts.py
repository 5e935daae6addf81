# SPDX-License-Identifier: AGPL-3.0-or-later
"""What pages share is made once, is never another's, and is escaped as everything is."""

from __future__ import annotations

import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from convergences_node.index.views import Item
from convergences_node.media.thumbs import Thumb
from convergences_node.web import kept_parts, templating
from convergences_node.web.cards import Card, Reading
from convergences_node.web.kept_parts import KeptParts
from convergences_node.web.messages import LANGUAGES, Messages, catalogue
from convergences_node.web.templating import escape, escape_text, templates
from convergences_node.web.templating import parts as parts_of
from markupsafe import Markup


def reading(language: str, asked: str | None = None) -> Reading:
    return Reading(catalogue(language), ZoneInfo("Europe/Paris"), 1_795_000_000, "fr", asked)


def item(index: int = 1, name: str = "Bal", first: int | None = None) -> Item:
    id_ = "FR-93066:0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"
    return Item(
        id=id_, kind="action", name=name, territory="FR-93066", first=first, origin="a log", index=index, time=0
    )


@pytest.fixture
def drawn() -> list[str]:
    return []


@pytest.fixture
def parts(drawn: list[str]) -> KeptParts:
    def draw(language: str, card: Card, level: str) -> Markup:
        drawn.append(card.title)
        return Markup(f"{language} {card.href} {level}")

    return KeptParts(draw)


def test_a_card_is_drawn_once_for_a_record_a_language_and_a_level(parts: KeptParts, drawn: list[str]) -> None:
    (french,) = parts.cards(reading("fr"), [item()], "h3")
    assert parts.cards(reading("fr"), [item()], "h3")[0] is french
    assert drawn == ["Bal"]
    assert parts.cards(reading("en"), [item()], "h3")[0] is not french
    assert "lang=fr" in parts.cards(reading("fr", "fr"), [item()], "h3")[0]
    assert parts.cards(reading("fr"), [item()], "h2")[0].endswith("h2")
    others = [item(index=2, name="Grand bal"), item(first=1_795_000_000)]
    assert parts.cards(reading("fr"), [*others, item()], "h3")[2] is french
    assert len(drawn) == 6


def test_cards_that_nobody_looks_at_make_room(
    parts: KeptParts, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_parts, "CARDS_MAX", 3)
    for index in (1, 2, 3, 1, 4):
        parts.cards(reading("fr"), [item(index, f"Bal {index}")], "h3")
    assert drawn == ["Bal 1", "Bal 2", "Bal 3", "Bal 4"]
    for index in (1, 2):
        parts.cards(reading("fr"), [item(index, f"Bal {index}")], "h3")
    assert drawn[4:] == ["Bal 2"]


async def test_what_is_the_same_now_is_made_once_and_anew_when_something_changed(parts: KeptParts) -> None:
    made = 0

    async def make() -> int:
        nonlocal made
        made += 1
        return made

    assert [await parts.now((1, 5), key, make) for key in ("a", "a", "b")] == [1, 1, 2]
    assert await parts.now((1, 6), "a", make) == 3
    assert [await parts.now(None, "a", make) for _ in range(2)] == [4, 5]
    assert await parts.now((1, 6), "a", make) == 3


def test_a_card_is_drawn_from_its_fields_in_their_order() -> None:
    """A macro unpacks them: with a name of its own in each, each is found where it belongs."""
    picture = Thumb("ab" * 32, 144, 144, "dix", whole=True)
    named = Card(
        "/un", "action", "deux", "trois", "quatre", "ar", "cinq", "2026", "six", "sept", "huit", "neuf", picture
    )
    drawn = parts_of("fr").card(named, "h4")  # type: ignore[attr-defined] # a macro
    assert '<h4><a href="/un" lang="ar">quatre</a></h4>' in drawn
    assert '<span class="kind action">deux · trois</span>' in drawn
    assert '<p class="when"><time datetime="2026">cinq</time></p>' in drawn
    assert re.findall(r'<p(?: class="soft")? lang="ar">(\w+)</p>', drawn) == ["six", "sept", "neuf"]
    assert '<span class="state">huit</span>' in drawn
    assert 'alt="dix"' in drawn


@pytest.mark.parametrize("escaped", [escape_text, templating._escaped_here])
def test_what_is_escaped_ends_no_text_and_no_attribute(
    escaped: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same signs as Jinja's own, in templates as in the function; what is HTML already stays as it is."""
    monkeypatch.setattr(templating, "escape_text", escaped)
    hostile = """<script>&"'</script>"""
    assert escape(hostile) == "&lt;script&gt;&amp;&#34;&#39;&lt;/script&gt;"
    assert escape(Markup("<b>")) == "<b>"
    assert escape(3) == "3"
    template = templates("fr").from_string("{% macro it(x) %}<i title='{{ x }}'>{% endmacro %}{{ it(x) }}{{ x ~ x }}")
    said = template.render(x=hostile)
    assert said.startswith("<i title='&lt;script&gt;&amp;&#34;&#39;")
    assert said.count("<") == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_is_written_into_the_templates_of_its_language(language: str) -> None:
    """Escaped as everything is; one with places, or whose key is not in the template, is asked for on each page."""
    with pytest.raises(KeyError):
        templates(language).from_string("{{ t('site.about_nobody') if x else '' }}")
    source = "{% macro it(t) %}{{ t('nav.skip') }}{% endmacro %}{{ it(t) }} {{ t(key) }} {{ t('site.about', town=x) }}"
    messages: Messages = catalogue(language)
    asked: list[str] = []

    def text(key: str, **values: object) -> str:
        asked.append(key)
        return messages.text(key, **values)

    said = templates(language).from_string(source).render(t=text, key="nav.languages", x="<Stains>")
    assert escape(messages.text("nav.skip")) in said
    assert "&lt;Stains&gt;" in said
    assert asked == ["nav.languages", "site.about"]
