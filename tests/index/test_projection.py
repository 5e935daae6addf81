# SPDX-License-Identifier: AGPL-3.0-or-later
"""The index says what the last readable record says, whatever happened on the way there."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from convergences_node.archive.model import Entry
from convergences_node.index import store, strict_door
from convergences_node.index.projection import Projection, Speakers
from convergences_protocol.keys import SigningKey
from convergences_protocol.origin import territory_of
from convergences_protocol.record import author_record
from convergences_protocol.tiles import Slot

from .making import HORIZON, NOW, PIERREFITTE, SAINT_DENIS, STAINS, Desk, Logs, origin_of
from .random_logs import random_logs

DENIS, STAINS_LOG, PIERREFITTE_LOG = origin_of(SAINT_DENIS), origin_of(STAINS), origin_of(PIERREFITTE)


def actor(name: str) -> dict[str, object]:
    return {"name": name, "type": "association"}


def test_the_last_record_says_what_an_element_is(desk: Desk) -> None:
    club = desk.logs.state(DENIS, "actor", actor("Club de danse"))
    desk.logs.state(DENIS, "actor", actor("Club de théâtre"), club)
    desk.catch_up()
    assert desk.names() == ["Club de théâtre"]
    assert desk.names(q="danse") == []
    desk.is_sound()


def test_what_is_withdrawn_is_not_found_and_may_come_back(desk: Desk) -> None:
    club = desk.logs.state(DENIS, "actor", actor("Club"))
    desk.logs.withdraw(DENIS, club)
    desk.catch_up()
    assert desk.names() == []
    desk.logs.state(DENIS, "actor", actor("Club encore"), club)
    desk.catch_up()
    assert desk.names() == ["Club encore"]
    desk.is_sound()


def test_a_record_in_another_towns_log_does_not_count(desk: Desk) -> None:
    club = desk.logs.state(DENIS, "actor", actor("Club"))
    desk.logs.state(STAINS_LOG, "actor", actor("Club volé"), club)
    desk.catch_up()
    assert desk.names() == ["Club"]


def test_a_log_that_the_charter_does_not_name_is_not_shown(desk: Desk) -> None:
    desk.logs.state(DENIS, "actor", actor("Club"))
    desk.logs.state(STAINS_LOG, "actor", actor("Inconnu"))
    desk.catch_up(speakers={SAINT_DENIS: [(DENIS, None)]})
    assert desk.names() == ["Club"]
    assert desk.projection.applied() == {DENIS: 1, STAINS_LOG: 1}


def test_a_successor_has_the_last_word_in_whatever_order_logs_arrive(tmp_path: Path) -> None:
    logs = Logs()
    club = logs.state(PIERREFITTE_LOG, "actor", actor("Club de Pierrefitte"))
    other = logs.state(PIERREFITTE_LOG, "actor", actor("Autre"))
    logs.state(DENIS, "actor", actor("Club de Saint-Denis"), club)
    logs.withdraw(DENIS, other)
    merged: Speakers = {PIERREFITTE: [(PIERREFITTE_LOG, 2), (DENIS, None)], SAINT_DENIS: [(DENIS, None)]}
    for number, order in enumerate([(PIERREFITTE_LOG, DENIS), (DENIS, PIERREFITTE_LOG)]):
        desk = Desk(tmp_path / f"{number}.db", logs).catch_up(order, merged)
        assert desk.names() == ["Club de Saint-Denis"]


def test_what_a_log_says_after_its_end_does_not_count(desk: Desk) -> None:
    desk.logs.state(DENIS, "actor", actor("Avant"))
    desk.logs.state(DENIS, "actor", actor("Après"))
    desk.catch_up(speakers={SAINT_DENIS: [(DENIS, 1)]})
    assert desk.names() == ["Avant"]


def test_a_charter_that_changes_is_followed_back_and_forth(desk: Desk) -> None:
    club = desk.logs.state(PIERREFITTE_LOG, "actor", actor("Club"))
    desk.logs.state(DENIS, "actor", actor("Club fusionné"), club)
    apart: Speakers = {PIERREFITTE: [(PIERREFITTE_LOG, None)], SAINT_DENIS: [(DENIS, None)]}
    merged: Speakers = {PIERREFITTE: [(PIERREFITTE_LOG, 1), (DENIS, None)], SAINT_DENIS: [(DENIS, None)]}
    for speakers, expected in [(apart, "Club"), (merged, "Club fusionné"), (apart, "Club"), (merged, "Club fusionné")]:
        desk.catch_up(speakers=speakers)
        assert desk.names() == [expected]
        desk.is_sound()
    desk.catch_up(speakers={})
    assert desk.names() == []


def test_an_unreadable_leaf_is_kept_aside_and_the_rest_goes_on(desk: Desk) -> None:
    club = desk.logs.state(DENIS, "actor", actor("Club"))
    entry = desk.logs.entries[DENIS][0]
    forged = entry.header[:-1] + bytes([entry.header[-1] ^ 1])
    desk.logs.append(DENIS, forged, entry.body, Slot.HERE, unreadable="bad signature")
    desk.logs.append(DENIS, b"not a header at all", None, Slot.NONE, unreadable="not a header")
    desk.logs.state(DENIS, "actor", actor("Autre"))
    desk.catch_up()
    assert desk.names() == ["Autre", "Club"]
    assert desk.projection.progress() == {DENIS: (4, 2)}
    assert [item.index for item in desk.ask().items if item.id == str(club)] == [0]


def test_a_leaf_that_an_older_program_refused_is_read_again(desk: Desk) -> None:
    desk.logs.state(DENIS, "actor", actor("Club"))
    entry = desk.logs.entries[DENIS][0]
    desk.logs.entries[DENIS][0] = Entry(DENIS, 0, entry.header, entry.slot, entry.body, "unknown kind")
    desk.catch_up()
    assert desk.names() == ["Club"]


def test_a_kind_from_the_future_is_kept_aside(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from convergences_protocol import record
    from convergences_protocol.kinds import KINDS

    with monkeypatch.context() as patch:
        patch.setattr(record, "KINDS", {**KINDS, "offer": KINDS["actor"]})
        element = desk.logs.new_id(SAINT_DENIS)
        key = SigningKey.from_seed(bytes(32))
        made = author_record(key, element, "offer", actor("Offre"), salt=bytes(16), previous=None, time=NOW)
    desk.logs.append(DENIS, made.header, made.body, Slot.HERE)
    desk.catch_up()
    assert desk.names() == []
    assert desk.projection.progress() == {DENIS: (1, 1)}


@pytest.mark.parametrize("at_once", [1, 3, strict_door.ENTRIES_AT_ONCE])
def test_entries_of_every_sort_are_read_together_as_one_by_one(
    desk: Desk, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = desk.logs
    for number in range(3):
        club = logs.state(DENIS, "actor", actor(f"Club {number}"))
        logs.append(DENIS, b"not a header at all", None, Slot.NONE, unreadable="not a header")
        logs.state(DENIS, "action", {"name": f"Fête {number}", "type": "event", "start": "2026-05-01"})
        entry = logs.entries[DENIS][-1]
        logs.append(DENIS, entry.header, b"another body", Slot.HERE)
        logs.append(DENIS, entry.header, None, Slot.ERASED)
        logs.state(DENIS, "actor", actor(f"Plus tard {number}"), here=False)
        logs.withdraw(DENIS, club)
    entries = logs.entries[DENIS]
    one_by_one = [strict_door.read_entry(entry, HORIZON) for entry in entries]
    monkeypatch.setattr(strict_door, "ENTRIES_AT_ONCE", at_once)
    together = strict_door.read_entries(entries, HORIZON)
    assert together == one_by_one
    assert [reading.index for reading in together] == list(range(len(entries)))
    said = [reading.stated and reading.stated.row.name_key for reading in together]
    assert said == [said for n in range(3) for said in (f"club {n}", None, f"fete {n}", None, None, None, None)]


def test_words_of_what_is_new_old_and_said_again_come_in_one_batch(desk: Desk) -> None:
    """What comes behind all rows is read from the table, what comes between them is handed over."""
    early, late = desk.logs.new_id(SAINT_DENIS), desk.logs.new_id(SAINT_DENIS)
    desk.logs.state(DENIS, "actor", actor("Chorale"), late)
    desk.catch_up()
    desk.logs.state(DENIS, "actor", actor("Orchestre"), late)
    desk.logs.state(DENIS, "actor", actor("Fanfare"), early)
    desk.logs.state(DENIS, "actor", actor("Harmonie"))
    desk.catch_up()
    for word, names in (("chorale", []), ("orchestre", ["Orchestre"]), ("fanfare", ["Fanfare"])):
        assert desk.names(q=word) == names
    assert desk.names(q="harmonie") == ["Harmonie"]
    desk.projection.db.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
    desk.is_sound()


def test_a_body_that_comes_late_is_taken_in(desk: Desk) -> None:
    club = desk.logs.state(DENIS, "actor", actor("Club"))
    desk.logs.state(DENIS, "actor", actor("Club rénové"), club, here=False)
    desk.catch_up()
    assert desk.names() == ["Club"]
    assert desk.projection.wanted() == {DENIS: (1,)}
    late = Logs()
    late.state(DENIS, "actor", actor("Club rénové"), club)
    full = Entry(DENIS, 1, desk.logs.entries[DENIS][1].header, Slot.HERE, _body_of(desk, "Club rénové"), None)
    desk.projection.look_again(DENIS, [full])
    assert desk.names() == ["Club rénové"]
    assert desk.projection.wanted() == {}
    desk.is_sound()


def _body_of(desk: Desk, name: str) -> bytes:
    """The body that the desk's own dice salted: the same archive written again, this time with its bodies."""
    again = Logs()
    club = again.state(DENIS, "actor", actor("Club"))
    again.state(DENIS, "actor", actor(name), club)
    assert again.entries[DENIS][1].header == desk.logs.entries[DENIS][1].header
    body = again.entries[DENIS][1].body
    assert body is not None
    return body


def test_a_late_body_does_not_undo_what_came_after(desk: Desk) -> None:
    club = desk.logs.state(DENIS, "actor", actor("Club"))
    desk.logs.state(DENIS, "actor", actor("Club rénové"), club, here=False)
    desk.logs.withdraw(DENIS, club)
    desk.catch_up()
    full = Entry(DENIS, 1, desk.logs.entries[DENIS][1].header, Slot.HERE, _body_of(desk, "Club rénové"), None)
    desk.projection.look_again(DENIS, [full])
    assert desk.names() == []


def test_an_erased_element_is_gone_from_every_table(desk: Desk) -> None:
    person = desk.logs.state(DENIS, "actor", {**actor("Jeanne Dupont"), "summary": "Zygomatique", "type": "person"})
    desk.logs.state(DENIS, "actor", {**actor("Jeanne D."), "type": "person"}, person)
    desk.logs.state(DENIS, "actor", actor("Club"))
    desk.catch_up()
    desk.logs.erase(person)
    desk.revise(person)
    assert desk.names() == ["Club"]
    while store.forget(desk.projection.db):
        pass
    desk.is_sound()
    data = desk.path.read_bytes() + Path(f"{desk.path}-wal").read_bytes()
    for word in (b"Jeanne", b"jeanne", b"Dupont", b"dupont", b"zygomatique"):
        assert word not in data, word


def test_an_erased_revision_leaves_the_one_before(desk: Desk) -> None:
    club = desk.logs.state(DENIS, "actor", actor("Club"))
    desk.logs.state(DENIS, "actor", actor("Secret"), club)
    desk.catch_up()
    entry = desk.logs.entries[DENIS][1]
    desk.logs.entries[DENIS][1] = Entry(DENIS, 1, entry.header, Slot.ERASED, None, None)
    desk.revise(club)
    assert desk.names() == ["Club"]


def test_a_transaction_that_fails_leaves_cursor_and_tables_together(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.logs.state(DENIS, "actor", actor("Club"))
    desk.hear()
    before = desk.dump()
    with monkeypatch.context() as patch:

        def fails(*_: object) -> None:
            raise RuntimeError("the plug was pulled")

        patch.setattr(desk.projection.tables, "_count", fails)
        with pytest.raises(RuntimeError):
            desk.apply(DENIS)
    assert desk.dump() == before
    assert desk.projection.applied() == {}
    desk.catch_up()
    assert desk.names() == ["Club"]


def test_entries_already_taken_in_are_passed_over(desk: Desk) -> None:
    desk.logs.state(DENIS, "actor", actor("Club"))
    desk.catch_up()
    again = desk.projection.read(desk.logs.entries[DENIS])
    assert desk.projection.apply(DENIS, SAINT_DENIS, [(again, b"")]) == 1
    assert desk.dump()["counts"][0, ("kind", "actor")] == 1


@pytest.mark.parametrize("seed", range(12))
def test_a_rebuild_gives_what_small_steps_gave(seed: int, tmp_path: Path) -> None:
    """Logs taken in by random portions, in random turns, with the charter arriving midway, end as a rebuild."""
    dice = random.Random(seed)
    logs, speakers = random_logs(dice, records=120)
    steps = Desk(tmp_path / "steps.db", logs)
    steps.hear({})
    left = dict.fromkeys(logs.entries, 0)
    while left:
        origin = dice.choice(sorted(left))
        left[origin] = min(left[origin] + dice.randrange(1, 25), len(logs.entries[origin]))
        applied = steps.projection.applied().get(origin, 0)
        if applied < left[origin]:
            steps.apply(origin, left[origin])
        if dice.random() < 0.2:
            steps.hear(speakers if dice.random() < 0.7 else {})
        if left[origin] == len(logs.entries[origin]):
            del left[origin]
    steps.catch_up(speakers=speakers)
    whole = Desk(tmp_path / "whole.db", logs).catch_up(speakers=speakers)
    assert steps.dump() == whole.dump()
    backwards = Desk(tmp_path / "backwards.db", logs).catch_up(sorted(logs.entries, reverse=True), speakers)
    assert backwards.dump() == whole.dump()
    for desk in (steps, whole, backwards):
        desk.is_sound()


def test_a_file_that_was_closed_goes_on_where_it_was(tmp_path: Path) -> None:
    logs, speakers = random_logs(random.Random(7), records=60)
    desk = Desk(tmp_path / "index.db", logs)
    desk.hear(speakers)
    for origin in logs.entries:
        desk.apply(origin, len(logs.entries[origin]) // 2)
    desk.projection.db.close()
    desk.projection = Projection(store.open_writer(desk.path), desk.path, HORIZON)
    assert desk.projection.speakers == {t: list(s) for t, s in speakers.items()}
    for origin in logs.entries:
        desk.apply(origin)
    assert desk.dump() == Desk(tmp_path / "whole.db", logs).catch_up(speakers=speakers).dump()
    assert {territory_of(origin) for origin in logs.entries}
