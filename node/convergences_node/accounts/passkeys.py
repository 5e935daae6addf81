# SPDX-License-Identifier: AGPL-3.0-or-later
"""Passkeys of operators: a fingerprint, a face or a key in the place of a password (W3C Web Authentication, Level 2).

Browsers offer them over TLS alone, and to one host name: a passkey made at `stains.local` opens nothing elsewhere. What
a challenge is answered with is checked by py_webauthn; what is kept is the public key, which is no secret.

A challenge is not remembered when it is given: it carries its end and a MAC of this process, so that whoever opens the
log-in page a million times takes no memory. What is remembered, till it ends, is that one was used.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from convergences_protocol.errors import Fault, Refused

if TYPE_CHECKING:
    from convergences_node.accounts.accounts import Session
    from convergences_node.accounts.store import PasskeyRow, Store

CHALLENGE_SECONDS = 300
NONCE_BYTES, END_BYTES, MAC_BYTES = 16, 8, 32
ANSWER_CHARS_MAX = 8_000
"""An answer without attestation has some five hundred."""
PASSKEYS_MAX = 10
"""Of one operator: a telephone, a computer, a key in the drawer."""
ID_BYTES_MAX = 1023
"""§4, credential ID."""
NAME_CHARS_MAX = 60
MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Site:
    """Where the browser is: what a passkey is bound to (§5.1.2, RP ID), and the origin that it signs."""

    host: str
    origin: str
    name: str
    """The town's, as the browser shows it."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """One, as its owner is shown it."""

    id: str
    """In base64url (RFC 4648 section 5)."""
    name: str
    host: str
    made_at: int
    used_at: int | None


class Passkeys:
    """The passkeys of one node's operators."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._key = secrets.token_bytes(MAC_BYTES)
        self._lock = threading.Lock()
        self._taken: dict[bytes, int] = {}

    # ------------------------------------------------------------------------------------- challenges
    def _challenge(self) -> bytes:
        end = int(self._clock()) + CHALLENGE_SECONDS
        open_part = secrets.token_bytes(NONCE_BYTES) + end.to_bytes(END_BYTES, "big")
        return open_part + self._mac(open_part)

    def _mac(self, open_part: bytes) -> bytes:
        return hmac.digest(self._key, open_part, sha256)

    def _take(self, challenge: bytes) -> bool:
        """Whether this process gave it, not long ago, and nobody has answered it before."""
        open_part, mac = challenge[:-MAC_BYTES], challenge[-MAC_BYTES:]
        if len(open_part) != NONCE_BYTES + END_BYTES or not hmac.compare_digest(mac, self._mac(open_part)):
            return False
        now, end = int(self._clock()), int.from_bytes(open_part[NONCE_BYTES:], "big")
        with self._lock:
            self._taken = {taken: ends for taken, ends in self._taken.items() if ends > now}
            is_new = challenge not in self._taken
            self._taken[challenge] = end
        return is_new and now < end <= now + CHALLENGE_SECONDS

    # ------------------------------------------------------------------------------------- a new one
    async def creation_options(self, session: Session, site: Site) -> str:
        """What a browser is asked to make, in JSON (§5.4)."""
        known = await asyncio.to_thread(self._store.passkeys, session.operator)
        return await asyncio.to_thread(self._creation_options, session, site, known)

    def _creation_options(self, session: Session, site: Site, known: list[PasskeyRow]) -> str:
        import webauthn
        from webauthn.helpers import structs

        return webauthn.options_to_json(
            webauthn.generate_registration_options(
                rp_id=site.host,
                rp_name=site.name,
                user_id=session.operator.to_bytes(8, "big"),
                user_name=session.name,
                challenge=self._challenge(),
                timeout=CHALLENGE_SECONDS * MILLISECONDS,
                authenticator_selection=structs.AuthenticatorSelectionCriteria(
                    resident_key=structs.ResidentKeyRequirement.REQUIRED,
                    user_verification=structs.UserVerificationRequirement.REQUIRED,
                ),
                exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=row[0]) for row in known],
            )
        )

    async def add(self, session: Session, site: Site, answer: str, name: str) -> None:
        """Keep what the browser made. Raises `Refused`."""
        known = await asyncio.to_thread(self._store.passkeys, session.operator)
        if len(known) >= PASSKEYS_MAX:
            raise Refused([Fault("", "passkeys_many", {"limit": PASSKEYS_MAX})])
        made = await asyncio.to_thread(self._made, site, answer)
        shown = "".join(sign for sign in name if sign.isprintable()).strip()[:NAME_CHARS_MAX]
        await asyncio.to_thread(self._store.add_passkey, session.operator, *made, shown, site.host, int(self._clock()))

    def _made(self, site: Site, answer: str) -> tuple[bytes, bytes, int]:
        """Its id, its public key (COSE) and its counter. Raises `Refused`."""
        import webauthn

        credential, challenge = self._answered(answer, "registration")
        try:
            found = webauthn.verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=site.host,
                expected_origin=site.origin,
                require_user_verification=True,
            )
        except Exception:
            raise _refused() from None
        if len(found.credential_id) > ID_BYTES_MAX:
            raise _refused()
        return found.credential_id, found.credential_public_key, found.sign_count

    # ------------------------------------------------------------------------------------- logging in
    async def request_options(self, site: Site) -> str | None:
        """What a browser is asked to sign (§5.5), by any passkey that it has for this host; None if none was made."""
        if not await asyncio.to_thread(self._store.has_passkey, site.host):
            return None
        return await asyncio.to_thread(self._request_options, site)

    def _request_options(self, site: Site) -> str:
        import webauthn
        from webauthn.helpers.structs import UserVerificationRequirement

        return webauthn.options_to_json(
            webauthn.generate_authentication_options(
                rp_id=site.host,
                challenge=self._challenge(),
                timeout=CHALLENGE_SECONDS * MILLISECONDS,
                user_verification=UserVerificationRequirement.REQUIRED,
            )
        )

    async def owner(self, site: Site, answer: str) -> str | None:
        """The name of the operator whose passkey signed; None if the answer is not right."""
        try:
            return await asyncio.to_thread(self._signed, site, answer)
        except Refused:
            return None

    def _signed(self, site: Site, answer: str) -> str:
        import webauthn

        credential, challenge = self._answered(answer, "authentication")
        known = self._store.passkey(credential.raw_id)
        if known is None:
            raise _refused()
        operator, key, count = known
        try:
            found = webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=site.host,
                expected_origin=site.origin,
                credential_public_key=key,
                credential_current_sign_count=count,
                require_user_verification=True,
            )
        except Exception:
            raise _refused() from None
        self._store.used_passkey(credential.raw_id, found.new_sign_count, int(self._clock()))
        return operator

    def _answered(self, answer: str, what: str) -> tuple[Any, bytes]:
        """The credential in a browser's answer, and the challenge that it answers. Raises `Refused`."""
        from webauthn import helpers

        if len(answer) > ANSWER_CHARS_MAX:
            raise _refused()
        parse = getattr(helpers, f"parse_{what}_credential_json")
        try:
            credential = parse(answer)
            challenge = helpers.parse_client_data_json(credential.response.client_data_json).challenge
        except Exception:
            raise _refused() from None
        if not self._take(challenge):
            raise _refused()
        return credential, challenge

    # ------------------------------------------------------------------------------------- those there are
    async def of(self, session: Session) -> list[Passkey]:
        """Those of an operator, the latest first."""
        rows = await asyncio.to_thread(self._store.passkeys, session.operator)
        return [Passkey(urlsafe_b64encode(row[0]).decode(), *row[1:]) for row in rows]

    async def remove(self, session: Session, id: str) -> bool:
        """Whether there was one of that id, which opens nothing from now on."""
        try:
            raw = urlsafe_b64decode(id[: 2 * ID_BYTES_MAX])
        except ValueError:
            return False
        return await asyncio.to_thread(self._store.remove_passkey, session.operator, raw)


def _refused() -> Refused:
    return Refused([Fault("", "passkey_wrong")])
