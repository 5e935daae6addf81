# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tiles say the same as the tree; bundles give back what was put in, and nothing that was not."""

import pytest
from convergences_protocol import merkle, tiles
from convergences_protocol.tiles import ENTRIES, BodySlot, Slot, TilePath
from hypothesis import given, settings
from hypothesis import strategies as st

LEAVES = [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(70_000)]


class Shelf:
    """Rows as an archive would keep them."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], bytes] = {}
        self.size = 0
        self.loads = 0

    def load(self, level: int, n: int) -> bytes:
        self.loads += 1
        return self.rows[level, n]

    def grow(self, leaves: list[bytes]) -> dict[tuple[int, int], bytes]:
        written = tiles.extend_tiles(self.size, leaves, self.load)
        self.rows |= written
        self.size += len(leaves)
        return written


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    """A tree of 70,000 leaves, the example of tlog-tiles, grown in uneven portions."""
    shelf, portion = Shelf(), 1
    while shelf.size < len(LEAVES):
        shelf.grow(LEAVES[shelf.size : shelf.size + portion])
        portion = portion * 3 % 4999 + 1
    return shelf


def test_the_example_of_the_specification_has_its_tiles(shelf: Shelf) -> None:
    widths = {key: len(row) // 32 for key, row in shelf.rows.items()}
    full = {(0, n) for n in range(273)} | {(1, 0)}
    assert {key for key, width in widths.items() if width == 256} == full
    assert {key: width for key, width in widths.items() if width < 256} == {(0, 273): 112, (1, 1): 17, (2, 0): 1}


def test_a_level_of_tiles_hashes_the_full_tiles_below(shelf: Shelf) -> None:
    frontier = merkle.Frontier()
    frontier.extend(LEAVES[256:512])
    assert shelf.rows[1, 0][32:64] == frontier.root()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70_000), st.integers(0, 69_999))
def test_any_size_of_the_past_can_be_proved_from_the_tiles_of_today(shelf: Shelf, size: int, index: int) -> None:
    reader = tiles.TileHashReader(shelf.load)
    frontier = merkle.Frontier()
    frontier.extend(LEAVES[:size])
    assert merkle.root(reader, size) == frontier.root()
    assert merkle.frontier(reader, size).to_bytes() == frontier.to_bytes()
    index %= size
    proof = merkle.inclusion_proof(reader, index, size)
    assert merkle.verify_inclusion(LEAVES[index], index, size, proof, frontier.root())
    steps = merkle.consistency_proof(reader, size, 70_000)
    assert merkle.verify_consistency(size, 70_000, frontier.root(), merkle.root(reader, 70_000), steps)


@settings(deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=8))
def test_portions_do_not_matter(portions: list[int]) -> None:
    piecewise, at_once = Shelf(), Shelf()
    for portion in portions:
        piecewise.grow(LEAVES[piecewise.size : piecewise.size + portion])
    at_once.grow(LEAVES[: sum(portions)])
    assert piecewise.rows == at_once.rows


def test_an_append_reads_and_writes_one_row_a_level() -> None:
    shelf = Shelf()
    shelf.grow(LEAVES[:65_700])
    shelf.loads = 0
    written = shelf.grow(LEAVES[65_700:65_701])
    assert (shelf.loads, set(written)) == (1, {(0, 256)})
    shelf.grow(LEAVES[65_701:65_791])
    shelf.loads = 0
    written = shelf.grow(LEAVES[65_791:65_793])
    assert (shelf.loads, set(written)) == (1, {(0, 256), (0, 257), (1, 1)})


def test_a_tile_too_narrow_for_the_question_is_noticed() -> None:
    shelf = Shelf()
    shelf.grow(LEAVES[:10])
    with pytest.raises(LookupError):
        merkle.root(tiles.TileHashReader(shelf.load), 12)


@pytest.mark.parametrize(
    ("path", "parsed"),
    [
        ("tile/0/000", TilePath(0, 0)),
        ("tile/0/x001/x234/067", TilePath(0, 1234067)),
        ("tile/0/x001/x234/067.p/1", TilePath(0, 1234067, 1)),
        ("tile/7/255.p/255", TilePath(7, 255, 255)),
        ("tile/entries/x001/000", TilePath(ENTRIES, 1000)),
        ("tile/entries/273.p/112", TilePath(ENTRIES, 273, 112)),
    ],
)
def test_paths_are_those_of_the_specification(path: str, parsed: TilePath) -> None:
    assert tiles.parse_tile_path(path) == parsed
    assert tiles.tile_path(parsed.level, parsed.n, parsed.width) == path


@given(st.integers(ENTRIES, 7), st.integers(0, 2**55), st.integers(1, 256))
def test_every_tile_has_one_path(level: int, n: int, width: int) -> None:
    assert tiles.parse_tile_path(tiles.tile_path(level, n, width)) == TilePath(level, n, width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/8/000",
        "tile/-1/000",
        "tile/0/001/000",
        "tile/0/x000/001",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/999",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/entries/../0/000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="tile"):
        tiles.parse_tile_path(path)


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_entry_bundles_give_back_their_entries(entries: list[bytes]) -> None:
    assert tiles.decode_entries(tiles.encode_entries(entries)) == entries


def test_entry_bundles_are_bounded() -> None:
    assert tiles.decode_entries(b"\xff\xff" + bytes(65535)) == [bytes(65535)]
    for data in (b"\x00", b"\x00\x02a", b"\x00\x00" * 257, b"\xff\xff"):
        with pytest.raises(ValueError, match="bundle"):
            tiles.decode_entries(data)
    with pytest.raises(ValueError, match="bundle"):
        tiles.encode_entries([bytes(65536)])


SLOTS = st.one_of(
    st.sampled_from([BodySlot(Slot.NONE), BodySlot(Slot.WANTED), BodySlot(Slot.ERASED)]),
    st.binary(max_size=300).map(lambda body: BodySlot(Slot.HERE, body)),
)


@given(st.lists(SLOTS, max_size=256))
def test_body_bundles_give_back_their_slots(slots: list[BodySlot]) -> None:
    assert tiles.decode_bodies(tiles.encode_bodies(slots)) == slots


def test_body_bundles_are_bounded() -> None:
    for data in (b"\x04", b"\x01", b"\x01\x00\x00\x00\x02a", b"\x01\xff\xff\xff\xff", b"\x00" * 257):
        with pytest.raises(ValueError, match="bundle"):
            tiles.decode_bodies(data)
    with pytest.raises(ValueError, match="bundle"):
        tiles.decode_bodies(tiles.encode_bodies([BodySlot(Slot.HERE, bytes(65537))]))


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), bytes(257 * 32)])
def test_rows_that_are_no_tile_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="tile"):
        tiles.read_row(data)
