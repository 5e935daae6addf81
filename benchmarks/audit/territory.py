# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the audit looks at: the whole demo, and a few records beside it that its sources do not have.

The open data of the demo has no coming dates, no long texts and no article, so pages would be audited half empty. What
is added says that it is for the audit, is written into nodes that are thrown away, and is never part of the demo.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from convergences_node.demo import pictures
from convergences_node.demo.example import load_example
from convergences_node.demo.nodes import Node
from convergences_node.demo.scenario import Scenario
from convergences_node.demo.watching import Api
from convergences_node.web.slugs import slug_of

SECONDS_MAX = 300
CLUB = "Audit : atelier vélo du canal"
TIMES = (("Atelier", 0, 18), ("Concert", 1, 20), ("Conseil de quartier", 3, 19), ("Marché", 6, 9), ("Bal", 12, 21))
TEXT = (
    "## Venir\n\nLe **mardi**, avec ou sans vélo.\n\n- outils prêtés\n- café offert\n\n[Le site](https://example.org/)"
)


@dataclass(frozen=True)
class Looked:
    """The node that is looked at."""

    address: str
    elements: Mapping[str, str]
    """An id for each kind that has a page of its own."""
    filled: Mapping[str, str]
    """Values for the other parts of addresses."""


@contextmanager
def territory(folder: Path, name: str = "plaine-commune") -> Iterator[Looked]:
    """The demo under way, with the audit's records in it, until the block ends."""
    with Scenario(load_example(name), folder, SECONDS_MAX, _tell) as demo:
        demo.play()
        node = demo.agglomeration
        elements = _write(node)
        address = demo.addresses()[0][1].rstrip("/")
        filled = {"slug": slug_of(CLUB, elements["actor"])}
        yield Looked(address, {**_some_of_the_demo(Api(address)), **elements}, filled)


def _tell(stage: str, values: Mapping[str, Any]) -> None:
    print(f"audit: {stage}", file=sys.stderr, flush=True)


def _write(node: Node) -> dict[str, str]:
    today = datetime.now(UTC).date()
    club = _add(
        node, "actor", name=CLUB, type="association", colours=["#ffd84d", "#7a3d0c"], summary="On y répare son vélo.",
        description=TEXT, email="bonjour@example.org", phone="+33 1 23 45 67 89", founded="2013",
    )  # fmt: skip
    events = [
        _add(
            node, "action", name=f"Audit : {name}", type="event", locality="Saint-Denis", town=node.code,
            start=f"{today + timedelta(days=days)}T{hour:02}:00+01:00",
            end=f"{today + timedelta(days=days)}T{hour + 1:02}:30+01:00",
            summary="Un rendez-vous écrit pour regarder les pages.",
        )
        for name, days, hour in TIMES
    ]  # fmt: skip
    for event in events:
        _add(node, "relation", subject=club, predicate="organises", object=event)
    _give(node, club, "logo", "Un signe de trois formes", pictures.sign(CLUB))
    _give(node, club, "banner", "Une rue au matin", pictures.street(CLUB, pictures.BANNER))
    for event, (name, *_) in zip(events[:3], TIMES, strict=False):
        _give(node, event, "picture", f"Une rue, un jour de {name.lower()}", pictures.street(name))
    article = _add(node, "content", name="Audit : le programme", type="article", text=TEXT, about=[events[1], club])
    _give(node, article, "picture", "Une place au soleil", pictures.street("programme"))
    gone = _add(node, "actor", name="Audit : parti", type="company")
    node.ask("withdraw", element=gone)
    return {"actor": club, "action": events[1], "content": article, "gone": gone}


def _add(node: Node, kind: str, **fields: Any) -> str:
    return str(node.ask("add", kind=kind, fields=fields)["element"])


def _give(node: Node, element: str, use: str, alt: str, data: bytes) -> None:
    """A picture, through the verb that an operator uses."""
    file = node.folder / "audit.png"
    file.write_bytes(data)
    node.ask("media_add", element=element, path=str(file), use=use, alt=alt)
    file.unlink()


def _some_of_the_demo(api: Api) -> dict[str, str]:
    """The first element of each kind that the demo's sources have."""
    found = {}
    for kind in ("place", "theme", "territory", "actor"):
        items = api.get("search", kind=kind, limit=1)["items"]
        found |= {kind: items[0]["id"]} if items else {}
    return found
