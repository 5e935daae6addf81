# SPDX-License-Identifier: AGPL-3.0-or-later
"""The licence that the operator chose is the one that every surface says."""

from __future__ import annotations

import re
from pathlib import Path

from convergences_node.research.exporting import export
from convergences_node.verbs import Export

from tests.web.small_town import asking, small_town

LICENCE = "https://www.etalab.gouv.fr/licence-ouverte-open-licence"
SURFACES = ("/.well-known/void", "/data/catalog.jsonld", "/data/catalog.ttl", "/api/elements.json", "/sparql")


async def test_every_surface_says_the_operator_s_licence(tmp_path: Path) -> None:
    async with small_town(tmp_path / "node", licence=LICENCE, linked=tmp_path / "linked") as town:
        async with asking(town) as client:
            for path in SURFACES:
                text = await (await client.get(path)).text()
                assert LICENCE in text, path
                assert not re.search("opendatacommons", text), path
        await export(town, Export(to=str(tmp_path / "tables")), lambda _: None)  # type: ignore[arg-type]
        assert LICENCE in (tmp_path / "tables" / "README.md").read_text("utf-8")
