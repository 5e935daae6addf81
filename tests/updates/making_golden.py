# SPDX-License-Identifier: AGPL-3.0-or-later
"""`python -m tests.updates.making_golden`: the folder of a small node as this release writes it, kept for ever.

To be run once for each release, from its own commit, before the version in pyproject.toml is raised; the file is added
to `tests/updates/golden/` and never changed: every later program must be able to start from it. The town is a made-up
one on a real code; nobody's data are in it. What was told to its people stands beside, in `told.json`.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import io
import json
import lzma
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from convergences_node.accounts import Accounts
from convergences_node.archive.lock import LOCK_NAME
from convergences_node.archive.model import NewRecord
from convergences_node.archive.options import Options
from convergences_node.archive.spare import SPARE_NAME
from convergences_node.founding import create_town
from convergences_node.town import Town
from convergences_node.updates.before import files
from convergences_node.verbs import perform

GOLDEN = Path(__file__).with_name("golden")
NOW = 1_795_000_000
"""In November 2026: the same file, but for keys and salts, whenever it is made."""
OPERATOR, PASSWORD = "operateur", "un mot de passe d'essai"
SETTINGS = {"p2p": {"enabled": False}, "discovery": {"zeroconf": False}}
TOLD = "told.json"
LEFT_OUT = ("index.", LOCK_NAME, SPARE_NAME)


async def live(folder: Path) -> dict[str, Any]:
    """A short life that leaves something in every table; what its people were told."""
    options = Options(clock=lambda: NOW, machine=lambda: None)
    founded = await create_town(folder, "FR-93066", "town", "Ville d'essai", settings=SETTINGS, options=options)
    async with Town.open(folder, clock=lambda: NOW, options=options) as town:

        async def do(verb: str, **params: Any) -> Any:
            return await perform(town, verb, params, lambda event: None)

        fields = [{"name": f"Association d'essai {number}", "type": "association"} for number in range(12)]
        placed = await town.archive.append([NewRecord("actor", each) for each in fields])
        place = await do("add", kind="place", fields={"name": "Salle d'essai", "type": "school"})
        edited = await do(
            "add", kind="actor", fields={**fields[0], "summary": "changée"}, element=str(placed[0].element)
        )
        await do("withdraw", element=str(placed[1].element))
        await do("erase", element=str(placed[2].element), reason="asked", now=True)
        await do("erase", element=str(placed[3].element), reason="asked")
        await town.archive.choose("golden", "kept")
    accounts = Accounts(folder, lambda: NOW)
    await accounts.set_password(OPERATOR, PASSWORD)
    await accounts.set_note("golden", "kept")
    accounts.close()
    return {
        "version": importlib.metadata.version("convergences"),
        "schemas": {layout.name: len(steps) for layout, steps in files()},
        "origin": founded.origin,
        "digests": [edited["digest"], place["digest"], *(each.header_digest.hex() for each in placed[4:])],
        "names": [fields[0]["name"], *(each["name"] for each in fields[4:])],
        "gone": [fields[number]["name"] for number in (2, 3)],
    }


def pack(folder: Path, told: dict[str, Any]) -> bytes:
    """The folder as one file: what SQLite keeps beside its files is folded in, the index is made again."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            if not path.name.startswith(LEFT_OUT):
                _add(archive, path.relative_to(folder).as_posix(), path.read_bytes())
        _add(archive, TOLD, json.dumps(told, indent=1).encode())
    return lzma.compress(packed.getvalue(), preset=9)


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(data), NOW, 0o600
    archive.addfile(member, io.BytesIO(data))


def goldens() -> list[Path]:
    """One for each released version."""
    return sorted(GOLDEN.glob("*.tar.xz"))


def unpack(golden: Path, folder: Path) -> dict[str, Any]:
    """Put a released version's node into a folder; what its people were told."""
    with tarfile.open(golden, "r:xz") as archive:
        archive.extractall(folder, filter="data")
    told: dict[str, Any] = json.loads((folder / TOLD).read_text("utf-8"))
    (folder / TOLD).unlink()
    return told


def main() -> int:
    """Make the file of this version, unless there is one: what was released does not change."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "node"
        told = asyncio.run(live(folder))
        target = GOLDEN / f"{told['version']}.tar.xz"
        if target.exists() and sys.argv[1:] != ["--again"]:
            print(f"{target} is there; a version that was released is not made again", file=sys.stderr)
            return 1
        target.write_bytes(pack(folder, told))
    print(f"{target}: {target.stat().st_size} bytes, {told['schemas']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
