# SPDX-License-Identifier: AGPL-3.0-or-later
"""The right to be forgotten, carried out: bodies are hidden at once, then gone from the file.

The rules (who may say so, seven days, the limit of a hundred a day) are the protocol's, pure (`erasure.py`); here is
what they do to the archive. It is done in two steps, so that the charter is never touched by the writer's thread:
`hear` notes the erasures that have come and gives all that still matter; whoever holds the charter says which are
valid; `apply` hides, shows again or drops accordingly. Both may be done again at any time.

Gone from the file takes three things, tried on SQLite 3.40: `secure_delete` overwrites what is deleted, the write-ahead
log is folded into the file and cut to nothing, and no temporary file is ever written. What was erased before it
arrived is never written at all (tables.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from convergences_protocol import cbor
from convergences_protocol.erasure import Erasure, Heard, State, read_erasure, states
from convergences_protocol.errors import Unreadable
from convergences_protocol.record import read_header
from convergences_protocol.tiles import Slot

from .beside import INDEX_MASK, RUN_BITS, RUNS, RUNS_OF_LOG, element_key, key_of, place_of
from .forgetting import Forgetting
from .keeping import is_erasure
from .model import HIDDEN, INDEX_BITS, BodiesErased, ErasureRow
from .tables import Tables, digest_of

STATES = {None: "invalid", State.PENDING: "pending", State.HIDDEN: "hidden", State.DUE: "dropped"}
"""How what the protocol says of an erasure is written down."""

ABOUT = f"""
    {RUNS_OF_LOG} SELECT place, header FROM runs CROSS JOIN entries ON place >> {RUN_BITS} = runs.run
    WHERE element = :element AND place >= :first AND place < :stop
"""  # noqa: S608
TWINS = f"{RUNS} SELECT place FROM runs CROSS JOIN entries USING (run) WHERE digest = ? AND header = ?"  # noqa: S608
BY_DIGEST = f"""
    {RUNS} SELECT place, header FROM runs CROSS JOIN entries USING (run) WHERE digest = ? AND place >= ? AND place < ?
"""  # noqa: S608

EVERY = 1 << 62
UNDATED = 0
"""In the column `heard_at`: the clock could not be right when the erasure was heard."""
CONTROL_BATCH = 1_000
"""Control records looked at in one go: a stolen key may write a great many."""


@dataclass(frozen=True, slots=True)
class HeardErasure:
    """An erasure record of a log kept here, and what was done of it so far."""

    erasure: Erasure
    row: ErasureRow

    @property
    def at(self) -> tuple[str, int]:
        """Where it is written."""
        return self.row.origin, self.row.index


def load(tables: Tables) -> None:
    """Take up again, at start, what is to be forgotten; and finish what a power cut may have left in the log file."""
    tables.forgetting = Forgetting(
        heard.erasure for heard in _known(tables) if heard.row.state in ("hidden", "dropped")
    )
    if tables.read_only is None:
        fold(tables)


def hear(tables: Tables, now: int | None) -> list[HeardErasure]:
    """Note the erasures that have come into any log since the last time. Returns all that are known here.

    `now` is None while the clock cannot be right: they are dated once it can.
    """
    _date(tables, now)
    for state in tables.reader.logs():
        if state.erasures_read < state.size:
            _hear_log(tables, state.origin, state.erasures_read, state.size, now)
    return list(_known(tables))


def _date(tables: Tables, now: int | None) -> None:
    """Count the seven days anew where they were counted by a clock that was wrong (the protocol's `redated`)."""
    wrong = "state != 'dropped' AND (heard_at = :undated OR heard_at > :now)"
    values = {"undated": UNDATED, "now": now}
    if now is None or tables.db.execute(f"SELECT 1 FROM erasures WHERE {wrong}", values).fetchone() is None:  # noqa: S608
        return
    with tables.transaction() as db:
        db.execute(f"UPDATE erasures SET heard_at = :now WHERE {wrong}", values)  # noqa: S608


def _hear_log(tables: Tables, origin: str, start: int, stop: int, now: int | None) -> None:
    with tables.transaction() as db:
        while entries := tables.reader.control(origin, start, stop, CONTROL_BATCH):
            for entry in entries:
                erasure = _read(entry.header)
                if erasure is not None:
                    weight = erasure.weight if any(_bodies(tables, erasure)) else 0
                    element = None if erasure.element is None else cbor.encode(erasure.element.to_cbor())
                    row = (origin, entry.index, now or UNDATED, weight, element)
                    db.execute("INSERT OR IGNORE INTO erasures VALUES (?, ?, ?, ?, 0, 0, 'invalid', ?)", row)
            start = entries[-1].index + 1
        db.execute("UPDATE logs SET erasures_read = ? WHERE origin = ?", (stop, origin))


def decide(tables: Tables, at: tuple[str, int], *, released: bool = False, at_once: bool = False) -> None:
    """A person here lets an erasure through the limit, or does not wait for the seven days. `apply` does it."""
    with tables.transaction() as db:
        db.execute(
            "UPDATE erasures SET released = released OR ?, at_once = at_once OR ? WHERE origin = ? AND idx = ?",
            (int(released), int(at_once), *at),
        )


def apply(tables: Tables, valid: Collection[tuple[str, int]], now: int | None) -> list[BodiesErased]:
    """Do what the valid erasures ask at this time, and undo what is valid no more; what was dropped stays dropped."""
    known = list(_known(tables))
    judged = states((_heard(heard) for heard in known if heard.at in valid or heard.row.state == "dropped"), now)
    wanted = {heard.at: _wanted_state(heard, judged.get(heard.at)) for heard in known}
    changed = [heard for heard in known if wanted[heard.at] != heard.row.state]
    if not changed:
        if tables.unfolded:
            fold(tables)
        return []
    events: list[BodiesErased] = []
    with tables.transaction():
        tables.forgetting = Forgetting(heard.erasure for heard in known if wanted[heard.at] in ("hidden", "dropped"))
        # Those that show again first: what another erasure names is hidden again after them.
        for heard in sorted(changed, key=lambda heard: wanted[heard.at] in ("hidden", "dropped")):
            events += _change(tables, heard, wanted[heard.at])
    if any(event.dropped for event in events):
        fold(tables)
    return events


def _heard(heard: HeardErasure) -> Heard:
    row = heard.row
    return Heard(row.origin, row.index, row.heard_at, row.weight, row.released, row.at_once)


def _wanted_state(heard: HeardErasure, state: State | None) -> str:
    if heard.row.state == "dropped":
        return "dropped"
    return STATES[state]


def _change(tables: Tables, heard: HeardErasure, state: str) -> Iterator[BodiesErased]:
    """Bring the slots of one erasure to its new state, and note it."""
    tables.db.execute("UPDATE erasures SET state = ? WHERE origin = ? AND idx = ?", (state, *heard.at))
    places = list(_places(tables, heard.erasure))
    if state == "hidden":
        _set_slots(tables, places, {Slot.HERE: HIDDEN, Slot.WANTED: Slot.ERASED})
    elif state == "dropped":
        _set_slots(tables, places, {Slot.HERE: Slot.ERASED, HIDDEN: Slot.ERASED, Slot.WANTED: Slot.ERASED})
        tables.db.executemany("DELETE FROM bodies WHERE place = ?", [(place,) for place in places])
    elif heard.row.state == "hidden":
        places = _show_again(tables, places)
    else:
        return
    yield from _told(tables, places, dropped=state == "dropped")


def withdraw(tables: Tables, origin: str, size: int) -> list[BodiesErased]:
    """Take back the erasures that are written in a log from `size` on, which is to be set aside: what only they named
    shows again, or where it is gone, is wanted again. Should the plug be pulled now, they are heard again."""
    known = list(_known(tables))
    gone = [heard for heard in known if heard.row.origin == origin and heard.row.index >= size]
    if not gone:
        return []
    in_force = [heard for heard in known if heard.row.state in ("hidden", "dropped")]
    events: list[BodiesErased] = []
    with tables.transaction() as db:
        tables.forgetting = Forgetting(heard.erasure for heard in in_force if heard not in gone)
        for heard in gone:
            if heard in in_force:
                events += _told(tables, _show_again(tables, list(_places(tables, heard.erasure))), dropped=False)
        db.execute("DELETE FROM erasures WHERE origin = ? AND idx >= ?", (origin, size))
        db.execute("UPDATE logs SET erasures_read = min(erasures_read, ?) WHERE origin = ?", (size, origin))
    return events


def _show_again(tables: Tables, places: Iterable[int]) -> list[int]:
    """What no erasure in force names shows again; of what is gone, the body is wanted. Returns those places."""
    free = [place for place in places if not _still_named(tables, place)]
    _set_slots(tables, free, {HIDDEN: Slot.HERE, Slot.ERASED: Slot.WANTED})
    return free


def _told(tables: Tables, places: Iterable[int], *, dropped: bool) -> Iterator[BodiesErased]:
    by_log: dict[int, list[int]] = {}
    for place in sorted(places):
        by_log.setdefault(place >> INDEX_BITS, []).append(place & INDEX_MASK)
    for number, indexes in sorted(by_log.items()):
        yield BodiesErased(tables.reader.origin(number), tuple(indexes), dropped)


def _set_slots(tables: Tables, places: Iterable[int], change: dict[int, int]) -> None:
    """Change the slots of these places as told, and the logs' counts of wanted bodies with them."""
    for place in places:
        row = tables.db.execute("SELECT slot FROM entries WHERE place = ?", (place,)).fetchone()
        new = change.get(row[0])
        if new is not None:
            tables.db.execute("UPDATE entries SET slot = ? WHERE place = ?", (int(new), place))
            difference = int(new == Slot.WANTED) - int(row[0] == Slot.WANTED)
            if difference:
                sql = "UPDATE logs SET wanted = wanted + ? WHERE log = ?"
                tables.db.execute(sql, (difference, place >> INDEX_BITS))


def _places(tables: Tables, erasure: Erasure) -> Iterator[int]:
    """Every place that an erasure names, and the same records' places in other epochs and on branches set aside."""
    seen: set[int] = set()
    for place, header in _named(tables, erasure):
        twins = tables.db.execute(TWINS, (key_of(digest_of(header)), header))
        for (twin,) in twins.fetchall():
            if twin not in seen:
                seen.add(twin)
                yield twin
        assert place in seen, "a record is its own twin"


def _named(tables: Tables, erasure: Erasure) -> Iterator[tuple[int, bytes]]:
    """`(place, header)` of what it names by itself."""
    if erasure.element is not None:
        logs = tables.db.execute("SELECT log, size FROM logs ORDER BY log").fetchall()
        for log, size in logs:
            bounds = {"first": place_of(log, 0), "stop": place_of(log, size), "element": element_key(erasure.element)}
            rows = tables.db.execute(ABOUT, bounds).fetchall()
            yield from ((place, raw) for place, raw in rows if read_header(raw).element == erasure.element)
        return
    state = tables.reader.log(erasure.origin or "")
    if state is None:
        return
    first, stop = place_of(state.number, 0), place_of(state.number, state.size)
    for digest in erasure.digests:
        rows = tables.db.execute(BY_DIGEST, (key_of(digest), first, stop)).fetchall()
        yield from ((place, raw) for place, raw in rows if digest_of(raw) == digest)
    for start, end in erasure.ranges:
        rows = tables.db.execute(
            "SELECT place, header FROM entries WHERE place >= ? AND place < ?",
            (first + min(start, state.size), first + min(end, state.size)),
        ).fetchall()
        yield from rows


def _bodies(tables: Tables, erasure: Erasure) -> Iterator[bool]:
    """Of each record named, whether its body is here."""
    for place, _ in _named(tables, erasure):
        row = tables.db.execute("SELECT 1 FROM bodies WHERE place = ?", (place,)).fetchone()
        yield row is not None


def _still_named(tables: Tables, place: int) -> bool:
    (raw,) = tables.db.execute("SELECT header FROM entries WHERE place = ?", (place,)).fetchone()
    origin = tables.reader.origin(place >> INDEX_BITS)
    return tables.forgetting.names(origin, place & INDEX_MASK, digest_of(raw), read_header(raw).element)


def _known(tables: Tables) -> Iterator[HeardErasure]:
    """The erasures noted, each read again from its own record; a record that was set aside with its branch is gone."""
    for row in tables.reader.erasures(limit=EVERY):
        entry = tables.reader.entry(row.origin, row.index)
        erasure = None if entry is None else _read(entry.header)
        if erasure is not None:
            yield HeardErasure(erasure, row)


def _read(raw: bytes) -> Erasure | None:
    try:
        header = read_header(raw)
        return read_erasure(header) if is_erasure(header) else None
    except Unreadable:
        return None


def fold(tables: Tables) -> bool:
    """Fold the write-ahead log into the file and cut it to nothing. False if a reader kept it from that: try again."""
    busy, _, _ = tables.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    tables.unfolded = bool(busy)
    return not busy
