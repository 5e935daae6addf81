# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which of the releases that were found is meant; where none of them may be installed, why, and where it lies.

Who asks for a version by its number has it before their eyes, on a stick for instance. One that is there and is not
believed is therefore never said to be absent: that would send a person to look for another stick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from convergences_protocol.errors import ConvergencesError, Fault, LocalError, RemoteError
from convergences_protocol.release import Package, version_of

from .finding import Offer
from .judging import judge
from .places import Installed

CHECK = "convergences update check"


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, and where it was looked for."""

    offers: Sequence[Offer]
    """The newest first, and those that cannot be believed last."""
    where: Path | None = None
    """The one place that was looked at; None: all sticks and the agglomeration."""
    unreachable: str | None = None
    """Why the agglomeration did not answer, if it was asked and did not."""


def judged(each: Offer, here: Installed) -> tuple[Package | None, ConvergencesError | None]:
    """The package for this machine, or why there is none that may be installed."""
    if each.release is None:
        return None, each.refused
    try:
        return judge(each.release, here), None
    except ConvergencesError as error:
        return None, error


def choose(found: Found, version: str | None, here: Installed) -> tuple[Offer, Package]:
    """The newest that may be installed, or the newest of `version` that may. Raises `LocalError` or `RemoteError`: if
    none may, the first says why."""
    named = [each for each in found.offers if version is None or each.claims(version)]
    if not named:
        raise _absent(found, version)
    for each in named:
        package, _ = judged(each, here)
        if package is not None:
            return each, package
    raise refusal(named[0], here)


def refusal(each: Offer, here: Installed) -> ConvergencesError:
    """Why this one may not be installed, and where it lies."""
    _, error = judged(each, here)
    assert error is not None and error.fault is not None
    code, kind = error.fault.code, type(error)
    if code == "release_unsigned" and not here.keys.keys:
        code = "update_no_keys"
    params = {**error.fault.params, "code": code}
    if each.from_peer:
        return kind(f"the agglomeration offers: {error}", fault=Fault("", "update_refused_offered", params))
    fault = Fault("", "update_refused_at", {**params, "where": str(each.where)})
    return kind(f"{each.where}: {error}", fault=fault)


def _absent(found: Found, version: str | None) -> ConvergencesError:
    others = sorted({each.release.version for each in found.offers if each.release is not None}, key=version_of)
    if version is not None and others:
        fault = Fault("", "update_other_version", {"version": version, "others": ", ".join(others)})
        return LocalError(f"no release {version} is found; there is {', '.join(others)}", hint=CHECK, fault=fault)
    if found.where is not None:
        fault = Fault("", "update_none_at", {"where": str(found.where)})
        return LocalError(f"no release in {found.where}", fault=fault)
    if found.unreachable is not None:
        fault = Fault("", "update_none_reached")
        return RemoteError(f"no release on a stick, and the agglomeration: {found.unreachable}", fault=fault)
    message = "there is no release on a stick, and the agglomeration offers none"
    return LocalError(message, fault=Fault("", "update_none"))
