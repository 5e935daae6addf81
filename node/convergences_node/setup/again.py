# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town made again on a new device by whoever has its recovery sheet and a backup, without a terminal.

What `convergences rebuild` does with a backup, in the folder of a node that is no town yet: put back apart, given an
operator whose password somebody knows, and moved to its place whole. The rest (its log's tail, from peers) is the
running node's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from convergences_protocol.errors import Fault, LocalError, Refused
from convergences_protocol.recovery import LINES, find_sheet, read_sheet, write_sheet

from convergences_node.accounts.accounts import Accounts
from convergences_node.params import Tell
from convergences_node.setup.draft import account_faults
from convergences_node.setup.staging import again_in, finish, take_over

HTTP = "http://"
SHEET = tuple(f"sheet{line}" for line in range(1, LINES + 1))
"""The fields of the sheet's lines."""
AT_HAND, KEPT = "stick", "agglomeration"
"""Where the backup is."""


@dataclass(frozen=True, slots=True)
class Again:
    """What somebody gave."""

    seed: bytes = field(repr=False)
    """The recovery key's, from the sheet."""
    backup: Path | None
    """A folder with backups, or None where an agglomeration keeps them."""
    address: str
    """Of that agglomeration, or empty."""
    operator: str
    password: str = field(repr=False)
    """Its hash, where a town is made of this."""


async def make_again(folder: Path, given: Again, clock: Callable[[], float], tell: Tell) -> None:
    """Put the town back into `folder`. Raises `LocalError` or `RemoteError`: then nothing is there."""
    from convergences_node.backup.rebuilding import Left, from_any_backup
    from convergences_node.backup.restoring import unwritable_told

    left = Left(given.backup, given.seed, (given.address,) if given.address else ())
    with unwritable_told(folder):
        if await asyncio.to_thread(finish, folder):
            return  # by an attempt that failed while it was moved
        place = await asyncio.to_thread(again_in, folder)
        if await from_any_backup(place, given.seed, left, tell) is None:
            raise LocalError(
                f"{given.address} keeps no backup for this sheet",
                fault=Fault("at", "rebuild_kept_nowhere", {"address": given.address}),
            )
        await _let_in(place, given, clock)
        await asyncio.to_thread(take_over, folder)


async def _let_in(place: Path, given: Again, clock: Callable[[], float]) -> None:
    """An operator whose password is known today; those of the backup stay."""
    accounts = await asyncio.to_thread(Accounts, place, clock)
    try:
        await accounts.set_hash(given.operator, given.password)
    finally:
        await asyncio.to_thread(accounts.close)


def read_again(given: Mapping[str, str], backups: Path | None) -> Again:
    """What a form gave: `sheet1` to `sheet4`, `from`, `at`, `name` and `password`, which is not hashed yet.

    Refused with everything that is wrong at once.
    """
    faults: list[Fault] = []
    seed, at_hand, address = b"", given.get("from") == AT_HAND, address_in(given.get("at", ""))
    try:
        seed = read_sheet(find_sheet("\n".join(given.get(name, "") for name in SHEET)))
    except Refused as refused:
        # `sheet.3` is the third field; what is wrong with all of it stands at the first.
        of_all = {"sheet": SHEET[0]}
        faults += [replace(each, path=of_all.get(each.path, each.path.replace(".", ""))) for each in refused.faults]
    if at_hand and backups is None:
        faults.append(Fault("from", "rebuild_no_stick"))
    if not at_hand and not address:
        faults.append(Fault("at", "rebuild_no_address"))
    operator, password = given.get("name", ""), given.get("password", "")
    faults += account_faults(operator, password)
    if faults:
        raise Refused(faults)
    return Again(seed, backups if at_hand else None, "" if at_hand else address, operator, password)


def as_given(again: Again) -> dict[str, str]:
    """The same as the form has it, but for the password: for another attempt."""
    lines = zip(SHEET, write_sheet(again.seed), strict=True)
    kept = KEPT if again.backup is None else AT_HAND
    return {**dict(lines), "from": kept, "at": again.address, "name": again.operator}


def address_in(text: str) -> str:
    """The address of a node's pages as people give it: without its scheme, perhaps, or with a page behind it."""
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else HTTP + text)
        found = parts.hostname if parts.scheme in ("http", "https") else None
        port = f":{parts.port}" if parts.port else ""
    except ValueError:  # a bracket too few, a port that is none
        return ""
    host = f"[{found}]" if found and ":" in found else found
    return f"{parts.scheme}://{host}{port}" if host else ""
