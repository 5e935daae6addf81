# SPDX-License-Identifier: AGPL-3.0-or-later
"""A bundle in one file whose stick has lost some bits is refused in words, wherever they were."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from convergences_node.bundles.places import ZipReader, ZipWriter
from convergences_node.network.http_tiles import Gone
from convergences_protocol.errors import RemoteError

FILES = {"logs": b"x" * 3_000, "log/FR-93066/00/checkpoint": b"y" * 500}


@pytest.fixture
def sound(tmp_path: Path) -> bytes:
    writer = ZipWriter(tmp_path / "bundle.zip")
    for name, data in FILES.items():
        writer.write(name, data)
    writer.close()
    return (tmp_path / "bundle.zip").read_bytes()


def test_a_damaged_file_is_refused_and_never_breaks_the_reader(sound: bytes, tmp_path: Path) -> None:
    """Among others: a version of the format that there is not, a name that is no text, a file longer than the rest."""
    path, random, refused = tmp_path / "damaged.zip", Random(1), 0
    for _ in range(1_500):
        damaged = bytearray(sound)
        # The list at the end, the first file's head, and anywhere.
        places = (random.randrange(len(sound) - 250, len(sound)), random.randrange(40), random.randrange(len(sound)))
        damaged[random.choice(places)] = random.randrange(256)
        path.write_bytes(damaged)
        try:
            reader = ZipReader(path)
            assert {name: reader.read(name, 10_000) for name in FILES} == FILES
        except (RemoteError, Gone):
            refused += 1
    assert 100 < refused < 1_500


def test_the_end_is_missing(sound: bytes, tmp_path: Path) -> None:
    """A stick that was pulled out: the list stands at the end."""
    for size in (0, 10, len(sound) // 2, len(sound) - 1):
        (tmp_path / "cut.zip").write_bytes(sound[:size])
        with pytest.raises(RemoteError):
            ZipReader(tmp_path / "cut.zip")
