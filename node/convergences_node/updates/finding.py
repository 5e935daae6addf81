# SPDX-License-Identifier: AGPL-3.0-or-later
"""Releases on sticks: `convergences-<version>.release` with its packages beside it, in the stick's first folder.

Where nothing is said, every stick that is mounted is looked at, a bounded number of names of each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from convergences_protocol.errors import ConvergencesError, Fault, LocalError
from convergences_protocol.release import RELEASE_BYTES_MAX, Release, open_release, version_of

from convergences_node.faults import why_of
from convergences_node.regular_files import open_regular

from .places import Installed, system_root

PREFIX, SUFFIX = "convergences-", ".release"
NAMES_MAX = 2_000
OFFERS_MAX = 50
STICKS = ("media/*", "media/*/*", "mnt", "mnt/*", "run/media/*/*")
"""Where sticks are mounted, as in the unit's ReadWritePaths."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A release that somebody has signed, and where it is. `refused` instead, for a file that is none."""

    where: Path
    data: bytes
    release: Release | None
    refused: ConvergencesError | None = None
    from_peer: bool = False
    """Offered by the agglomeration; `where` is an address then."""

    def claims(self, version: str) -> bool:
        """Whether this says that it is that version, by what it holds, be it believed or not, or by its file's name."""
        if self.release is not None:
            return self.release.version == version
        held = self.refused.fault.params.get("version") if self.refused and self.refused.fault else None
        return version in (held, self.where.name.removeprefix(PREFIX).removesuffix(SUFFIX))


def offers(where: Path | None, here: Installed) -> list[Offer]:
    """What there is in a folder, or on all sticks; the newest first, and those that cannot be believed last."""
    if where is None:
        found = [offer for folder in sticks() for offer in _in_folder(folder, here)]
    else:
        found = list(_at(where, here))
    return ranked(found)


def ranked(found: list[Offer]) -> list[Offer]:
    """The newest first, and those that cannot be believed last."""
    return sorted(found, key=_rank, reverse=True)[:OFFERS_MAX]


def sticks() -> Iterator[Path]:
    """Folders where a stick may be."""
    for pattern in STICKS:
        for path in _matching(system_root(), pattern.split("/")):
            if os.path.isdir(path):  # noqa: PTH112 - of a stick that fails, Path would raise
                yield path


def _matching(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """As `Path.glob`, which raises where one stick fails, and then finds none."""
    if not names:
        yield folder
        return
    try:
        found = sorted(folder.iterdir()) if names[0] == "*" else [folder / names[0]]
    except OSError:
        return
    for path in found:
        yield from _matching(path, names[1:])


def _at(where: Path, here: Installed) -> Iterator[Offer]:
    if os.path.isdir(where):  # noqa: PTH112 - as above
        return _in_folder(where, here)
    if where.suffix == SUFFIX and os.path.isfile(where):  # noqa: PTH113 - as above
        return iter([_offer(where, here)])
    raise LocalError(
        f"there is no release at {where}",
        hint="is the stick plugged in?",
        fault=Fault("", "stick_absent", {"folder": str(where)}),
    )


def _in_folder(folder: Path, here: Installed) -> Iterator[Offer]:
    try:
        names = sorted(path.name for path, _ in zip(folder.iterdir(), range(NAMES_MAX), strict=False))
    except OSError:
        return
    for name in names:
        if name.startswith(PREFIX) and name.endswith(SUFFIX):
            yield _offer(folder / name, here)


def _offer(path: Path, here: Installed) -> Offer:
    try:
        with open_regular(path) as file:
            data = file.read(RELEASE_BYTES_MAX + 1)
        return Offer(path, data, open_release(data, here.keys))
    except OSError as error:
        reason = why_of(error)
        fault = Fault("", "update_uncopied", {"version": path.name, "reason": reason})
        return Offer(path, b"", None, LocalError(f"{path} cannot be read: {reason}", fault=fault))
    except ConvergencesError as error:
        return Offer(path, b"", None, error)


def _rank(offer: Offer) -> tuple[int, int, int]:
    return version_of(offer.release.version) if offer.release else (-1, 0, 0)
