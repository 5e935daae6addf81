# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town in one process, over a real archive and a real index: what the web's door asks, and nothing more.

`Saint-Denis` with a few dozens of elements: themes in a tree, actors, actions with dates of every precision, places,
their relations, an element that was changed, one that was withdrawn, and texts that try to break a page.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiohttp.test_utils import BaseTestServer, TestClient
from aiohttp.web import BaseRunner, Request
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import ArchiveFull, CosignatureRow, NewRecord, Placed
from convergences_node.archive.options import Options
from convergences_node.blobs.blobs import Blobs
from convergences_node.blobs.settings import BlobsSection
from convergences_node.index.index import Index
from convergences_node.network.http_words import answer_message
from convergences_node.web.app import make_app, make_runner
from convergences_node.web.town_door import PeerSeen, Town, TownStatus, WebSettings
from convergences_protocol.charter import Charter
from convergences_protocol.checkpoint import parse
from convergences_protocol.cosignature import cosign
from convergences_protocol.errors import RemoteError
from convergences_protocol.keys import SigningKey

TERRITORY = "FR-93066"
START = 1_795_165_200  # 20 November 2026, 10:00 in Paris
KEY = SigningKey.from_seed(bytes(range(32)))
RECOVERY = SigningKey.from_seed(bytes(32))
WITNESS = SigningKey.from_seed(b"w" * 32)
WITNESS_ORIGIN = "convergences/FR-200057867/00112233445566aa"

OUTLINE = [[[489100000, 23300000, 489100000, 23700000, 489600000, 23700000, 489600000, 23300000, 489100000, 23300000]]]

MEAN_NAME = "<b>Éric & \"Zoé\"</b> 'l’été' {{ 7*7 }} \u202egnirts"
MEAN_TEXT = (
    "# Titre\n\n<script>alert(1)</script> **gras** [lien](javascript:alert(1)) ![i](https://elsewhere.example/x.png)"
)


class Alone:
    """A node that no other node belongs with, apart from one whose key tests have."""

    @property
    def own(self) -> Any:
        return SimpleNamespace(key=KEY.public)

    def allowed(self) -> set[bytes]:
        return {WITNESS.public}


@dataclass
class SmallTown:
    """What `town_door.Town` asks."""

    archive: Archive
    index: Index
    web_settings: WebSettings
    clock: list[float]
    blobs: Blobs
    state: TownStatus = field(default_factory=lambda: TownStatus(True, "well", True, START))
    seen: list[PeerSeen] = field(default_factory=list)
    elements: dict[str, str] = field(default_factory=dict)
    heard: list[bytes] = field(default_factory=list)
    """Messages of replication that were posted to it and need no answer."""

    def now(self) -> int:
        return int(self.clock[0])

    def charter(self) -> Charter | None:
        return None

    def peers(self) -> Sequence[PeerSeen]:
        return self.seen

    def status(self) -> TownStatus:
        return self.state

    async def join_answer(self, data: bytes) -> bytes:
        if data == b"signed answer, and a full card":
            raise ArchiveFull("no room is left on the card")
        if data != b"signed answer":
            raise RemoteError("answer by another key than the invitation was for")
        return b"welcome"

    async def message_answer(self, data: bytes) -> bytes:
        return await answer_message(self.archive, self.heard.append, data)

    async def add(self, kind: str, name: str, **fields: Any) -> str:
        """Author a new element; its name is what tests call it by."""
        values = fields if kind == "relation" else {"name": name, **fields}
        (placed,) = await self.archive.append([NewRecord(kind, values)])
        assert placed.element is not None
        self.elements[name] = str(placed.element)
        return str(placed.element)

    async def change(self, placed: Placed, kind: str, fields: Mapping[str, Any] | None) -> Placed:
        """Author a new state of an element, or its withdrawal."""
        record = NewRecord(kind, fields, element=placed.element, previous=placed.header_digest)
        return (await self.archive.append([record]))[0]

    async def cosign(self) -> None:
        """Cosign the latest head, as the town itself and as one witness."""
        log = await self.archive.read(lambda reader: reader.own_log())
        assert log.head_note is not None
        head, now = parse(log.head_note), self.now()
        for name, key in ((log.origin, KEY), (WITNESS_ORIGIN, WITNESS)):
            line = cosign(head, name, key, now)
            await self.archive.keep_cosignatures([CosignatureRow(log.origin, name, head.size, now, line)])


class Serving(BaseTestServer):
    """The town's application behind the very runner that a node uses."""

    def __init__(self, town: SmallTown, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.app = make_app(town, clock)

    async def _make_runner(self, **kwargs: Any) -> BaseRunner:
        return make_runner(self.app)


def asking(town: SmallTown, clock: Callable[[], float] = time.monotonic) -> TestClient[Request, None]:
    """Who asks that town, once entered."""
    return TestClient(Serving(town, clock))


def as_town(town: SmallTown) -> Town:
    """mypy holds the small town to the door."""
    return town


@asynccontextmanager
async def small_town(folder: Path, records: bool = True, **settings: Any) -> AsyncIterator[SmallTown]:
    """Open one in an empty folder, filled unless asked otherwise."""
    clock = [float(START)]
    chance = iter(range(1, 1 << 30))
    options = Options(
        clock=lambda: clock[0],
        random_bytes=lambda size: next(chance).to_bytes(8, "big").rjust(size, b"\x5a"),
        machine=lambda: "test",
    )
    archive = await Archive.create(folder, TERRITORY, KEY, RECOVERY.public, name="Saint-Denis", options=options)
    index = await Index.open(folder, archive, clock=lambda: clock[0], follow=False)
    values = {"requests_per_second": 0.0, **settings}
    blobs = Blobs(folder, BlobsSection(), Alone())
    town = SmallTown(archive, index, WebSettings(TERRITORY, "Saint-Denis", **values), clock, blobs)
    try:
        if records:
            await fill(town)
        await index.catch_up()
        yield town
    finally:
        await index.close()
        await archive.close()


async def fill(town: SmallTown) -> None:
    """Write the town's records."""
    await town.add(
        "territory", "Saint-Denis", code=TERRITORY, type="commune", former_names=["Pierrefitte-sur-Seine"],
        within=["FR-200057867", "FR-93", "FR-R11"], outline=OUTLINE,
    )  # fmt: skip
    culture = await town.add("theme", "Culture")
    music = await town.add("theme", "Musique", broader=culture)
    bikes = await town.add("theme", "Vélo")
    hall = await town.add(
        "place", "Maison des associations", type="venue", address="1 rue des Lilas", postcode="93200",
        locality="Saint-Denis", town=TERRITORY, location=[489360000, 23540000], opening_hours="lun–sam 9 h–19 h",
        website="https://maison.example/", source="annuaire", licence="https://www.etalab.gouv.fr/licence-ouverte",
    )  # fmt: skip
    club = await town.add(
        "actor", "Atelier vélo du Canal", type="association", themes=[bikes], email="bonjour@velo.example",
        phone="+33 1 23 45 67 89", founded="2013", summary="On y répare son vélo avec des voisins.", town=TERRITORY,
        description="## Venir\n\nLe **mardi**, avec ou sans vélo.\n\n- outils prêtés\n- café offert", language="fr",
    )  # fmt: skip
    choir = await town.add("actor", "Chœur des Joncherolles", type="collective", themes=[music])
    workshop = await town.add(
        "action", "Réparer son vélo", type="activity", themes=[bikes], start="2026-11-24T18:00+01:00",
        end="2026-11-24T20:00+01:00", recurrence="FREQ=WEEKLY;BYDAY=TU", timezone="Europe/Paris", status="confirmed",
        locality="Saint-Denis", town=TERRITORY, location=[489361000, 23541000],
    )  # fmt: skip
    festival = await town.add(
        "action", "Festival des Murs", type="festival", themes=[music, culture], start="2026-12-05", end="2026-12-06",
        status="postponed", summary="Deux jours de musique dans la rue.", period="Hiver", town=TERRITORY,
    )  # fmt: skip
    await town.add("relation", "a", subject=club, predicate="organises", object=workshop)
    await town.add("relation", "b", subject=workshop, predicate="hosted_at", object=hall)
    await town.add("relation", "c", subject=choir, predicate="takes_part_in", object=festival, role="ouverture")
    await town.add(
        "relation", "d", subject=club, predicate="partner_of", object=choir, **{"from": "2020", "to": "2024"}
    )
    await town.add("content", "Le programme du festival", type="article", text=MEAN_TEXT, about=[festival])
    await town.add("actor", MEAN_NAME, type="x-fanfare", description=MEAN_TEXT, language="en")
    for number in range(45):
        await town.add(
            "place", f"École {number:02}", type="school", town=TERRITORY, location=[489300000 + number * 1000, 23500000]
        )
    await _change_and_withdraw(town)


async def _change_and_withdraw(town: SmallTown) -> None:
    (first,) = await town.archive.append([NewRecord("actor", {"name": "Ancien nom", "type": "company"})])
    town.clock[0] += 3600
    await town.change(
        first, "actor", {"name": "Nouveau nom", "type": "association", "website": "https://nouveau.example"}
    )
    (gone,) = await town.archive.append(
        [NewRecord("actor", {"name": "Parti sans laisser d’adresse", "type": "company"})]
    )
    await town.change(gone, "actor", None)
    town.elements |= {"changed": str(first.element), "withdrawn": str(gone.element)}
    town.clock[0] += 3600
