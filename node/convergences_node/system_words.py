# SPDX-License-Identifier: AGPL-3.0-or-later
"""Why the system refused a file, a card or a connection: known by its own English words, to be said in a person's.

A fault carries the system's sentence (`strerror(3)`) as its `reason`: logs keep it, and `fault_sentences.py` has words
for those that an operator may meet, under `system_` and the name that POSIX gives the error.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from functools import cache

from convergences_node.regular_files import NOT_REGULAR

MET = (
    errno.EACCES,
    errno.EADDRINUSE,
    errno.EADDRNOTAVAIL,
    errno.EBUSY,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EDQUOT,
    errno.EEXIST,
    errno.EFBIG,
    errno.EHOSTUNREACH,
    errno.EIO,
    errno.EISDIR,
    errno.EMFILE,
    errno.ENAMETOOLONG,
    errno.ENETUNREACH,
    errno.ENODEV,
    errno.ENOENT,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.ENXIO,
    errno.EPERM,
    errno.EROFS,
    errno.ETIMEDOUT,
)


def system_code(reason: str) -> str | None:
    """The code of the sentence for what the system said, as `system_EIO`; None for anything else."""
    return _codes().get(reason.casefold())


@cache
def _codes() -> Mapping[str, str]:
    codes = {os.strerror(number).casefold(): f"system_{errno.errorcode[number]}" for number in MET}
    return codes | {NOT_REGULAR.casefold(): "system_EFTYPE"}
