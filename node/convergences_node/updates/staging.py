# SPDX-License-Identifier: AGPL-3.0-or-later
"""A release is copied into the node's folder: whole, read back, and what was signed, or not there at all.

update/package.deb.part   what a pulled stick leaves; thrown away by the next
update/package.deb        the package for this machine
update/release            the signed release; last, so that it is there only beside its package
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from convergences_protocol.errors import ConvergencesError, Fault, LocalError, RemoteError
from convergences_protocol.release import RELEASE_BYTES_MAX, Package, Release, open_release

from convergences_node.archive.durable import TEMPORARY, replace_durably, sync_folder
from convergences_node.backup.shelf import read_back
from convergences_node.faults import why_of
from convergences_node.regular_files import open_regular

from .finding import Offer
from .judging import check_room, judge
from .places import PACKAGE_NAME, RELEASE_NAME, STAGING_NAME, Installed

PIECE_BYTES = 1 << 20
Pieces = Callable[[Package], Iterator[bytes]]
"""The bytes of a package, wherever they come from."""
Tell = Callable[[int, int], None]


def stage(folder: Path, offer: Offer, here: Installed, tell: Tell, pieces: Pieces | None = None) -> Release:
    """Put an offer into the node's folder. Raises `LocalError` or `RemoteError`; then nothing is staged."""
    if offer.release is None:
        assert offer.refused is not None
        raise offer.refused
    package = judge(offer.release, here)
    place = folder / STAGING_NAME
    try:
        unstage(folder)
        check_room(package, folder)
        place.mkdir(mode=0o700, exist_ok=True)
        _copy(place / PACKAGE_NAME, offer.release, package, (pieces or _beside(offer.where))(package), tell)
        replace_durably(place / RELEASE_NAME, offer.data)
        sync_folder(folder)
    except (OSError, ConvergencesError) as error:
        with suppress(OSError):
            unstage(folder)
        if isinstance(error, ConvergencesError):
            raise
        raise _unreadable(offer.release, error) from error
    return offer.release


def _beside(where: Path) -> Pieces:
    def read(package: Package) -> Iterator[bytes]:
        with open_regular(where.parent / package.name) as file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    return read


def _copy(target: Path, release: Release, package: Package, pieces: Iterator[bytes], tell: Tell) -> None:
    part, digest, count = target.with_name(target.name + TEMPORARY), sha256(), 0
    with part.open("wb") as file:
        for piece in pieces:
            count += len(piece)
            if count > package.size:
                break
            file.write(piece)
            digest.update(piece)
            tell(count, package.size)
        file.flush()
        os.fsync(file.fileno())
    # What the card gives back, not what memory remembers.
    if (count, digest.hexdigest()) != (package.size, package.digest) or read_back(part) != (count, package.digest):
        raise RemoteError(
            f"{package.name} is not the file that was signed: {count} bytes of {package.size}, or another content",
            fault=Fault("", "update_damaged", {"version": release.version}),
        )
    part.rename(target)


def _unreadable(release: Release, error: OSError) -> LocalError:
    return LocalError(
        f"release {release.version} could not be copied: {error.strerror or error}",
        fault=Fault("", "update_uncopied", {"version": release.version, "reason": why_of(error)}),
    )


def staged(folder: Path, here: Installed) -> Release | None:
    """What stands ready to be applied; None if nothing does that may still be installed."""
    try:
        with (folder / STAGING_NAME / RELEASE_NAME).open("rb") as file:
            release = open_release(file.read(RELEASE_BYTES_MAX + 1), here.keys)
        judge(release, here)
    except (OSError, ConvergencesError):
        return None
    return release if (folder / STAGING_NAME / PACKAGE_NAME).is_file() else None


def unstage(folder: Path) -> None:
    """Throw away what is staged, or half of it: first what says that it is whole."""
    place = folder / STAGING_NAME
    with suppress(FileNotFoundError):
        (place / RELEASE_NAME).unlink()
        sync_folder(place)
    shutil.rmtree(place, ignore_errors=True)
