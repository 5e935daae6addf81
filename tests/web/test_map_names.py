# SPDX-License-Identifier: AGPL-3.0-or-later
"""Names of towns on a drawn map: none under a figure, none over another, none outside."""

from __future__ import annotations

from convergences_node.web.map_names import FIGURE, HIGH, LETTER, placed
from hypothesis import given
from hypothesis import strategies as st

WIDTH, HEIGHT = 440.0, 400.0
places = st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT))


@given(
    st.lists(st.tuples(st.sampled_from(["Stains", "L’Île-Saint-Denis", "Y"]), places), max_size=12),
    st.lists(places, max_size=12),
)
def test_no_name_hides_or_is_hidden(
    towns: list[tuple[str, tuple[float, float]]], figures: list[tuple[float, float]]
) -> None:
    names = [(name, x, y) for name, (x, y) in towns]
    found = list(placed(names, figures, WIDTH, HEIGHT))
    assert len(found) == len(names)
    written = [(name, *place) for (name, _, _), place in zip(names, found, strict=True) if place]
    for index, (name, x, y) in enumerate(written):
        half = len(name) * LETTER / 2
        assert x - half >= -0.1 and x + half <= WIDTH + 0.1 and 0 <= y <= HEIGHT
        for other, at_x, at_y in written[:index]:
            apart = abs(x - at_x) - half - len(other) * LETTER / 2
            assert apart >= -0.2 or abs(y - at_y) - HIGH >= -0.2
        for at_x, at_y in figures:
            assert abs(x - at_x) - half - FIGURE >= -0.2 or abs(y - at_y) - HIGH / 2 - FIGURE >= -0.2


def test_a_name_stays_in_the_middle_of_its_town_where_nothing_is_there() -> None:
    assert list(placed([("Stains", 200.0, 200.0), ("", 200.0, 300.0)], [], WIDTH, HEIGHT)) == [(200.0, 200.0), None]


def test_a_name_moves_below_a_figure_and_is_left_out_among_many() -> None:
    ((x, y),) = (each for each in placed([("Stains", 200.0, 200.0)], [(200.0, 190.0)], WIDTH, HEIGHT) if each)
    assert (x, y > 200) == (200.0, True)
    crowd = [(float(x), float(y)) for x in range(0, 440, 30) for y in range(0, 400, 30)]
    assert list(placed([("Stains", 200.0, 200.0)], crowd, WIDTH, HEIGHT)) == [None]
