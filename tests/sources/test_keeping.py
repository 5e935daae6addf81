# SPDX-License-Identifier: AGPL-3.0-or-later
"""When sources are run: by their hours, later after each failure, once after a night switched off."""

import asyncio
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from convergences_node.sources.declaration import When
from convergences_node.sources.keeper import Keeper, turn
from convergences_node.sources.memory import Memory, State
from convergences_node.sources.schedule import SPREAD_SECONDS, next_due, next_try, spread

from .conftest import NOW, Home
from .tables import declaration, rows

PARIS = "Europe/Paris"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def test_a_source_is_due_after_its_hours_or_at_its_hour() -> None:
    """Half past three in Paris, in winter and in summer, today or tomorrow; never all in the same second."""
    assert next_due(When(hours=6), "x", NOW, PARIS) == NOW + 6 * 3600
    daily = When(at="03:30")
    for now, due in (
        ("2026-11-22T01:00+01:00", "2026-11-22T03:30+01:00"),
        ("2026-11-22T12:00+01:00", "2026-11-23T03:30+01:00"),
        ("2026-07-01T12:00+02:00", "2026-07-02T03:30+02:00"),
    ):
        assert next_due(daily, "x", at(now), PARIS) == at(due) + spread("x")
    assert len({spread(f"source-{n}") for n in range(50)}) > 30
    assert max(spread(f"source-{n}") for n in range(200)) < SPREAD_SECONDS


def test_the_hour_that_summer_skips_is_due_all_the_same() -> None:
    """On the last Sunday of March there is no half past two."""
    due = next_due(When(at="02:30"), "x", at("2027-03-27T12:00+01:00"), PARIS)
    assert at("2027-03-28T01:00+01:00") < due < at("2027-03-28T05:00+02:00")


def test_each_failure_waits_longer_but_never_past_the_next_hour() -> None:
    """Or as long as the server asked, within a day."""
    waits = [next_try(When(hours=24), "x", NOW, PARIS, failures) - NOW for failures in (1, 2, 3, 30)]
    assert waits == [900, 1800, 3600, 86_400]
    assert next_try(When(hours=1), "x", NOW, PARIS, 9) - NOW == 3600
    assert next_try(When(hours=1), "x", NOW, PARIS, 1, 7200) - NOW == 7200
    assert next_try(When(hours=1), "x", NOW, PARIS, 1, 10**9) - NOW == 86_400


async def test_a_running_node_runs_what_is_due_once(home: Home, tmp_path: Path) -> None:
    """What was added is run; then not before its time; what is due after a long night is run once."""
    table = tmp_path / "liste.json"
    table.write_text(json.dumps(rows(3)))
    keeper = Keeper(home.town)
    assert await keeper.run_due() == []
    await home.declare("liste", declaration(f'file = "{table}"', more="") + "[when]\nhours = 6\n")
    assert await keeper.run_due() == ["liste"]
    assert len(await home.found("actor")) == 3
    assert await keeper.run_due() == []
    home.clock[0] += 6 * 3600 - 60
    assert await keeper.run_due() == []
    home.clock[0] += 5 * 86_400
    assert await keeper.run_due() == ["liste"]
    assert await keeper.run_due() == []


async def test_a_card_without_room_has_nobody_asked_again_at_once(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be noted then, not even that it failed: a server was asked for all that it has every half minute."""
    table = tmp_path / "liste.json"
    table.write_text(json.dumps(rows(3)))
    for name in ("a", "b"):
        await home.declare(name, declaration(f'file = "{table}"'))
    keeper = Keeper(home.town)

    def refuse(self: Memory, name: str, state: State) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as full:
        full.setattr(Memory, "keep_state", refuse)
        assert await keeper.run_due() == ["a", "b"], "each has its turn"
        assert await keeper.run_due() == []
        home.clock[0] += 900
        assert await keeper.run_due() == ["a", "b"]
        home.clock[0] += 900
        assert await keeper.run_due() == [], "later and later"
    home.clock[0] += 900
    assert await keeper.run_due() == ["a", "b"]
    assert await keeper.run_due() == []
    with Memory(home.folder) as memory:
        assert [memory.state(name).outcome for name in ("a", "b")] == ["imported", "imported"]


async def test_a_declaration_that_is_wrong_or_only_proposed_harms_no_other(home: Home, tmp_path: Path) -> None:
    """It is shown with its reason, and tried again later; the others are run."""
    table = tmp_path / "liste.json"
    table.write_text(json.dumps(rows(3)))
    await home.declare("b", declaration(f'file = "{table}"'))
    folder = home.folder / "sources"
    (folder / "a.toml").write_text("[where\n")
    (folder / "c.toml").write_text("proposed = true\n" + declaration(f'file = "{table}"'))
    (folder / "Not a name.toml").write_text("")
    assert await Keeper(home.town).run_due() == ["a", "b", "c"]
    told = {one["name"]: one for one in (await home.ask("source_list"))["sources"]}
    assert {name: one["outcome"] for name, one in told.items()} == {"a": "failed", "b": "imported", "c": "proposed"}
    assert "TOML" in told["a"]["sentence"]["en"]
    assert await Keeper(home.town).run_due() == ["c"]
    assert len(await home.found("actor")) == 3


async def test_a_mistake_of_ours_costs_one_source(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are run, and that one later."""
    from convergences_node.sources import running

    table = tmp_path / "liste.json"
    table.write_text(json.dumps(rows(3)))
    for name in ("a", "b"):
        await home.declare(name, declaration(f'file = "{table}"'))
    real = running.run_source

    async def run_source(town: Any, memory: Any, name: str, *rest: Any) -> Any:
        if name == "a":
            raise RuntimeError("a mistake")
        return await real(town, memory, name, *rest)

    monkeypatch.setattr(running, "run_source", run_source)
    assert await Keeper(home.town).run_due() == ["a", "b"]
    told = {one["name"]: one for one in (await home.ask("source_list"))["sources"]}
    assert (told["a"]["outcome"], told["a"]["failures"], told["b"]["outcome"]) == ("failed", 1, "imported")
    assert await Keeper(home.town).run_due() == []


async def test_one_source_at_a_time(home: Home, tmp_path: Path) -> None:
    """The clock and a person take turns."""
    table = tmp_path / "liste.json"
    table.write_text(json.dumps(rows(3)))
    await home.declare("liste", declaration(f'file = "{table}"'))
    async with turn(home.town):
        asked = asyncio.create_task(home.run("liste"))
        await asyncio.sleep(0.3)
        assert not asked.done()
    assert (await asked)["outcome"] == "imported"


def test_a_state_of_another_version_is_learnt_again(tmp_path: Path) -> None:
    """And one that is too large keeps which elements were edited, not what the source says of them."""
    with Memory(tmp_path) as memory:
        large = {f"FR-93066:{n}": {"description": "x" * 60_000} for n in range(100)}
        memory.keep_state("liste", State(outcome="imported", beside=large))
        kept = memory.state("liste")
        assert kept.beside.keys() == large.keys() and not any(kept.beside.values())
        memory._db.execute("UPDATE states SET state = ?", (b'{"outcome": 3}',))
        assert memory.state("liste") == State()
        memory.replace_rows("liste", [b"a" * 32, b"b" * 32])
        memory.replace_rows("autre", [b"a" * 32])
        memory.replace_rows("liste", [b"b" * 32, b"c" * 32])
        assert (memory.count("liste"), memory.count("autre")) == (2, 1)
        assert list(memory.pages("liste")) == [[b"b" * 32, b"c" * 32]]
        memory.forget("liste")
        assert (memory.count("liste"), memory.count("autre")) == (0, 1)


@pytest.mark.parametrize("now", [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, tzinfo=UTC)])
def test_the_next_hour_is_always_ahead(now: datetime) -> None:
    """Whatever the clocks do that night."""
    for hour in range(24):
        due = next_due(When(at=f"{hour:02}:00"), "x", int(now.timestamp()), PARIS)
        assert 0 < due - now.timestamp() <= 26 * 3600
