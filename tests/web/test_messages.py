# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every sentence is in every language, and nowhere else than in the catalogues."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from convergences_node.web import words
from convergences_node.web.messages import LANGUAGES, catalogue, choose_language
from convergences_node.web.problems import PROBLEMS
from convergences_protocol.kinds import KINDS, FieldType

LINK_REL = "noopener noreferrer nofollow"
WEB = Path(__file__).parents[2] / "node" / "convergences_node" / "web"
RESEARCH, RELAY = WEB.with_name("research"), WEB.with_name("relay")
PLACE = re.compile(r"\{(\w*)\}")


def test_both_catalogues_have_the_same_keys() -> None:
    french, english = (catalogue(language).texts.keys() for language in LANGUAGES)
    assert french == english


@pytest.mark.parametrize("key", sorted(catalogue("fr").texts))
def test_a_sentence_has_the_same_places_in_each_language(key: str) -> None:
    """A value that one language shows, the other shows too."""
    french, english = (catalogue(language).text(key) for language in LANGUAGES)
    assert set(PLACE.findall(french)) == set(PLACE.findall(english))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_field_and_term_has_a_label(language: str) -> None:
    """Adding a kind without its words fails here, not on a page."""
    messages = catalogue(language)
    for kind in KINDS.values():
        assert messages.has(kind.label_key)
        assert messages.has(f"kinds.{kind.name}")
        for field in kind.fields:
            own, shared = kind.field_label_key(field), f"field.any.{field.name}"
            assert messages.has(own) or messages.has(shared), own
            if field.type is FieldType.TERM:
                for term in field.terms:
                    key = f"term.{kind.name}.{field.name}.{term}"
                    assert messages.has(key), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_relation_reads_both_ways(language: str) -> None:
    """Those that a relation states, and those that a field does: `broader`, `about`."""
    ends = {"subject", "object"}
    terms = {*KINDS["relation"].by_name["predicate"].terms}
    terms |= {field.name for kind in KINDS.values() for field in kind.fields if field.type is FieldType.ELEMENT} - ends
    for term in terms:
        for way in ("outgoing", "incoming"):
            assert catalogue(language).has(f"relation.{way}.{term}"), term


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_has_its_sentences(language: str) -> None:
    for key in PROBLEMS:
        assert catalogue(language).has(f"problem.{key}.title")
        assert catalogue(language).has(f"problem.{key}.detail")


def test_every_key_that_the_code_names_exists() -> None:
    """`t('…')` in a template, `messages.text("…")` in Python."""
    named = re.compile(r"""\b(?:t|count|text|count)\(\s*(?:messages,\s*)?['"]([a-z_]+(?:\.[a-z_]+)+)['"]""")
    known = catalogue("fr").texts
    found = [
        key
        for path in sorted([*WEB.rglob("*.py"), *WEB.glob("templates/*.html")])
        for key in named.findall(path.read_text("utf-8"))
    ]
    assert len(found) > 60
    missing = [key for key in found if key not in known and not any(name.startswith(f"{key}.") for name in known)]
    assert missing == []


# Keys that are put together from a kind, a term, a problem, a number.
_COMPOSED = (
    "kind.", "kinds.", "field.", "term.", "relation.outgoing.", "relation.incoming.", "problem.", "language.",
    "date.month.", "date.weekday.", "date.ago.", "sort.", "facet.", "when.", "view.", "agenda.", "map.",
    "home.", "take.", "ribbon.", "statistics.", "poster.", "history.", "filter.label.", "recurrence.",
    "research.column.", "research.added.", "operator.same.", "operator.source.", "operator.draft.",
    "operator.media.", "certificate.steps.",
    "operator.update.phase.",
)  # fmt: skip


def test_every_sentence_is_said_somewhere() -> None:
    """A sentence that no page can show is one more to translate for nothing."""
    speaking = [*WEB.rglob("*.py"), *WEB.glob("templates/*.html"), *RESEARCH.rglob("*.py"), *RELAY.rglob("*.py")]
    written = "".join(path.read_text("utf-8") for path in speaking)
    unused = [
        key
        for key in catalogue("fr").texts
        if not key.startswith(_COMPOSED) and re.sub(r"\.(none|one|many)$", "", key) not in written
    ]
    assert unused == []


def test_no_sentence_is_written_in_a_template() -> None:
    """Between the tags there are only expressions, spaces and marks."""
    for path in sorted(WEB.glob("templates/*.html")):
        text = path.read_text("utf-8")
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", text, flags=re.DOTALL)
        between = re.sub(r'<[^>]*>|\s[a-z-]+="', " ", text)
        assert re.findall(r"\w+", between) == [], path.name


def test_no_label_is_written_in_a_template_attribute() -> None:
    """`aria-label`, `placeholder`, `title`, `alt` come from the catalogues too."""
    shown = re.compile(r'\b(?:aria-label|placeholder|title|alt)="([^"{]*)"')
    for path in sorted(WEB.glob("templates/*.html")):
        assert not [found for found in shown.findall(path.read_text("utf-8")) if found.strip()], path.name


# Modules whose texts are for developers: the description of the API, and what is written to the operator's log.
_FOR_DEVELOPERS = {
    "api_page.py",
    "openapi.py",
    "parameters.py",
    "health.py",
    "routes.py",
    "routes_files.py",
    "routes_people.py",
    "routes_programs.py",
    "app.py",
    "settings.py",
    "listening.py",
}


def test_no_sentence_is_written_in_python() -> None:
    """A string of three words or more that is no docstring is a sentence in the wrong place.

    `surfaces/` is not looked through: it speaks to programs, and describes its parameters to their makers.
    """
    for path in sorted(WEB.glob("*.py")):
        if path.name in _FOR_DEVELOPERS:
            continue
        for text in _strings(ast.parse(path.read_text("utf-8"))):
            if text == LINK_REL:
                continue
            looks = re.findall(r"[^\W\d_]{2,}(?: [^\W\d_]{2,}){2,}", text)
            assert not looks, f"{path.name}: {text!r}"


def _strings(tree: ast.Module) -> list[str]:
    """String constants that are no statements (docstrings are), nor part of an error's or an assertion's message."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        if isinstance(node, ast.Raise) and node.exc is not None and _name(node.exc) == "ConnectionResetError":
            skipped.update(id(part) for part in ast.walk(node.exc))
        if isinstance(node, ast.Assert) and node.msg is not None:
            skipped.update(id(part) for part in ast.walk(node.msg))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped
    ]


def _name(node: ast.expr) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def test_french_spaces_do_not_break() -> None:
    """A colon, a semicolon or a guillemet alone at the start of a line is a fault that French readers see."""
    for key, text in catalogue("fr").texts.items():
        assert not re.search(r" [:;?!»]|« ", text), key


@pytest.mark.parametrize(
    ("asked", "accept", "language"),
    [
        (None, "", "fr"),
        ("en", "fr", "en"),
        ("de", "en", "en"),
        (None, "en-GB,en;q=0.9,fr;q=0.8", "en"),
        (None, "de,fr-CA;q=0.3,en;q=0.2", "fr"),
        (None, "en;q=0,de", "fr"),
        (None, "en;q=banane", "fr"),
        (None, "x" * 10_000, "fr"),
        (None, ",;q=,;=;,en;q=2", "fr"),
    ],
)
def test_the_reader_chooses_the_language(asked: str | None, accept: str, language: str) -> None:
    assert choose_language(asked, accept) == language


def test_numbers_and_plurals_follow_the_language() -> None:
    french, english = catalogue("fr"), catalogue("en")
    assert french.count("search.count", 0) == "Aucun résultat"
    assert french.count("search.count", 1234) == "1\u202f234 résultats"
    assert english.count("search.count", 1234) == "1,234 results"
    assert french.count("date.ago.day", 1) == "il y a 1 jour"


def test_a_territory_s_own_term_is_shown_as_it_was_written() -> None:
    assert words.term_label(catalogue("fr"), "actor", "type", "x-fanfare") == "fanfare"
