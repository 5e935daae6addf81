# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is to be played: an example's folder, read once and checked.

example.toml       the agglomeration, and a merge if there is one
themes.ndjson/toml the agglomeration's base tree of themes, and its mapping
mapping.toml       how records are read
records/<code>     a file a town; the agglomeration's own is under its SIREN
contours.geojson   the towns as they were then (optional; else the gazetteer's of today)
"""

import json
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from convergences_protocol.errors import LocalError

from convergences_node.territories import TerritoryFacts, find

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
"""Beside the packages in a checkout; an installed wheel has none, and is told where they are."""
CONTOURS_BYTES_MAX = 16 * 1024 * 1024


class Merge(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One town that becomes part of another."""

    ends: str
    successor: str
    date: str
    why: str


class Pictures(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Drawings for some of what each town has last written (`pictures.py`), and the words beside them."""

    each: int
    """How many logos of actors, and as many pictures of places, in each town."""
    sign: str
    street: str
    """What is to be seen, with the place of a `{name}`."""
    credit: str
    licence: str


class Settings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`example.toml`."""

    agglomeration: str
    merge: Merge | None = None
    pictures: Pictures | None = None
    towns_a_process: int = 1


@dataclass(frozen=True, slots=True)
class Member:
    """One node to be: its territory, and its own records if it has any."""

    facts: TerritoryFacts
    records: Path | None

    @property
    def short(self) -> str:
        """The code without its country, for folders and files."""
        return self.facts.code.removeprefix("FR-")


@dataclass(frozen=True, slots=True)
class Example:
    """Everything that is to be played."""

    name: str
    folder: Path
    agglomeration: Member
    towns: tuple[Member, ...]
    merge: Merge | None
    towns_a_process: int
    pictures: Pictures | None = None

    def file(self, name: str) -> Path:
        return self.folder / name


def load_example(name: str, examples: Path = EXAMPLES) -> Example:
    """The example of that name. Raises `LocalError` if it is not there, with the names that are."""
    folder = examples / name
    if Path(name).name != name or not (folder / "example.toml").is_file():
        known = sorted(found.parent.name for found in examples.glob("*/example.toml"))
        hint = f"there are: {', '.join(known)}" if known else "give --examples, the folder of the examples"
        raise LocalError(f"no example {name!r} in {examples}", hint=hint)
    try:
        settings = msgspec.convert(tomllib.loads((folder / "example.toml").read_text("utf-8")), Settings)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise LocalError(f"{folder / 'example.toml'}: {error}") from None
    then = _facts_of_then(folder / "contours.geojson", settings.agglomeration)
    members = [_member(path, then) for path in sorted((folder / "records").glob("*.ndjson"))]
    towns = tuple(member for member in members if member.short != settings.agglomeration)
    own = next((member for member in members if member.short == settings.agglomeration), None)
    agglomeration = own or Member(find(settings.agglomeration), None)
    return Example(name, folder, agglomeration, towns, settings.merge, settings.towns_a_process, settings.pictures)


def _member(records: Path, then: dict[str, TerritoryFacts]) -> Member:
    code = records.stem
    facts = then.get(code) or find(code)
    # The example begins before anything has ended.
    return Member(replace(facts, ended=None, successor=None), records)


def _facts_of_then(path: Path, agglomeration: str) -> dict[str, TerritoryFacts]:
    """The towns as they were when the example begins, from the properties beside their outlines."""
    if not path.exists():
        return {}
    if path.stat().st_size > CONTOURS_BYTES_MAX:
        raise LocalError(f"{path} is larger than {CONTOURS_BYTES_MAX} bytes")
    features = json.loads(path.read_text("utf-8"))["features"]
    found = (_fact_of_then(feature["properties"], agglomeration) for feature in features)
    return {facts.code.removeprefix("FR-"): facts for facts in found}


def _fact_of_then(said: dict[str, Any], agglomeration: str) -> TerritoryFacts:
    now = find(said["code_insee"])
    return replace(
        now,
        name=said["nom"],
        postcodes=tuple(said["codes_postaux"]),
        population=said["population_municipale"],
        siren=said["siren"],
        former_codes=tuple(f"FR-{code}" for code in said["anciens_codes"]),
        former_names=(),
        within=(f"FR-{agglomeration}", *(code for code in now.within if code != f"FR-{agglomeration}")),
    )
