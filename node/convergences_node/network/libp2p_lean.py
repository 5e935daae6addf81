# SPDX-License-Identifier: AGPL-3.0-or-later
"""Load py-libp2p without what it brings for services which no node uses.

Its AutoTLS asks a public certificate authority for names of `libp2p.direct`; we speak Noise, and a town may have no
internet at all. But `libp2p/security/tls/autotls` imports `httpx` and `requests` when the library is loaded, and they
stay: 11 MiB of resident memory, of the 140 MiB that a node may have on a small card. While the library is imported, a
name without anything behind it stands for each; afterwards both can be imported as ever.

PyCryptodome, of which libp2p reads RSA keys, reaches its own C code by cffi where that is there, for which cffi reads
declarations in C: a tenth of the processor's time that libp2p takes to load, and 1.2 MiB. Without cffi it does the same
by ctypes, as on any machine that lacks it (`Crypto/Util/_raw_api.py`). So that import fails meanwhile.

A fault of the stand-in shows at once and only there: whoever reached for AutoTLS would get an ImportError.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

UNUSED = ("httpx", "requests")
ABSENT = ("cffi",)


class NotLoaded(ModuleType):
    """Stands for a module that was left out; to use it is an ImportError."""

    def __getattr__(self, name: str) -> Any:
        # What the import system itself asks of a module may be absent.
        if name.startswith("__"):
            raise AttributeError(name)
        raise ImportError(f"{self.__name__} was left out when libp2p was loaded: AutoTLS is not for our nodes")


@contextmanager
def left_out(names: tuple[str, ...] = UNUSED) -> Iterator[None]:
    """Within it, an import of one of `names` that was not loaded yet gives a stand-in, and one of `ABSENT` fails."""
    others: dict[str, ModuleType | None] = {name: NotLoaded(name) for name in names} | dict.fromkeys(ABSENT)
    others = {name: other for name, other in others.items() if name not in sys.modules}
    sys.modules.update(others)  # type: ignore[arg-type]  # None: an import of it fails (Python's reference, 5.3.1)
    try:
        yield
    finally:
        for name in others:
            del sys.modules[name]
