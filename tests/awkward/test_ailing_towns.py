# SPDX-License-Identifier: AGPL-3.0-or-later
"""An agglomeration sees which of its towns' machines ask for a person, by what they say themselves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from convergences_node.checkup import sentence
from convergences_node.checkup.hearing import HEARD, Hearing
from convergences_node.checkup.sign import Sign, sign
from convergences_node.checkup.signs import SILENT_BAD_S, signs
from convergences_node.checkup.telling import AGAIN_S, REFUSED_S, Telling, told_signs
from convergences_node.checkup.wording import in_short
from convergences_node.web.messages import catalogue
from convergences_node.web.operator.towns import towns_of
from convergences_protocol.errors import LocalError, RemoteError
from convergences_protocol.health import BAD, CARE, SIGNS_MAX, Health
from convergences_protocol.keys import SigningKey

from .cluster import Cluster, Node


async def ailing(node: Node) -> list[Sign]:
    return [each for each in await signs(node.town) if each.name == "ailing"]


async def test_a_town_whose_card_fails_says_so_and_says_when_it_is_well(cluster: Cluster) -> None:
    """When it changes, and every hour; not at each look. The agglomeration's own signs name the town."""
    agglomeration, town = await cluster.cluster("saint-denis")
    monotonic = [0.0]
    telling = Telling(town.town, lambda: monotonic[0])
    town.town.card_refuses = "Input/output error"
    assert await telling.look()
    said = agglomeration.town.hearing.of(town.origin)
    assert said is not None and ("card.failing", "bad") in said.signs
    (found,) = await ailing(agglomeration)
    assert found.level == "bad" and town.founded.territory in sentence(found, "fr")
    assert not await telling.look(), "it is known"
    monotonic[0] += AGAIN_S
    assert await telling.look(), "an agglomeration that was started again has forgotten"
    town.town.card_refuses = None
    later = town.town.now() + 1.0
    town.town._clock = lambda: later
    assert await telling.look()
    said = agglomeration.town.hearing.of(town.origin)
    assert said is not None and "card.failing" not in dict(said.signs)


async def test_a_town_that_fell_silent_asks_for_nobody_any_more(cluster: Cluster) -> None:
    """The list of towns still has its last words, and says how old they are."""
    agglomeration, town = await cluster.cluster("saint-denis")
    said_at = town.town.now()
    word = Health(town.origin, said_at, [("card.failing", BAD)]).encode(town.town.archive.keys.node)
    await agglomeration.town.join_answer(word)
    for silent_s, levels in ((SILENT_BAD_S - 60, ["bad"]), (SILENT_BAD_S + 60, [])):
        now = said_at + silent_s
        agglomeration.town._clock = lambda: float(now)  # noqa: B023 - asked in this round
        assert [each.level for each in await ailing(agglomeration)] == levels
    (silent,) = [each for each in await signs(agglomeration.town) if each.name == "towns"]
    assert silent.level == "bad" and town.founded.territory in sentence(silent, "fr")
    reading: Any = SimpleNamespace(messages=catalogue("fr"), now=now, zone=ZoneInfo("Europe/Paris"))
    (line,) = await towns_of(agglomeration.town, reading)
    assert "La carte rend des erreurs (il y a 3 jours)" in line.device


async def agglomeration_signs(node: Node) -> dict[str, str]:
    found = {each.name: each for each in await signs(node.town)}
    said = found["agglomeration"]
    assert (said.level, said.form) != ("care", "ended") or "continue seul" in sentence(said, "fr")
    return {name: each.form for name, each in found.items() if name in ("agglomeration", "network")}


async def test_a_town_whose_log_is_ended_is_told_so(cluster: Cluster) -> None:
    """It left, by nobody's fault, and no peer takes it any more: no sign of its page blames the internet."""
    agglomeration, town = await cluster.cluster("saint-denis")
    telling = Telling(town.town)
    cluster.net.sever(agglomeration.key, town.key)
    await agglomeration.ask("end", origin=town.origin, why="departure")
    cluster.net.mend(agglomeration.key, town.key)
    assert "network" in await agglomeration_signs(town)
    assert await telling.look()
    assert await agglomeration_signs(town) == {"agglomeration": "ended"}
    assert not await ailing(agglomeration)
    assert agglomeration.town.hearing.of(town.origin) is None, "it is nobody's town any more"


async def test_a_town_that_read_its_end_in_the_charter_waits_to_be_enrolled_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its new epoch is nobody's yet, so that nothing is told in its name; once it is enrolled, at the next look."""
    agglomeration, town = await cluster.cluster("saint-denis")
    telling, old = Telling(town.town), town.origin
    still_allowed = agglomeration.town.membership.allowed()
    monkeypatch.setattr(agglomeration.town.membership, "allowed", lambda: still_allowed)
    await agglomeration.ask("end", origin=old, why="a mistake")

    async def writes_on() -> bool:
        return town.origin != old

    await town.until(writes_on, "a new epoch is opened")
    assert await agglomeration_signs(town) == {"agglomeration": "ended"}
    assert not await telling.look()
    opening = town.town.membership.own
    await agglomeration.ask(
        "enrol", origin=opening.origin, key=opening.key.hex(), recovery_key=opening.recovery_key.hex()
    )
    await town.until_enrolled(opening.origin)
    assert (await agglomeration_signs(town))["agglomeration"] != "ended"
    assert await telling.look()
    assert agglomeration.town.hearing.of(opening.origin) is not None


async def test_a_town_whose_clock_was_years_ahead_is_heard_again(cluster: Cluster) -> None:
    """What it said then would stand for as many years; a clock that is a little ahead is no matter."""
    agglomeration, town = await cluster.cluster("saint-denis")
    key, hear, now = town.town.archive.keys.node, agglomeration.town.join_answer, town.town.now()

    async def heard(at: int, *signs: tuple[str, int]) -> int:
        assert await hear(Health(town.origin, at, list(signs)).encode(key)) == HEARD
        said = agglomeration.town.hearing.of(town.origin)
        assert said is not None
        return len(said.signs)

    assert await heard(now + 9 * 31_557_600, ("card", BAD)) == 1
    assert await heard(now) == 0
    assert await heard(now + 60, ("card", BAD)) == 1
    assert await heard(now) == 1


async def test_only_the_town_itself_is_heard_and_an_old_word_says_nothing(cluster: Cluster) -> None:
    agglomeration, town = await cluster.cluster("saint-denis")
    key, hear = town.town.archive.keys.node, agglomeration.town.join_answer
    now = town.town.now()
    later = Health(town.origin, now, [("temperature", CARE), ("card", BAD)])
    assert await hear(later.encode(key)) == HEARD
    assert await hear(Health(town.origin, now - 1, []).encode(key)) == HEARD
    said = agglomeration.town.hearing.of(town.origin)
    assert said is not None and said.signs == (("card", "bad"), ("temperature", "care"))
    with pytest.raises(LocalError, match="has not signed"):
        await hear(later.encode(SigningKey.from_seed(bytes(32))))
    with pytest.raises(LocalError, match="no town of this charter"):
        await hear(Health("convergences/FR-93072/0001020304050607", 1, []).encode(key))
    with pytest.raises(RemoteError):
        await hear(later.encode(key) + b"\x00")
    with pytest.raises(LocalError, match="no agglomeration"):
        await town.town.join_answer(later.encode(key))


async def test_an_older_agglomeration_refuses_and_is_asked_again_the_next_day(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads the word as an answer to an invitation, which it is not; nothing else comes of it."""
    agglomeration, town = await cluster.cluster("saint-denis")
    monotonic = [0.0]
    telling = Telling(town.town, lambda: monotonic[0])
    with monkeypatch.context() as older:
        older.setattr(Hearing, "concerns", lambda data: False)
        assert not await telling.look()
    assert agglomeration.town.hearing.of(town.origin) is None
    assert not await telling.look()
    monotonic[0] += REFUSED_S
    assert await telling.look()
    await town.write("nothing else has changed")
    await agglomeration.until_finds("nothing else has changed")


def test_codes_and_levels_alone_are_said_the_gravest_first() -> None:
    found = [
        sign("wear", "good", percent=10),
        sign("temperature", "care", degrees=72),
        sign("card", "bad", "failing", reason="a name that is nobody's business"),
        sign("agglomeration", "bad", age=1, missing=1),
        *[sign(f"sign{number}", "care") for number in range(30)],
    ]
    said = told_signs(found)
    assert said[0] == ("card.failing", BAD) and len(said) == SIGNS_MAX
    assert ("temperature", CARE) in told_signs(found[:4]) and len(told_signs(found[:4])) == 2


def test_a_sign_of_a_newer_program_is_another_sign() -> None:
    assert in_short("card.read_only", "fr") == "La carte refuse d’écrire"
    assert in_short("card.soaked", "fr") == in_short("card", "fr") == "Place sur la carte"
    assert in_short("moon.full", "fr") == "Autre signe"
    assert in_short("letter.page", "fr") == "Autre signe"


async def test_the_list_of_towns_says_what_each_device_asks_for(cluster: Cluster) -> None:
    """In words of its own; a town that has said nothing is no town that is well."""
    agglomeration, town = await cluster.cluster("saint-denis")
    now = agglomeration.town.now()
    reading: Any = SimpleNamespace(messages=catalogue("fr"), now=now, zone=ZoneInfo("Europe/Paris"))
    (line,) = await towns_of(agglomeration.town, reading)
    assert (line.device_level, line.device) == ("good", "n’a rien dit")
    for number, (signs_said, level, words) in enumerate(
        [
            ([("temperature", CARE), ("card.read_only", BAD)], "bad", "✗ La carte refuse d’écrire, ! Température ("),
            ([("moon.full", CARE), ("sun", CARE)], "care", "! Autre signe ("),
            ([], "good", "va bien ("),
        ]
    ):
        word = Health(town.origin, now + number, signs_said).encode(town.town.archive.keys.node)
        await agglomeration.town.join_answer(word)
        (line,) = await towns_of(agglomeration.town, reading)
        assert line.device_level == level and line.device.startswith(words), line
