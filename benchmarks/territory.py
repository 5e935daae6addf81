# SPDX-License-Identifier: AGPL-3.0-or-later
"""An invented territory of any size for the search benchmark: the rows that the Datasette reference is measured with.

The same words, towns, themes, dates and coordinates in the same proportions as the peers' own generator
(`peers/datasette`), as elements of our kinds: ten (kind, type) pairs stand for its ten kinds. Nothing here is real.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from convergences_protocol.element import ElementId

WORDS = [
    "association",
    "jardin",
    "partage",
    "atelier",
    "velo",
    "reparation",
    "alimentation",
    "solidarite",
    "concert",
    "quartier",
    "mairie",
    "energie",
    "cooperative",
    "logement",
    "culture",
    "marche",
    "paysan",
    "bibliotheque",
    "jeunesse",
    "ecole",
    "sport",
    "danse",
    "theatre",
    "cuisine",
    "repas",
    "compost",
    "arbre",
    "riviere",
    "pont",
    "place",
    "rue",
    "tiers",
    "lieu",
    "fabrique",
    "numerique",
    "libre",
    "logiciel",
    "radio",
    "journal",
    "fete",
    "rencontre",
    "debat",
    "assemblee",
    "habitants",
    "transition",
    "climat",
    "mobilite",
    "covoiturage",
    "train",
    "bus",
    "pieton",
    "sante",
    "accueil",
    "refugies",
    "langue",
    "francais",
    "bretagne",
    "seine",
    "saint",
    "denis",
    "nantes",
    "rennes",
    "brest",
    "lyon",
    "territoire",
    "commun",
]
ASKED_WORDS = [
    "jardin",
    "velo",
    "compost",
    "concert",
    "marche",
    "energie",
    "radio",
    "theatre",
    "logement",
    "climat",
    "mobilite",
    "bibliotheque",
]
THEMES = [
    "alimentation",
    "energie",
    "mobilite",
    "culture",
    "logement",
    "numerique",
    "sante",
    "education",
    "climat",
    "solidarite",
    "sport",
    "democratie",
    "economie",
    "biodiversite",
    "jeunesse",
]
ASKED_THEMES = ("climat", "culture", "mobilite")
KINDS = (
    ("actor", "association"),
    ("action", "event"),
    ("place", "venue"),
    ("actor", "company"),
    ("actor", "collective"),
    ("action", "project"),
    ("action", "activity"),
    ("action", "service"),
    ("place", "park"),
    ("place", "school"),
)
ASKED_KINDS = (("action", "event"), ("actor", "collective"), ("action", "project"))
DATES = {"actor": "founded", "action": "start", "place": "began"}
TOWNS = [f"FR-{10001 + number}" for number in range(40)]
RARE = 5_000
"""Every title ends in one of so many numbers."""
BIRTH_MS = 1_700_000_000_000
MS_APART = 60
"""A million elements born over some seventeen hours, as imports are."""


@dataclass(frozen=True)
class Made:
    """One element, and the values that the reference stores of it."""

    element: ElementId
    kind: str
    type: str
    fields: dict[str, Any]
    themes: tuple[str, ...]


def theme_id(name: str) -> str:
    """The id of a theme of this territory."""
    return str(ElementId.new(TOWNS[0], BIRTH_MS - 1, THEMES.index(name).to_bytes(10, "big")))


def elements(count: int, seed: int = 5) -> Iterator[Made]:
    """`count` elements, the same ones for the same seed."""
    rng = random.Random(seed)
    ids = {name: theme_id(name) for name in THEMES}
    for number in range(count):
        lat, lon = 47 + rng.random() * 2, -4.5 + rng.random() * 7
        kind, type_ = KINDS[rng.randrange(len(KINDS))]
        town = TOWNS[min(int(rng.expovariate(0.12)), len(TOWNS) - 1)]
        title, text = (" ".join(rng.choice(WORDS) for _ in range(length)) for length in (6, 16))
        themes = rng.sample(THEMES, rng.randrange(1, 4))
        date = f"2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}T18:00+01:00"
        element = ElementId.new(town, BIRTH_MS + number * MS_APART, rng.randbytes(10))
        fields = {
            "name": f"{title} n{number % RARE}",
            "type": type_,
            "summary": text,
            "themes": [ids[theme] for theme in themes],
            "location": [round(lat * 1e6) * 10, round(lon * 1e6) * 10],
            DATES[kind]: date,
        }
        yield Made(element, kind, type_, fields, tuple(themes))
