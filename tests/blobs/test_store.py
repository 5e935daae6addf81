# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the folder of files promises: whole and right before it has its name, room kept, readers never narrowed."""

from __future__ import annotations

import shutil
from collections import namedtuple
from hashlib import sha256
from pathlib import Path

import pytest
from convergences_node.blobs import store as store_room
from convergences_node.blobs.settings import BlobsSection
from convergences_node.blobs.store import BlobStore, Readers
from convergences_protocol.errors import LocalError, RemoteError
from hypothesis import given, settings
from hypothesis import strategies as st


def digest_of(data: bytes) -> bytes:
    return sha256(data).digest()


def test_a_file_is_found_by_its_digest_and_read_in_parts(store: BlobStore, tmp_path: Path) -> None:
    """Added from a file or from bytes, it is one file; the folder's name says who may read it."""
    source = tmp_path / "picture"
    source.write_bytes(b"0123456789" * 100_000)
    blob = store.add(source, Readers.PEERS)
    assert blob.digest == digest_of(source.read_bytes())
    assert store.add_bytes(source.read_bytes(), Readers.NODE) == blob == store.find(blob.digest)
    assert blob.path.relative_to(store.folder).parts == ("peers", blob.digest.hex()[:2], blob.digest.hex())
    assert blob.read(3, 4) == b"3456" and blob.read(blob.size, 4) == b""
    assert list(store.blobs()) == [blob] and store.taken_bytes() == 1_000_000
    assert not list((store.folder / "parts").iterdir())


def test_a_file_without_a_byte_is_a_file(store: BlobStore) -> None:
    assert store.add_bytes(b"", Readers.PUBLIC).size == 0
    assert store.find(digest_of(b"")) is not None


def test_readers_are_widened_and_never_narrowed(store: BlobStore) -> None:
    """The same bytes under a wider word are one file, which more may read."""
    blob = store.add_bytes(b"words", Readers.NODE)
    assert store.add_bytes(b"words", Readers.PUBLIC).readers is Readers.PUBLIC
    assert not blob.path.exists()
    assert store.add_bytes(b"words", Readers.PEERS).readers is Readers.PUBLIC
    assert store.taken_bytes() == 5


def test_what_is_removed_is_gone_with_what_was_on_its_way(store: BlobStore) -> None:
    blob = store.add_bytes(b"words", Readers.PUBLIC)
    with store.part(blob.digest, 5) as part:
        part.append(b"wo")
    assert store.remove(blob.digest) and not store.remove(blob.digest)
    assert [path for path in store.folder.rglob("*") if path.is_file()] == []
    assert store.taken_bytes() == 0


def test_what_came_of_a_file_is_kept_and_gone_on_with(store: BlobStore) -> None:
    """As after a cut: the part is there, is counted again from its bytes, and is whole with the rest."""
    data = bytes(range(256)) * 20
    with store.part(digest_of(data), len(data)) as part:
        part.append(data[:3000])
    with store.part(digest_of(data), len(data)) as part:
        assert part.size == 3000
        part.append(data[3000:])
        assert store.keep(part, Readers.PUBLIC).path.read_bytes() == data


@settings(max_examples=60, deadline=None)
@given(data=st.binary(min_size=1, max_size=300), at=st.integers(0, 299), bit=st.integers(0, 7))
def test_other_bytes_never_get_the_name(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int, bit: int
) -> None:
    """One bit anywhere, and nothing is left under that name; nor of the part, which would spoil the next try."""
    store = BlobStore(tmp_path_factory.mktemp("store"), BlobsSection(free_mib=0))
    wrong = bytearray(data)
    wrong[at % len(data)] ^= 1 << bit
    with store.part(digest_of(data), len(data)) as part:
        part.append(bytes(wrong))
        with pytest.raises(RemoteError, match="hash to"):
            store.keep(part, Readers.PUBLIC)
    assert store.find(digest_of(data)) is None
    assert store.add_bytes(data, Readers.PUBLIC).size == len(data)


def test_a_part_takes_no_byte_beyond_its_end(store: BlobStore) -> None:
    with store.part(digest_of(b"words"), 5) as part, pytest.raises(RemoteError, match="goes on"):
        part.append(b"words and more")


def test_the_operators_bounds_hold(tmp_path: Path) -> None:
    """Of one file, of all together with what is on its way, and of the disk, which the archive lives on too."""
    store = BlobStore(tmp_path, BlobsSection(total_mib=16, file_mib=10, free_mib=0))
    with pytest.raises(LocalError) as refused:
        store.part(b"a" * 32, 11 << 20)
    assert refused.value.fault is not None and refused.value.fault.code == "blob_large"
    with store.part(b"a" * 32, 10 << 20), pytest.raises(LocalError) as refused:
        store.part(b"b" * 32, 7 << 20)
    assert refused.value.fault is not None and refused.value.fault.code == "blob_room"
    store.part(b"b" * 32, 7 << 20).close()


def test_the_disk_is_left_some_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 40, 0, 512 << 20))
    store = BlobStore(tmp_path, BlobsSection(free_mib=511))
    store.add_bytes(bytes(1 << 20), Readers.PUBLIC)
    with pytest.raises(LocalError, match="room"):
        store.add_bytes(bytes((1 << 20) + 1), Readers.PUBLIC)


def test_parts_that_nobody_goes_on_with_do_not_add_up(store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_room, "PARTS_MAX", 3)
    for number in range(8):
        with store.part(bytes([number]) * 32, 10) as part:
            part.append(b"x")
    assert len(list((store.folder / "parts").iterdir())) <= 4
