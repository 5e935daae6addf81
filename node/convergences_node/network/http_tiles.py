# SPDX-License-Identifier: AGPL-3.0-or-later
"""Being written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class HttpSettings:
    poll_s: float
    addresses: tuple[str, ...] = ()


class HttpTransport:
    name = "http"

    def __init__(self, settings): ...
    async def start(self, listener): ...
    async def stop(self): ...
    def addresses(self):
        return ()

    def allow(self, keys): ...
    def reach(self, targets): ...
    def send(self, key, frame): ...
    def announce(self, data): ...
    def drop(self, key): ...
    async def join(self, address, key, request):
        raise NotImplementedError
