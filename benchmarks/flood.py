# SPDX-License-Identifier: AGPL-3.0-or-later
"""A crowd at a node's door: many connections that ask what is dear to answer, some that read slowly, some that guess
passwords.

It is bounded in time and in number, and on loopback only, from several addresses: one alone is given few connections. A
node may refuse (429, 503): what counts is that it lives,
within its memory, and answers again when the crowd has gone.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Sequence
from urllib.parse import quote, urlencode

CONNECTIONS = 120
SLOW_CONNECTIONS = 30
"""They ask for whole lists and read 64 KiB a second of them."""
SLOW_BYTES = 1 << 16
GUESSERS = 10
ADDRESSES = 8
"""Of the crowd, from 127.0.0.2 on."""
ANSWER_SECONDS_MAX = 30.0
WORDS = ("association", "jardin", "atelier", "concert", "quartier", "culture", "marché", "théâtre", "débat")
LISTS = ("/search.csv", "/search.ics", "/search.geojson", "/search.atom", "/search.jsonld")
SPARQL = (
    "SELECT ?s ?p ?o WHERE { ?s ?p ?o } LIMIT 10000",
    "SELECT ?p (COUNT(*) AS ?n) WHERE { ?s ?p ?o } GROUP BY ?p ORDER BY DESC(?n)",
    "SELECT ?a ?b WHERE { ?a ?p ?o . ?b ?p ?o } ORDER BY ?a LIMIT 1000",
)
GUESS = urlencode({"name": "operateur", "password": "association jardin"}).encode()


def paths(ids: Sequence[str] = ()) -> list[str]:
    """What the crowd asks for: pages and answers that were not asked for before, and whole lists."""
    asked: list[str] = []
    for word, other in itertools.permutations(WORDS, 2):
        asked += [f"/?{urlencode({'q': f'{word} {other}'})}", f"/api/v1/search?{urlencode({'q': word, 'limit': 100})}"]
        asked += [f"/api/v1/facets?{urlencode({'q': other})}", f"/api/v1/marks?{urlencode({'q': word})}"]
        asked += ["/", "/chiffres", "/api/v1/marks", f"/search.csv?{urlencode({'q': word})}", "/sitemap-1.xml"]
    asked += [f"/sparql?{urlencode({'query': question})}" for question in SPARQL]
    return asked + [f"/e/{quote(each, safe=':')}{end}" for each in ids for end in ("", ".jsonld", "/histoire")]


def crowd(port: int, asked: Sequence[str], seconds: float) -> Counter[str]:
    """Be there for so long. How often each status was answered; `none` where the connection ended without one."""
    return asyncio.run(_crowd(port, asked, seconds))


async def _crowd(port: int, asked: Sequence[str], seconds: float) -> Counter[str]:
    answered: Counter[str] = Counter()
    until = time.monotonic() + seconds
    numbers = itertools.count()

    async def one(number: int, paths: Sequence[str], body: bytes | None = None, pause: float = 0) -> None:
        client = f"127.0.0.{2 + number % ADDRESSES}"
        while time.monotonic() < until:
            path = paths[next(numbers) % len(paths)]
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    status = await _ask(client, port, path, body, pause, until)
            except (OSError, EOFError, TimeoutError):
                status = "none"
                await asyncio.sleep(0.05)
            answered[status] += 1

    await asyncio.gather(
        *(one(number, asked) for number in range(CONNECTIONS)),
        *(one(number, LISTS, pause=1) for number in range(SLOW_CONNECTIONS)),
        *(one(number, ["/operateur/entrer"], GUESS) for number in range(GUESSERS)),
    )
    return answered


async def _ask(client: str, port: int, path: str, body: bytes | None, pause: float, until: float) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=SLOW_BYTES, local_addr=(client, 0))
    try:
        host = f"127.0.0.1:{port}"
        head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        if body is not None:
            kind = "Content-Type: application/x-www-form-urlencoded"
            head += f"Origin: http://{host}\r\n{kind}\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}\r\n".encode() + (body or b""))
        status = (await reader.readline()).split(b" ")[1:2]
        while await reader.read(SLOW_BYTES) and time.monotonic() < until:  # noqa: ASYNC110 -- it reads slowly
            await asyncio.sleep(pause)
        return status[0].decode() if status else "none"
    finally:
        writer.close()
