# SPDX-License-Identifier: AGPL-3.0-or-later
"""Boxes and circles: edges included, the antimeridian crossed, outlines by the box around them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from convergences_node.index.answering import answer
from convergences_node.index.cells import cover, squares_of, squares_of_point
from convergences_node.index.crowds import are_few
from convergences_node.index.filters import around
from convergences_node.index.known import read_known
from convergences_node.index.near import newest
from convergences_node.index.query import Box, Circle, Query
from convergences_node.index.remembered import Looked
from hypothesis import given
from hypothesis import strategies as st

from .making import SAINT_DENIS, Desk, Logs, origin_of
from .naive import metres

ORIGIN = origin_of(SAINT_DENIS)
LON = st.integers(-1_800_000_000, 1_800_000_000)
LAT = st.integers(-900_000_000, 900_000_000)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    west, east = sorted((draw(LON), draw(LON)))
    south, north = sorted((draw(LAT), draw(LAT)))
    if draw(st.booleans()):  # most boxes that are asked for are small
        east, north = min(east, west + draw(st.integers(0, 10**7))), min(north, south + draw(st.integers(0, 10**7)))
    return Box(west, south, east, north)


@given(boxes(), boxes())
def test_whatever_touches_a_box_has_one_of_its_squares(asked: Box, thing: Box) -> None:
    touches = (
        asked.west <= thing.east
        and thing.west <= asked.east
        and asked.south <= thing.north
        and thing.south <= asked.north
    )
    squares = cover([asked])
    if touches and squares is not None:
        assert not set(squares).isdisjoint(squares_of(thing))


@given(boxes(), LON, LAT)
def test_every_point_of_a_box_has_one_of_its_squares(asked: Box, lon: int, lat: int) -> None:
    lon, lat = min(max(lon, asked.west), asked.east), min(max(lat, asked.south), asked.north)
    squares = cover([asked])
    if squares is not None:
        assert not set(squares).isdisjoint(squares_of_point(lat, lon))
    assert squares_of_point(lat, lon) == squares_of(Box(lon, lat, lon, lat))


@given(LAT, LON, st.integers(1, 500_000), st.floats(0, 6.3), st.floats(0, 1))
def test_a_circle_lies_within_the_box_around_it(lat: int, lon: int, radius: int, angle: float, part: float) -> None:
    import math

    reach = radius * part / 6_371_000
    latitude = math.radians(lat / 1e7)
    there = math.asin(math.sin(latitude) * math.cos(reach) + math.cos(latitude) * math.sin(reach) * math.cos(angle))
    east = math.atan2(
        math.sin(angle) * math.sin(reach) * math.cos(latitude), math.cos(reach) - math.sin(latitude) * math.sin(there)
    )
    box = around(Circle(lat, lon, radius))
    slack = 200  # two centimetres
    assert box.south - slack <= math.degrees(there) * 1e7 <= box.north + slack
    longitude = lon + math.degrees(east) * 1e7
    assert box.west - slack <= longitude <= box.east + slack or (box.west, box.east) == (-1_800_000_000, 1_800_000_000)


@pytest.fixture
def points(tmp_path: Path) -> Desk:
    dice = random.Random(4)
    desk = Desk(tmp_path / "index.db", Logs())
    for number in range(300):
        spread = 10 ** dice.randrange(4, 9)
        lat = min(max(489_300_000 + dice.randrange(-spread, spread), -900_000_000), 900_000_000)
        place = [lat, 23_500_000 + dice.randrange(-spread, spread)]
        desk.logs.state(ORIGIN, "place", {"name": f"Lieu {number}", "type": "park", "location": place})
    return desk.catch_up()


def test_a_circle_holds_what_is_not_farther(points: Desk) -> None:
    """Compared with the great-circle distance; within half a percent of the edge either answer is right."""
    everything = points.all(Query(limit=200))
    for radius in (50, 500, 5_000, 50_000, 200_000, 500_000):
        found = {item.id for item in points.all(Query(circle=Circle(489_300_000, 23_500_000, radius), limit=200))}
        for item in everything:
            assert item.location is not None
            distance = metres(item.location, (489_300_000, 23_500_000))
            if distance <= radius * 0.995:
                assert item.id in found, (radius, distance)
            if distance >= radius * 1.005:
                assert item.id not in found, (radius, distance)


def test_edges_belong_to_a_box(desk: Desk) -> None:
    desk.logs.state(ORIGIN, "place", {"name": "Coin", "type": "park", "location": [489300000, 23500000]})
    desk.catch_up()
    assert desk.names(box="2.35,48.93,2.35,48.93") == ["Coin"]
    assert desk.names(box="2.35,48.93,2.36,48.94") == ["Coin"]
    assert desk.names(box="2.34,48.92,2.35,48.93") == ["Coin"]
    assert desk.names(box="2.3500001,48.93,2.36,48.94") == []


def test_a_box_may_cross_the_antimeridian(desk: Desk) -> None:
    for name, lon in (("Wallis", -176_1700000), ("Nouméa", 166_4400000), ("Paris", 2_3500000), ("Bord", 180_0000000)):
        desk.logs.state(ORIGIN, "place", {"name": name, "type": "park", "location": [-13_2000000, lon]})
    desk.catch_up()
    assert sorted(desk.names(box="160,-30,-170,0")) == ["Bord", "Nouméa", "Wallis"]
    assert sorted(desk.names(box="179,-14,-175,-13")) == ["Bord", "Wallis"]
    assert desk.names(box="-180,-90,180,90", sort="name") == ["Bord", "Nouméa", "Paris", "Wallis"]


def test_a_territory_is_found_by_its_outline(desk: Desk) -> None:
    ring = [489000000, 23000000, 489000000, 24000000, 489500000, 24000000, 489500000, 23000000, 489000000, 23000000]
    fields = {"name": "Saint-Denis", "code": SAINT_DENIS, "type": "commune", "outline": [[ring]]}
    desk.logs.state(ORIGIN, "territory", fields)
    desk.catch_up()
    assert desk.names(box="2.35,48.92,2.351,48.921") == ["Saint-Denis"]
    assert desk.names(box="2.2,48.8,2.5,49.1") == ["Saint-Denis"]
    assert desk.names(box="2.41,48.92,2.42,48.93") == []


@given(st.lists(st.integers(-(10**17), 10**17), max_size=400), st.integers(1, 30))
def test_the_newest_of_many_rows_are_what_sorting_all_of_them_gives(rows: list[int], most: int) -> None:
    assert newest(rows, most) == sorted(rows, reverse=True)[:most]


def test_the_newest_are_found_where_a_sample_misleads() -> None:
    """Where the first rows are the newest of all, or all alike."""
    for rows in (list(range(1000, 0, -1)), list(range(1000)), [7] * 1000, [9] * 40 + [1] * 900):
        assert newest(rows, 21) == sorted(rows, reverse=True)[:21]


def test_few_points_are_said_to_be_few_only_where_they_are(points: Desk) -> None:
    """And what is remembered of squares changes no answer."""
    dice, db = random.Random(9), points.projection.db
    known, looked, said = read_known(db), Looked(), 0
    kinds = tuple(known.kind_tags.values())
    for _ in range(60):
        size = 10 ** dice.randrange(4, 8)
        away = 10 ** dice.randrange(4, 9)
        west, south = (middle + dice.randrange(-away, away) for middle in (23_500_000, 489_300_000))
        box = Box(west, south, west + size, south + size)
        held = db.execute(
            "SELECT count(*) FROM points WHERE lat BETWEEN ? AND ? AND lon BETWEEN ? AND ?",
            (box.south, box.north, box.west, box.east),
        ).fetchone()[0]
        few = are_few(db, kinds, box, 100, looked)
        assert not few or held <= 100
        assert not are_few(db, kinds, box, 100, Looked(lasts=False)), "nothing is counted that nobody is given"
        said += few
        query = Query(box=box, limit=7)
        found = [answer(db, query, known, (), looked=each) for each in (looked, Looked(lasts=False))]
        assert found[0] == found[1]
        assert found[0].total.count == held
    assert 10 < said < 60
    assert looked.points
