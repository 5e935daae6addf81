# SPDX-License-Identifier: AGPL-3.0-or-later
"""A stranger's server on loopback that plays Mobilizon: an instance actor with its own RSA key, an inbox that checks.

What it signs and checks it does by its own few lines from the draft, and not with the node's code.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

ACTIVITY = "application/activity+json"
AS = "https://www.w3.org/ns/activitystreams"
PATIENCE = 30.0


@cache
def key_of(number: int) -> RSAPrivateKey:
    """Making one takes long, and these are nobody's secret."""
    return generate_private_key(65_537, 2048)


def signing_text(names: list[str], method: str, target: str, headers: Mapping[str, str]) -> bytes:
    values = {name.lower(): value for name, value in headers.items()} | {"(request-target)": f"{method} {target}"}
    return "\n".join(f"{name}: {values[name]}" for name in names).encode()


@dataclass
class Neighbour:
    """One server, and the actor `relay` on it."""

    key: RSAPrivateKey = field(default_factory=lambda: key_of(0))
    base: str = ""
    heard: list[dict[str, Any]] = field(default_factory=list)
    """Activities that came to its inbox with a true signature."""
    false: list[str] = field(default_factory=list)
    """What was wrong with others."""
    status: int = 202
    """What its inbox answers."""
    asked: int = 0
    """How many times its actor was asked for."""
    document: dict[str, Any] = field(default_factory=dict)
    """What its actor's document says otherwise than usual."""
    type: str = "Application"
    actor_status: int = 200
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def actor(self) -> str:
        return f"{self.base}/relay"

    @property
    def pem(self) -> str:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    async def show_actor(self, request: web.Request) -> web.Response:
        self.asked += 1
        said = {
            "@context": AS, "id": self.actor, "type": self.type, "preferredUsername": "relay",
            "inbox": f"{self.base}/own/inbox", "endpoints": {"sharedInbox": f"{self.base}/inbox"},
            "publicKey": {"id": f"{self.actor}#main-key", "owner": self.actor, "publicKeyPem": self.pem},
        }  # fmt: skip
        return web.json_response(said | self.document, content_type=ACTIVITY, status=self.actor_status)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        activity = json.loads(body)
        try:
            await self._check(request, body, activity)
        except Exception as error:
            self.false.append(f"{activity.get('type')}: {error!r}")
            return web.Response(status=401)
        if self.status < 300:
            self.heard.append(activity)
        self.news.set()
        return web.Response(status=self.status)

    async def _check(self, request: web.Request, body: bytes, activity: Mapping[str, Any]) -> None:
        """As Mobilizon: the key is that of the actor, who is asked for it; everything that matters is signed."""
        parts = dict(piece.split("=", 1) for piece in request.headers["Signature"].split(","))
        said = {name: value.strip('"') for name, value in parts.items()}
        names = said["headers"].split()
        assert {"(request-target)", "host", "date", "digest"} <= set(names)
        assert request.headers["Digest"] == f"SHA-256={base64.b64encode(sha256(body).digest()).decode()}"
        whose = said["keyId"].partition("#")[0]
        async with aiohttp.ClientSession() as session, session.get(whose, headers={"Accept": ACTIVITY}) as answer:
            assert (answer.status, answer.content_type) == (200, ACTIVITY)
            actor = json.loads(await answer.read())
        assert actor["id"] == activity["actor"] == actor["publicKey"]["owner"]
        assert actor["publicKey"]["id"] == said["keyId"]
        key: Any = load_pem_public_key(actor["publicKey"]["publicKeyPem"].encode())
        text = signing_text(names, "post", request.path_qs, request.headers)
        key.verify(base64.b64decode(said["signature"]), text, PKCS1v15(), SHA256())

    def follow(self, whom: str, **changed: Any) -> dict[str, Any]:
        wish = {"@context": AS, "id": f"{self.base}/follow/1", "type": "Follow", "actor": self.actor, "object": whom}
        return wish | changed

    def sign(self, target: str, host: str, body: bytes, **changed: str) -> dict[str, str]:
        """Headers as they should be, but for what a test wants otherwise."""
        digest = f"SHA-256={base64.b64encode(sha256(body).digest()).decode()}"
        headers = {"Host": host, "Date": changed.get("date", formatdate(usegmt=True)), "Digest": digest}
        headers |= {name.title(): value for name, value in changed.items() if name in ("digest", "host")}
        names = changed.get("names", "(request-target) host date digest").split()
        value = self.key.sign(signing_text(names, "post", target, headers), PKCS1v15(), SHA256())
        key_id = changed.get("key_id", f"{self.actor}#main-key")
        headers["Signature"] = (
            f'keyId="{key_id}",algorithm="rsa-sha256",headers="{" ".join(names)}",'
            f'signature="{base64.b64encode(value).decode()}"'
        )
        headers["Host"] = host
        return headers

    async def post(self, inbox: str, activity: Any, **changed: str) -> tuple[int, str]:
        """Post an activity; what the node answers: a status, and its word for why not."""
        body = activity if isinstance(activity, bytes) else json.dumps(activity).encode()
        parts = urlsplit(inbox)
        return await self.send(inbox, body, self.sign(parts.path, parts.netloc, body, **changed))

    async def send(self, inbox: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        headers = {"Content-Type": ACTIVITY, **headers}
        async with aiohttp.ClientSession() as session, session.post(inbox, data=body, headers=headers) as answer:
            said = await answer.read()
            return answer.status, json.loads(said).get("code", "") if said else ""

    async def hear(self, count: int) -> list[dict[str, Any]]:
        """Wait until so much was heard."""
        async with asyncio.timeout(PATIENCE):
            while len(self.heard) < count:
                assert not self.false, self.false
                await self.news.wait()
                self.news.clear()
        return self.heard

    async def hear_of(self, verb: str, thing: str) -> dict[str, Any]:
        """Wait for an activity about something."""
        count = 0
        while True:
            for activity in self.heard[count:]:
                count += 1
                about = activity["object"]
                if activity["type"] == verb and (about["id"] if isinstance(about, dict) else about) == thing:
                    return activity
            await self.hear(count + 1)


@asynccontextmanager
async def neighbour() -> AsyncIterator[Neighbour]:
    """A server of its own, up."""
    here = Neighbour()
    app = web.Application()
    app.router.add_get("/relay", here.show_actor)
    app.router.add_post("/inbox", here.take)
    app.router.add_post("/own/inbox", here.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    here.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield here
    finally:
        await runner.cleanup()
