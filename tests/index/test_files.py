# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which files the elements name: the newest state's, found without reading through every record."""

from __future__ import annotations

from convergences_node.index.files import files_named, named_files
from convergences_node.index.row import id_of

from .making import SAINT_DENIS, Desk, origin_of

DENIS = origin_of(SAINT_DENIS)


def logo(seed: int) -> dict[str, object]:
    """A small picture, and one smaller form of it."""
    digest, size = f"{seed:064x}", f"{seed + 1:064x}"
    form = {"digest": size, "bytes": 50, "width": 8, "height": 8}
    picture = {"digest": digest, "type": "image/png", "bytes": 100 + seed, "alt": "a logo", "width": 16, "height": 16}
    return {**picture, "sizes": [form]}


def test_files_are_those_of_the_states_that_stand_the_newest_first(desk: Desk) -> None:
    actor = {"name": "Une association", "type": "association"}
    first = desk.logs.state(DENIS, "actor", {**actor, "logo": logo(10)})
    desk.logs.state(DENIS, "actor", {**actor, "description": 'says "digest" and names no file'})
    second = desk.logs.state(DENIS, "actor", {**actor, "logo": logo(20)})
    desk.catch_up()
    named = {f"{seed:064x}": size for seed, size in ((20, 120), (21, 50), (10, 110), (11, 50))}
    assert list(files_named(desk.projection.db).items()) == list(named.items())
    desk.logs.state(DENIS, "actor", {**actor, "logo": logo(30)}, first)
    desk.logs.withdraw(DENIS, second)
    desk.catch_up()
    assert files_named(desk.projection.db) == {f"{30:064x}": 130, f"{31:064x}": 50}


def test_a_file_that_only_the_element_left_out_names_is_named_by_nobody(desk: Desk) -> None:
    actor = {"name": "Une association", "type": "association", "logo": logo(10)}
    first = desk.logs.state(DENIS, "actor", actor)
    desk.catch_up()
    digest, other = f"{10:064x}", f"{77:064x}"
    assert named_files(desk.projection.db, [digest, other]) == {digest}
    assert named_files(desk.projection.db, [digest], but=id_of(first)) == set()
    desk.logs.state(DENIS, "actor", actor)
    desk.catch_up()
    assert named_files(desk.projection.db, [digest], but=id_of(first)) == {digest}


def test_records_that_name_no_file_are_not_looked_at(desk: Desk) -> None:
    """Asked soon after every start, and at each erasure, of a hundred thousand records as of ten."""
    db = desk.projection.db
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    files_named(db)
    named_files(db, ["00"])
    db.set_trace_callback(None)
    plans = [row[3] for sql in asked for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")]
    scans = [plan for plan in plans if plan.startswith("SCAN")]
    assert scans and all(plan.split()[1] == "f" for plan in scans), plans
