# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is given to SQLite comes back as it was, and is what it was while SQLite works with it."""

import sqlite3
from contextlib import closing

import pytest
from convergences_node.sqlite_values import take_values_as_they_are


class Seal(bytes):
    """A kind of bytes."""


@pytest.mark.parametrize(
    "value", [None, b"", b"\x00\xff", bytes(100_000), Seal(b"ab"), "", "é", 0, -(2**63), 1.5, bytearray(b"a")]
)
def test_a_value_is_stored_as_it_is(value: object) -> None:
    take_values_as_they_are()
    with closing(sqlite3.connect(":memory:")) as db:
        found, kind = db.execute("SELECT ?1, typeof(?1)", (value,)).fetchone()
    assert found == value
    assert kind == {type(None): "null", str: "text", int: "integer", float: "real"}.get(type(value), "blob")


def test_a_type_that_nobody_told_it_of_is_refused_as_ever() -> None:
    take_values_as_they_are()
    with closing(sqlite3.connect(":memory:")) as db, pytest.raises(sqlite3.ProgrammingError):
        db.execute("SELECT ?", (object(),))
