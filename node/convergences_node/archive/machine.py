# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which machine this is, as far as it can be told: the board's serial number and the memory card's id.

A card copied into another Pi keeps every file, and changes the board; a card's image written on another card changes
the card. Either is a restore for the guard. Where the hardware says nothing (a virtual machine, a laptop without
rights), the identity is None and only the heads heard from peers can tell.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

BOARD_FILES = (
    "sys/firmware/devicetree/base/serial-number",
    "proc/device-tree/serial-number",
    "sys/class/dmi/id/product_uuid",
    "sys/class/dmi/id/board_serial",
)
"""The first that can be read is the board's: Raspberry Pi and other ARM boards first, then PCs (root only)."""

CARD_FILES = "sys/block/mmcblk*/device/cid"
"""The id burnt into an SD or eMMC card (SD specification, register CID)."""

FILE_BYTES_MAX = 256
_MEANINGLESS = frozenset({"", "0", "none", "default string", "to be filled by o.e.m.", "not specified"})


def machine_identity(root: Path = Path("/")) -> str | None:
    """A digest of what identifies the machine under `root`, or None where nothing does. Stable over reboots."""
    board = next(filter(None, (_read(root / name) for name in BOARD_FILES)), None)
    cards = sorted(filter(None, map(_read, root.glob(CARD_FILES))))
    if board is None and not cards:
        return None
    return sha256("\n".join(["convergences machine 1", board or "", *cards]).encode()).hexdigest()[:32]


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX).decode(errors="replace").strip("\0 \n\t")
    except OSError:
        return None
    return None if text.lower() in _MEANINGLESS or not text.strip("0-") else text
