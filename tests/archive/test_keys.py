# SPDX-License-Identifier: AGPL-3.0-or-later
"""Keys are sealed by the node's secret, and an author's key can be forgotten."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from convergences_node.archive.keys import Keyring
from convergences_node.archive.machine import machine_identity
from convergences_protocol.errors import LocalError

from .making import key_of


def test_keys_come_back_after_a_restart(tmp_path: Path) -> None:
    made = Keyring.create(tmp_path, key_of("node"))
    town, jeanne = made.author(), made.author("jeanne")
    again = Keyring.open(tmp_path)
    assert again.node.public == key_of("node").public
    assert (again.author().public, again.author("jeanne").public) == (town.public, jeanne.public)
    assert town.public != jeanne.public


def test_files_are_their_owners_alone_and_say_nothing(tmp_path: Path) -> None:
    """No seed, no name of a person, in any file or file's name."""
    keyring = Keyring.create(tmp_path, key_of("node"))
    author = keyring.author("jeanne.deroin")
    for path in (tmp_path / "node.secret", *(tmp_path / "keys").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert key_of("node").seed not in path.read_bytes() and author.seed not in path.read_bytes()
        assert b"jeanne" not in path.read_bytes() and "jeanne" not in path.name
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_backup_of_keys_without_the_secret_is_of_no_use(tmp_path: Path) -> None:
    Keyring.create(tmp_path / "", key_of("node"))
    (tmp_path / "node.secret").write_text("00" * 32)
    with pytest.raises(LocalError, match="sealed by another node's secret"):
        Keyring.open(tmp_path)
    (tmp_path / "node.secret").unlink()
    with pytest.raises(LocalError, match=r"secret .* is missing"):
        Keyring.open(tmp_path)


def test_one_key_cannot_be_put_in_anothers_place(tmp_path: Path) -> None:
    keyring = Keyring.create(tmp_path, key_of("node"))
    keyring.author("jeanne")
    (author,) = (tmp_path / "keys").glob("author-*.key")
    (tmp_path / "keys" / "node.key").write_bytes(author.read_bytes())
    with pytest.raises(LocalError, match="another purpose"):
        Keyring.open(tmp_path)


def test_a_forgotten_author_gets_another_key(tmp_path: Path) -> None:
    """The pseudonym of a person who was erased is never used again."""
    keyring = Keyring.create(tmp_path, key_of("node"))
    before = keyring.author("jeanne").public
    keyring.forget("jeanne")
    assert not list((tmp_path / "keys").glob("author-*.key"))
    assert keyring.author("jeanne").public != before


def test_two_threads_at_the_first_use_of_a_name_get_one_key(tmp_path: Path) -> None:
    keyring = Keyring.create(tmp_path, key_of("node"))
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: keyring.author("jeanne").public, range(32)))
    assert keys == {Keyring.open(tmp_path).author("jeanne").public}


def test_keys_are_never_written_over(tmp_path: Path) -> None:
    Keyring.create(tmp_path, key_of("node"))
    with pytest.raises(LocalError, match="already has keys"):
        Keyring.create(tmp_path, key_of("another"))


# ----------------------------------------------------------------------------------------------------- machine
def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_board_and_a_card_identify_a_machine(tmp_path: Path) -> None:
    """The same after a reboot; another when the board or the card is another."""
    put(tmp_path, "sys/firmware/devicetree/base/serial-number", "10000000abcdef01\0")
    board = machine_identity(tmp_path)
    put(tmp_path, "sys/block/mmcblk0/device/cid", "03534453433136478000000000016700\n")
    both = machine_identity(tmp_path)
    assert board is not None and both is not None and board != both
    assert machine_identity(tmp_path) == both
    put(tmp_path, "sys/firmware/devicetree/base/serial-number", "10000000abcdef02\0")
    assert machine_identity(tmp_path) not in (board, both)


def test_a_machine_that_says_nothing_has_no_identity(tmp_path: Path) -> None:
    assert machine_identity(tmp_path) is None
    put(tmp_path, "sys/class/dmi/id/product_uuid", "00000000-0000-0000-0000-000000000000\n")
    put(tmp_path, "sys/class/dmi/id/board_serial", "To Be Filled By O.E.M.\n")
    assert machine_identity(tmp_path) is None
