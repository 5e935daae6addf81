# SPDX-License-Identifier: AGPL-3.0-or-later
"""How much speaks for two elements being one: points for each reason, from one table, added up.

Promises: a pure function of two `Facts`, the same in both directions; every point has a named reason, and the score is
their sum. Points say how sure a person may be before looking, no more: nothing is ever decided here. The name comes
first: where the names have too little in common, nothing else makes a pair.

The weights were set by hand on part of the labelled pairs and measured on all of them (`docs/same.md`).
"""

from __future__ import annotations

import math

import msgspec

from convergences_node.same.facts import Facts, Words
from convergences_node.same.names import CONTRASTS, PLAIN_WEIGHT, TELLING, weight_of

WEIGHTS = {
    "name": 60,
    "other_words": -30,
    "same_town": 10,
    "other_town": -20,
    "address": 25,
    "street": 12,
    "other_address": -8,
    "site": 20,
    "site_of_many": 5,
    "other_site": -5,
    "other_type": -15,
    "phone": 25,
    "mail": 25,
    "near": 15,
    "quite_near": 5,
    "far": -20,
    "dates": 10,
    "other_dates": -45,
    "sessions": -45,
}
"""Points of each reason. `name` is for names with the same words; it is scaled by how much of them is shared
(`_alike`). The others count whole."""

THRESHOLD = 65
"""From here on a pair is proposed, unless another number is asked for."""
NAME_MIN = 25
"""Points of the name without which nothing is proposed."""

NEAR_METRES = 100
QUITE_NEAR_METRES = 400
FAR_METRES = 2_000
WORD_ALIKE = 0.82
"""From here on two words of at least four letters are one, differently spelled."""
WHOLE_ALIKE = 0.9
"""The same for whole names written without spaces."""
LEFT_ALIKE = 0.75
"""The same for what is left of names that are alike as a whole."""
STREET_ALIKE = 85
"""The same for streets, of 100."""
SAYS_LITTLE = 0.4
"""Share of the points that a name gets even if all of its words are plain."""
DEGREE_METRES = 111_320 / 1e7
"""Metres in a unit of 1e-7 degree of latitude."""


class Reason(msgspec.Struct, frozen=True):
    """Why, and how many points it gives or takes."""

    name: str
    points: int


class Score(msgspec.Struct, frozen=True):
    """The points of a pair, and where they come from."""

    points: int
    reasons: tuple[Reason, ...]


NOTHING = Score(0, ())


def score(one: Facts, other: Facts) -> Score:
    """What speaks for and against two elements being the same."""
    if one.kind != other.kind:
        return NOTHING
    reasons = [*_name(one, other)]
    if sum(reason.points for reason in reasons) < NAME_MIN:
        return NOTHING
    metres, address = _metres(one, other), _address(one, other)
    for said in (
        _town(one, other, metres),
        address,
        _site(one, other),
        "phone" if one.phone and one.phone == other.phone else None,
        "mail" if one.mail and one.mail == other.mail else None,
        # Who looks an address up on a map errs more often than who writes it down.
        None if address == "address" and one.town and one.town == other.town else _distance(metres),
        _type(one, other),
        _dates(one, other),
    ):
        if said is not None:
            reasons.append(Reason(said, WEIGHTS[said]))
    return Score(max(0, sum(reason.points for reason in reasons)), tuple(reasons))


# ---------------------------------------------------------------------------------------------------------------- names
def _name(one: Facts, other: Facts) -> list[Reason]:
    """The best that any name of one and any name of the other give."""
    town_words = frozenset((*one.town_words, *other.town_words))
    best: list[Reason] = []
    for a in one.names:
        for b in other.names:
            said = _named(a, b, town_words)
            if not best or sum(r.points for r in said) > sum(r.points for r in best):
                best = said
    return best


def _named(a: Words, b: Words, town_words: frozenset[str]) -> list[Reason]:
    share, common, has_others = _alike(a, b, town_words)
    points = WEIGHTS["name"] * share * min(1.0, SAYS_LITTLE + (1 - SAYS_LITTLE) * common)
    reasons = [Reason("name", round(points))]
    if has_others:
        reasons.append(Reason("other_words", WEIGHTS["other_words"]))
    return reasons


def _alike(a: Words, b: Words, town_words: frozenset[str]) -> tuple[float, float, bool]:
    """The share of two names that they have in common, how much that tells, and whether each has a word of its own
    that tells: then they are rather two of a kind (`Médiathèque Nord`, `Médiathèque Sud`)."""
    from rapidfuzz.distance import Indel  # here, so that a node at rest does without it

    weights = {word: weight_of(word, town_words) for word in (*a, *b)}
    whole = Indel.normalized_similarity("".join(a), "".join(b))
    may_be_one = TELLING.isdisjoint(set(a) ^ set(b)) and not _contrast(a, b)
    if sorted(a) == sorted(b) or (may_be_one and whole >= WHOLE_ALIKE and not _numbered(a, b)):
        share = 1.0 if sorted(a) == sorted(b) else whole
        return share, sum(weights[word] for word in set(a)), _differs(a, b, weights)
    common, left_a, left_b = _matched(a, b, weights, town_words)
    alone_a, alone_b = (sum(weights[word] for word in left) for left in (left_a, left_b))
    share = 2 * common / (2 * common + alone_a + alone_b) if common else 0.0
    if common >= 1 and min(alone_a, alone_b) < PLAIN_WEIGHT:
        share = (share + 1) / 2  # one is the other with more said
    tells = not TELLING.isdisjoint((*left_a, *left_b)) or _contrast(a, b)
    return share, common, tells or (alone_a >= 1 and alone_b >= 1)


def _contrast(a: Words, b: Words) -> bool:
    """Whether the names are of two sorts of bodies."""
    return any(group & set(a) and group & set(b) and not group & set(a) & set(b) for group in CONTRASTS)


def _differs(a: Words, b: Words, weights: dict[str, float]) -> bool:
    """Whether names that are spelled alike as a whole still each have words that the other has not."""
    from rapidfuzz.distance import Indel

    left_a, left_b = [word for word in a if word not in b], [word for word in b if word not in a]
    if min(sum(weights[word] for word in left) for left in (left_a, left_b)) < 1:
        return False
    return Indel.normalized_similarity("".join(left_a), "".join(left_b)) < LEFT_ALIKE


def _numbered(a: Words, b: Words) -> bool:
    """Whether numbers tell them apart."""
    return {word for word in a if word.isdigit()} != {word for word in b if word.isdigit()}


def _matched(
    a: Words, b: Words, weights: dict[str, float], town_words: frozenset[str]
) -> tuple[float, list[str], list[str]]:
    """The weight of the words that both have, however spelled, and what is left of each; of what is left, the name of
    the commune does not count: everybody may add it."""
    from rapidfuzz.distance import Indel

    common, left_a, left_b = 0.0, [], list(b)
    for word in a:
        near = max(left_b, key=lambda each: (word == each, Indel.normalized_similarity(word, each)), default=None)
        if near is None or not _is_one(word, near, Indel.normalized_similarity(word, near)):
            left_a.append(word)
            continue
        common += min(weights[word], weights[near])
        left_b.remove(near)
    return common, [w for w in left_a if w not in town_words], [w for w in left_b if w not in town_words]


def _is_one(word: str, other: str, likeness: float) -> bool:
    if word == other:
        return True
    is_long = min(len(word), len(other)) >= 4 and not (word.isdigit() or other.isdigit())
    return is_long and likeness >= WORD_ALIKE


# ----------------------------------------------------------------------------------------------------------- the others
def _town(one: Facts, other: Facts, metres: float | None) -> str | None:
    if not one.town or not other.town:
        return None
    if one.town == other.town:
        return "same_town"
    return None if metres is not None and metres <= QUITE_NEAR_METRES else "other_town"


def _address(one: Facts, other: Facts) -> str | None:
    if not one.street or not other.street:
        return None
    from rapidfuzz import fuzz

    if fuzz.token_set_ratio(" ".join(one.street), " ".join(other.street)) < STREET_ALIKE:
        return "other_address"
    if one.number and other.number:
        return "address" if one.number == other.number else None
    return "address" if one.number == other.number and len(one.street) > 1 else "street"


def _site(one: Facts, other: Facts) -> str | None:
    if not one.site or not other.site:
        return None
    if one.site != other.site:
        return "other_site"
    return "site_of_many" if one.site_shared or other.site_shared else "site"


def _metres(one: Facts, other: Facts) -> float | None:
    """How far apart they are; None where a point only says which commune it is."""
    if one.point is None or other.point is None or one.point_shared or other.point_shared:
        return None
    (lat, lon), (far_lat, far_lon) = one.point, other.point
    shrink = math.cos(math.radians((lat + far_lat) / 2e7))
    return math.hypot(lat - far_lat, (lon - far_lon) * shrink) * DEGREE_METRES


def _distance(metres: float | None) -> str | None:
    if metres is None:
        return None
    if metres <= NEAR_METRES:
        return "near"
    if metres <= QUITE_NEAR_METRES:
        return "quite_near"
    return "far" if metres >= FAR_METRES else None


def _type(one: Facts, other: Facts) -> str | None:
    """Not of actions: what one source calls a festival is an event to another."""
    differ = one.kind != "action" and one.type != other.type and "other" not in (one.type, other.type)
    return "other_type" if differ and one.type and other.type else None


def _dates(one: Facts, other: Facts) -> str | None:
    if one.dates is None or other.dates is None:
        return None
    if one.source == other.source:
        return "sessions"  # whoever keeps an agenda writes down twice what takes place twice
    if one.dates == other.dates:
        return "dates"
    apart = one.dates[0] > other.dates[1] or other.dates[0] > one.dates[1]
    return "other_dates" if apart else None
