# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page about replication names every bound of it, with the number that the code has."""

import re
from pathlib import Path

from convergences_protocol.replication import limits

PAGE = (Path(__file__).parents[3] / "docs" / "protocol-replication.md").read_text("utf-8")
ROW = re.compile(r"^\|[^|]*\| ([0-9,]+)[^|]*\| `([A-Z_]+)` \|$", re.MULTILINE)


def test_every_bound_is_on_the_page_as_it_is() -> None:
    """Another implementation has to obey the same ones, and reads the page alone."""
    written = {name: float(number.replace(",", "")) for number, name in ROW.findall(PAGE)}
    assert written == {name: value for name, value in vars(limits).items() if name.isupper()}
