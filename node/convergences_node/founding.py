# SPDX-License-Identifier: AGPL-3.0-or-later
"""Making a new node: keys, log, the record of its territory, its configuration file.

The recovery key is made here and told once, as the lines of a sheet to print; its private half is never written.
Whoever loses the sheet can still run the node, and can no longer prove that a new key speaks for the old log.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from convergences_protocol.errors import Fault, LocalError
from convergences_protocol.keys import SEED_BYTES, SigningKey
from convergences_protocol.recovery import write_sheet

from convergences_node.accounts.store import Store
from convergences_node.archive.archive import Archive
from convergences_node.archive.durable import replace_durably
from convergences_node.archive.model import NewRecord
from convergences_node.archive.options import Options
from convergences_node.config import CONFIG_NAME, Config, NodeSection
from convergences_node.config_text import write_config

Settings = Mapping[str, Mapping[str, Any]]
"""Values for the configuration file besides its defaults, by section: `{"http": {"port": 8001}}`."""


@dataclass(frozen=True, slots=True)
class Founded:
    """A node that was just made, and what a person must now write down."""

    folder: Path
    territory: str
    name: str
    origin: str
    key: bytes
    recovery_sheet: Sequence[str]
    """Shown this once. See `convergences_protocol.recovery`."""


async def create_town(
    folder: Path,
    territory: str,
    kind: str,
    name: str,
    *,
    facts: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    options: Options | None = None,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    recovery_seed: bytes | None = None,
    epoch: bytes | None = None,
) -> Founded:
    """Make a node in `folder`: `kind` is `town` or `agglomeration`; `facts` are the fields of its `territory` record.

    `recovery_seed` and `epoch` are given when the sheet was printed before (`convergences_node.setup`).
    Refused with `LocalError` if they are wrong, or if there is a node already; then nothing was written.
    """
    config = _config(NodeSection(name=name, territory=territory, kind=kind), settings or {})  # type: ignore[arg-type]
    if (folder / CONFIG_NAME).exists():
        raise LocalError(
            f"{folder} already has a node",
            hint="choose another folder; nothing was changed",
            fault=Fault("", "folder_has_node", {"folder": str(folder)}),
        )
    recovery_seed = recovery_seed or random_bytes(SEED_BYTES)
    key = SigningKey.from_seed(random_bytes(SEED_BYTES))
    recovery_public = SigningKey.from_seed(recovery_seed).public
    archive = await Archive.create(folder, territory, key, recovery_public, name=name, epoch=epoch, options=options)
    async with archive:
        if facts is not None:
            await archive.append([NewRecord("territory", dict(facts))])
        own = await archive.read(lambda reader: reader.own_log())
    # Made here, where what makes tables may weigh what it does, and not by the node that then runs for years.
    Store(folder).close()
    replace_durably(folder / CONFIG_NAME, write_config(config).encode())
    return Founded(folder, territory, name, own.origin, key.public, write_sheet(recovery_seed))


def _config(node: NodeSection, settings: Settings) -> Config:
    tables = {"node": msgspec.to_builtins(node), **{name: dict(values) for name, values in settings.items()}}
    try:
        return msgspec.convert(tables, Config)
    except msgspec.ValidationError as error:
        raise LocalError(
            f"settings of the new node: {error}",
            fault=Fault("", "setting_wrong", {"file": "convergences.toml", "reason": str(error)[:300]}),
        ) from None
