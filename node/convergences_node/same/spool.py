# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where the facts of all elements wait to be compared: a private SQLite file that goes to the disk, so that memory is
the same for a thousand elements and for a million.

An element is put under the keys of the blocks it is in: its commune, four squares of a kilometre that overlap (two
elements within half a square share at least one), its site, telephone and e-mail. Only elements of a block are compared
with each other, so what has nothing in common costs nothing. A block that is larger than BLOCK_MAX is cut: its elements
are put together again by the rarest trigrams of their names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Self

import msgspec
from msgspec.structs import replace

from convergences_node.same.facts import Facts
from convergences_node.small_files import open_passing

BLOCK_MAX = 120
"""Elements compared each with each: some 7,000 pairs."""
RARE_TRIGRAMS = 6
"""Of an element's name, by which it is found again in a block that was cut. Names that differ by a letter share most of
their trigrams, and with them nearly always one of the rarest."""
BUCKET_MAX = 40
"""Elements of a cut block that share a trigram; a trigram that more of them have is no rare one, and is left out."""
SQUARE = 90_000
"""In 1e-7 degree: a square is a kilometre from south to north, and in France some 700 metres from west to east."""
SHARED_MAX = 3
"""Elements that may have a point or a site before it is taken to be a commune's, or a federation's."""
CACHE_KIB = 8_192
AT_ONCE = 500

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Facts).decode

SCHEMA = """
CREATE TABLE facts (n INTEGER PRIMARY KEY, facts BLOB NOT NULL) STRICT;
CREATE TABLE keys (key TEXT, n INTEGER, PRIMARY KEY (key, n)) STRICT, WITHOUT ROWID;
CREATE TABLE sites (site TEXT, n INTEGER, PRIMARY KEY (site, n)) STRICT, WITHOUT ROWID;
CREATE TABLE points (lat INTEGER, lon INTEGER, n INTEGER, PRIMARY KEY (lat, lon, n)) STRICT, WITHOUT ROWID;
CREATE TABLE cut (tri TEXT, n INTEGER, PRIMARY KEY (tri, n)) STRICT, WITHOUT ROWID;
"""


class Spool:
    """The facts of one run. Used by one thread at a time; nothing of it stays."""

    def __init__(self) -> None:
        self._db = open_passing(SCHEMA, cache_kib=CACHE_KIB)
        self._db.execute("BEGIN")
        self.count = 0
        self.left_out = 0
        """Places of elements in buckets that were too large to be looked through."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, facts: Iterable[Facts]) -> None:
        """Put some elements under their keys."""
        for one in facts:
            n = self.count = self.count + 1
            self._db.execute("INSERT INTO facts VALUES (?, ?)", (n, _encode(one)))
            self._db.executemany("INSERT OR IGNORE INTO keys VALUES (?, ?)", ((key, n) for key in _keys(one)))
            if one.site:
                self._db.execute("INSERT INTO sites VALUES (?, ?)", (f"{one.kind}|{one.site}", n))
            if one.point is not None:
                self._db.execute("INSERT INTO points VALUES (?, ?, ?)", (*one.point, n))

    def blocks(self) -> Iterator[tuple[str, list[Facts]]]:
        """The elements of each block, a large one in pieces; at most BLOCK_MAX at once."""
        found = self._db.execute("SELECT key, n FROM keys ORDER BY key, n")
        for key, pairs in groupby(found, key=itemgetter(0)):
            members = [n for _, n in islice(pairs, BLOCK_MAX + 1)]
            if len(members) < 2:
                continue
            if len(members) <= BLOCK_MAX:
                yield key, self._read(members)
            else:
                yield from self._cut(key, members, (n for _, n in pairs))

    def _read(self, members: Sequence[int]) -> list[Facts]:
        marks = ", ".join("?" * len(members))
        rows = self._db.execute(f"SELECT facts FROM facts WHERE n IN ({marks}) ORDER BY n", members)  # noqa: S608
        return [self._told(_decode(blob)) for (blob,) in rows.fetchall()]

    def _told(self, one: Facts) -> Facts:
        """With what only all of them together tell: which points and sites are many's."""
        site = bool(one.site) and self._many("sites WHERE site = ?", (f"{one.kind}|{one.site}",))
        point = one.point is not None and self._many("points WHERE lat = ? AND lon = ?", one.point)
        return replace(one, site_shared=site, point_shared=point) if site or point else one

    def _many(self, where: str, values: tuple[object, ...]) -> bool:
        (count,) = self._db.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {where} LIMIT ?)",  # noqa: S608
            (*values, SHARED_MAX + 1),
        ).fetchone()
        return bool(count > SHARED_MAX)

    # --------------------------------------------------------------------------------------------------------- cutting
    def _cut(self, key: str, begun: Sequence[int], rest: Iterator[int]) -> Iterator[tuple[str, list[Facts]]]:
        """A large block in pieces, each of the elements for which one trigram is among their rarest."""
        self._db.execute("DELETE FROM cut")
        seen: Counter[str] = Counter()
        for some in _portions(chain(begun, rest)):
            for n, one in zip(some, self._plain(some), strict=True):
                trigrams = _trigrams(one)
                seen.update(trigrams)
                self._db.executemany("INSERT INTO cut VALUES (?, ?)", ((tri, n) for tri in trigrams))
        yield from self._pieces(key, seen)

    def _pieces(self, key: str, seen: Counter[str]) -> Iterator[tuple[str, list[Facts]]]:
        for tri, count in sorted(seen.items()):
            if count < 2:
                continue
            members = [n for (n,) in self._db.execute("SELECT n FROM cut WHERE tri = ? ORDER BY n", (tri,))]
            kept = [
                one for one in (self._read(members) if len(members) <= BUCKET_MAX else ()) if tri in _rarest(one, seen)
            ]
            if len(members) > BUCKET_MAX:
                self.left_out += len(members)
            elif len(kept) > 1:
                yield key, kept

    def _plain(self, members: Sequence[int]) -> list[Facts]:
        marks = ", ".join("?" * len(members))
        rows = self._db.execute(f"SELECT facts FROM facts WHERE n IN ({marks}) ORDER BY n", members)  # noqa: S608
        return [_decode(blob) for (blob,) in rows.fetchall()]


def _portions(members: Iterable[int]) -> Iterator[Sequence[int]]:
    left = iter(members)
    while some := list(islice(left, AT_ONCE)):
        yield some


def _keys(one: Facts) -> Iterator[str]:
    yield f"{one.kind}|town|{one.area}"
    if one.site:
        yield f"{one.kind}|site|{one.site}"
    if one.phone:
        yield f"{one.kind}|phone|{one.phone}"
    if one.mail:
        yield f"{one.kind}|mail|{one.mail}"
    if one.point is not None:
        lat, lon = one.point
        for north in (0, SQUARE // 2):
            for east in (0, SQUARE // 2):
                yield f"{one.kind}|near|{north > 0:d}{east > 0:d} {(lat + north) // SQUARE} {(lon + east) // SQUARE}"


def _trigrams(one: Facts) -> set[str]:
    """Of all names of an element; a shorter word is its own."""
    joined = {f" {word} " for name in one.names for word in name}
    return {word[at : at + 3] for word in joined for at in range(max(1, len(word) - 2))}


def _rarest(one: Facts, seen: Counter[str]) -> list[str]:
    return sorted(_trigrams(one), key=lambda tri: (seen[tri], tri))[:RARE_TRIGRAMS]
