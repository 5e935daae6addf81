# SPDX-License-Identifier: AGPL-3.0-or-later
"""What root's installer asks: is this file a release that may be installed here? `verify-release PATH` of the package.

Answers one line of JSON: `{version, from, size, sha256, installed}`, or `{refused: {code, params}}` and exit code 1.
The installer itself imports nothing but Python's own; signatures are checked here, in a process that does nothing else.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from convergences_protocol.errors import ConvergencesError
from convergences_protocol.release import RELEASE_BYTES_MAX, open_release

from .judging import judge
from .places import installed


def main(arguments: list[str] | None = None) -> int:
    """Print the answer; the exit code."""
    (path,) = sys.argv[1:] if arguments is None else arguments
    try:
        here = installed()
        with Path(path).open("rb") as file:
            release = open_release(file.read(RELEASE_BYTES_MAX + 1), here.keys)
        package = judge(release, here)
    except ConvergencesError as error:
        fault = error.fault
        print(json.dumps({"refused": {"code": fault.code, "params": dict(fault.params)} if fault else {}}))
        return 1
    print(
        json.dumps(
            {
                "version": release.version,
                "from": here.version,
                "size": package.size,
                "sha256": package.digest,
                "installed": package.installed,
            }
        )
    )
    return 0
