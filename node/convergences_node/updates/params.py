# SPDX-License-Identifier: AGPL-3.0-or-later
"""The parameters of the verbs of updates."""

from __future__ import annotations

from convergences_node.params import Params


class UpdateCheck(Params):
    """Look for a newer version of the program: in `where`, a folder or a `.release` file; else on every stick and at
    the agglomeration. Answer: `{installed: {version, architecture}, offers: [{version, where, bytes, refused:
    fault|None}], unreachable, …update_status}`; `where` is empty for what the agglomeration offers."""

    where: str | None = None


class UpdateStage(Params):
    """Copy the newest release that may be installed here, or that `version`, into the node's folder, checked and whole.
    Progress: `{what: "update", done, total}`. Answer: `{version, bytes, where}`."""

    where: str | None = None
    version: str | None = None


class UpdateApply(Params):
    """Have the staged version installed. The node stops, starts as the new version, and is on trial for ten minutes.
    Answer: `{version}`."""


class UpdateStatus(Params):
    """How far an update has come. Answer: `{version, staged: version|None, held, attempt: {phase, old, new, at, reason:
    fault|None, seen}|None, offered: version|None, can_install, signers}`; `held`: nothing is written while the new
    version is on trial; `can_install`: this node is run by the package's service; `signers`: how many keys may sign a
    version for it: with none, every version is refused."""


class UpdateReturn(Params):
    """Have the version before put back, while the new one is on trial. Answer: `{version}`."""


class UpdateSeen(Params):
    """Somebody has read how the last update ended: no sign tells it any more. Answer: as `update_status`."""


class UpdateOffer(Params):
    """At an agglomeration: offer a release to its towns, from a folder or a `.release` file, or, with an empty `where`,
    none any more. Answer: `{version, packages: {machine: bytes}}`."""

    where: str
