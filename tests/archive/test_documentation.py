# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every code that an operator can be shown is described in `docs/archive.md`."""

from __future__ import annotations

import re
from pathlib import Path

from convergences_node import archive
from convergences_protocol.doubt import Reason

SOURCE = Path(archive.__file__).parent
PAGE = (Path(__file__).parents[2] / "docs" / "archive.md").read_text()


def test_every_code_and_reason_is_described() -> None:
    source = "".join(path.read_text() for path in sorted(SOURCE.glob("*.py")))
    codes = set(re.findall(r'"((?:archive|verify)\.[a-z_]+)"', source)) - {"archive.db"}
    steps = {"archive.written", "archive.committed"}
    of_peers = {Reason.PEER_SHOWS_MORE.value, Reason.PEER_SHOWS_OTHER.value}
    """What peers show is one reason to an archive, `head_heard`."""
    reasons = ({reason.value for reason in Reason} - of_peers) | {"head_heard", "key_changed"}
    assert len(codes) > 20
    assert {name for name in (codes - steps) | reasons if f"`{name}`" not in PAGE} == set()


def test_every_code_of_the_page_exists() -> None:
    source = "".join(path.read_text() for path in sorted(SOURCE.glob("*.py")))
    written = re.findall(r"`((?:archive|verify)\.[a-z_]+)`", PAGE)
    assert {name for name in written if f'"{name}"' not in source and name != "archive.db"} == set()
