# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small random archives: some towns with elements of every sort, edited, withdrawn, erased, related, badly written."""

from __future__ import annotations

import random
from typing import Any

from convergences_node.index.projection import Speakers
from convergences_protocol.element import ElementId

from .making import AGGLOMERATION, PIERREFITTE, SAINT_DENIS, STAINS, Logs, origin_of

TERRITORIES = (SAINT_DENIS, PIERREFITTE, STAINS, AGGLOMERATION)
WORDS = (
    *("vélo", "vélos", "Été", "l'école", "concert", "concerts", "journaux", "journal"),
    *("jardin", "Saint-Denis", "théâtre", "œuvre", "œuvres", "bal", "eau"),
)
ACTOR_TYPES = ("association", "company", "school")
ACTION_TYPES = ("event", "project", "activity")
STARTS = (
    "2025",
    "2026-05",
    "2026-06-14",
    "2026-06-14T18:30+02:00",
    "2026-09-01T09:00Z",
    "2027-01-31",
    "2026-12-31T23:30Z",
)
ENDS = ("2026-06-20", "2027-03-01", "2028")
RULES = ("FREQ=WEEKLY;COUNT=8", "FREQ=DAILY;INTERVAL=3;COUNT=20", "FREQ=MONTHLY;BYDAY=1SA")
POINTS = (
    [489300000, 23500000],
    [489350000, 23600000],
    [489800000, 23800000],
    [-210000000, 555000000],
    [489300001, -10],
)


def words_of(dice: random.Random, most: int) -> str:
    return " ".join(dice.choice(WORDS) for _ in range(dice.randrange(1, most + 1)))


def themes_of(logs: Logs) -> list[ElementId]:
    """Four themes, one above the other, but for the last which stands alone; their names have words that texts have."""
    themes: list[ElementId] = []
    for number in range(4):
        fields: dict[str, Any] = {"name": f"Thème {WORDS[number]}"}
        if number in (1, 2):
            fields["broader"] = str(themes[-1])
        themes.append(logs.state(origin_of(AGGLOMERATION), "theme", fields))
    return themes


def random_fields(dice: random.Random, kind: str, themes: list[ElementId]) -> dict[str, Any]:
    """Fields of an actor, an action or a place; each optional one there or not."""
    fields: dict[str, Any] = {"name": words_of(dice, 3)}
    fields["type"] = {"actor": dice.choice(ACTOR_TYPES), "action": dice.choice(ACTION_TYPES), "place": "venue"}[kind]
    if dice.random() < 0.7:
        fields["summary"] = words_of(dice, 6)
    if dice.random() < 0.4:
        fields["description"] = words_of(dice, 9)
    if dice.random() < 0.6:
        fields["themes"] = [str(theme) for theme in dice.sample(themes, dice.randrange(1, 3))]
    if dice.random() < 0.5:
        fields["town"] = dice.choice(TERRITORIES[:3])
    if dice.random() < 0.7:
        fields["location"] = dice.choice(POINTS)
    if kind == "action" and dice.random() < 0.8:
        fields |= random_dates(dice)
    if kind == "actor" and dice.random() < 0.4:
        fields["founded"] = dice.choice(("1999", "2026-05-02", "2027"))
    if kind == "actor" and dice.random() < 0.2:
        fields["dissolved"] = "2028-01"
    return fields


def random_dates(dice: random.Random) -> dict[str, Any]:
    fields: dict[str, Any] = {"start": dice.choice(STARTS), "status": dice.choice(("planned", "cancelled"))}
    if dice.random() < 0.3:
        fields["end"] = "2029-02" if dice.random() < 0.3 else {"2025": "2026-06-20"}.get(fields["start"], "2027-06-20")
    if dice.random() < 0.4 and "end" not in fields:
        fields["recurrence"] = dice.choice(RULES)
    return fields


def random_logs(dice: random.Random, records: int) -> tuple[Logs, Speakers]:
    """Logs of four territories, and a charter in which Pierrefitte's ended in favour of Saint-Denis's."""
    logs = Logs(dice=random.Random(dice.random()))
    themes = themes_of(logs)
    living: list[tuple[ElementId, str]] = []
    for _ in range(records):
        one_step(dice, logs, themes, living)
    ended = len(logs.entries.get(origin_of(PIERREFITTE), ())) * 3 // 4
    speakers: Speakers = {
        SAINT_DENIS: [(origin_of(SAINT_DENIS), None)],
        PIERREFITTE: [(origin_of(PIERREFITTE), ended), (origin_of(SAINT_DENIS), None)],
        STAINS: [(origin_of(STAINS), None)],
        AGGLOMERATION: [(origin_of(AGGLOMERATION), None)],
    }
    return logs, {t: s for t, s in speakers.items() if any(origin in logs.entries for origin, _ in s)}


def one_step(dice: random.Random, logs: Logs, themes: list[ElementId], living: list[tuple[ElementId, str]]) -> None:
    """One record more: a new element mostly, else an edit, a relation, a withdrawal, or what does not count."""
    chance = dice.random()
    territory = dice.choice(TERRITORIES)
    if chance < 0.6 or len(living) < 3:
        kind = dice.choice(("actor", "action", "place"))
        living.append((logs.state(origin_of(territory), kind, random_fields(dice, kind, themes)), kind))
        return
    element, kind = dice.choice(living)
    home = element.territory if element.territory != PIERREFITTE or dice.random() < 0.6 else SAINT_DENIS
    if chance < 0.75:
        logs.state(origin_of(home), kind, random_fields(dice, kind, themes), element, here=dice.random() < 0.9)
    elif chance < 0.85:
        other, _ = dice.choice([each for each in living if each[0] != element])
        fields: dict[str, Any] = {"subject": str(element), "predicate": "part_of", "object": str(other)}
        if dice.random() < 0.5:
            fields |= {"from": "2026-01", "to": "2026-08"}
        logs.state(origin_of(territory), "relation", fields)
    elif chance < 0.93:
        logs.withdraw(origin_of(home), element, kind)
    else:
        logs.state(origin_of(territory), kind, random_fields(dice, kind, themes), element)
