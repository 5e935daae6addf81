# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pages about the protocol say the numbers that the code has: another implementation reads the pages alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from convergences_node.blobs.pieces import PIECE_BYTES_MAX, QUESTION_BYTES
from convergences_node.blobs.pulling import ROUNDS_MAX
from convergences_node.clockwork import COSIGN_EVERY_S
from convergences_node.network.libp2p_asking import ASK_SECONDS_MAX, QUESTIONS_MAX, QUESTIONS_OF_PEER_MAX
from convergences_node.network.transport import GOSSIP_BYTES_MAX, JOIN_BYTES_MAX
from convergences_node.vault.claiming import STANDS_S
from convergences_protocol import cbor, erasure, header, note, receipt, tiles, vault

DOCS = Path(__file__).parents[2] / "docs"
WORDS = {4: "four", 7: "seven", 10: "ten", 100: "a hundred", 900: "a quarter of an hour"}
SAID = {
    "protocol.md": (
        f"at most {header.HEADER_BYTES_MAX:,} bytes",
        f"1 to {header.BODY_BYTES_MAX:,}",
        f"more than {cbor.DEPTH_MAX} arrays and maps",
    ),
    "protocol-log.md": (
        f"up to {note.NOTE_BYTES_MAX:,} bytes and {note.SIGNATURES_MAX} signature lines",
        f"up to {note.NAME_CHARS_MAX} characters",
        f"Levels go to {tiles.TILE_LEVEL_MAX}",
        f"up to {receipt.RECEIPT_BYTES_MAX:,} bytes and 64 hashes",
        f"at most {JOIN_BYTES_MAX:,}",
        f"after {WORDS[erasure.GRACE_SECONDS // erasure.DAY_SECONDS]} days",
        f"more than {WORDS[erasure.DAILY_MAX]} things",
    ),
    "protocol-replication.md": (
        f"at most {GOSSIP_BYTES_MAX:,} bytes: a `Heads`",
        f"every {WORDS[COSIGN_EVERY_S // 60]} minutes",
    ),
    "protocol-blobs.md": (
        f"A question has {QUESTION_BYTES} bytes",
        f"beyond {PIECE_BYTES_MAX:,}",
        f"At most {WORDS[QUESTIONS_OF_PEER_MAX]} questions of one peer are held at once, and {QUESTIONS_MAX} of all",
        f"waits {ASK_SECONDS_MAX:.0f} seconds",
        f"until {WORDS[ROUNDS_MAX]} rounds",
    ),
    "protocol-vault.md": (f"at most {vault.WORD_BYTES_MAX:,} bytes", f"good for {WORDS[STANDS_S]}"),
}


@pytest.mark.parametrize("page", SAID)
def test_the_numbers_of_a_page_are_those_of_the_code(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    assert [sentence for sentence in SAID[page] if re.sub(r"\s+", " ", sentence) not in re.sub(r"\s+", " ", text)] == []
