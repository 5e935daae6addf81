# SPDX-License-Identifier: AGPL-3.0-or-later
"""Signatures of HTTP requests as the fediverse makes them: draft-cavage-http-signatures-12, RSA with SHA-256; pure.

What is signed is the method and path, the host, the date and, of a request with a body, its digest (RFC 3230), so that
a signature is worth nothing for another address, another day or another body. The date is compared with a clock that
is given. RFC 9421 came later, and is not yet what these servers send.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

KEY_BITS = 2048
KEY_BITS_MAX = 8192
"""A key that is larger is made to keep us busy."""
PEM_CHARS_MAX = 8_192
HEADER_CHARS_MAX = 4_096
"""Of a `Signature` header; honest ones have about 600."""
NAMES_MAX = 20
DATE_SECONDS_MAX = 3_600
"""How far a date may be from our clock: servers whose clocks are minutes wrong are many."""
TARGET = "(request-target)"
NEEDED = (TARGET, "host", "date", "digest")
ALGORITHMS = ("rsa-sha256", "hs2019", "")
"""`hs2019` leaves it to the key, which is RSA here."""

_PAIR = re.compile(r'\s*([A-Za-z]{1,20})=(?:"([^"\\]{0,3000})"|(\d{1,15}))\s*')


class BadSignature(Exception):  # noqa: N818 - says what it is
    """A request whose sender is not proved; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Signature:
    """A `Signature` header, read."""

    key_id: str
    names: tuple[str, ...]
    """The headers that it covers, in small letters, in order."""
    value: bytes


def read_signature(header: str | None) -> Signature:
    """The header's parts. Raises `BadSignature` for one that does not cover what it must."""
    if not header:
        raise BadSignature("signature-missing")
    found = dict(_pairs(header))
    names = tuple(found.get("headers", "date").lower().split())
    if found.get("algorithm", "") not in ALGORITHMS or not found.get("keyId"):
        raise BadSignature("signature-unreadable")
    if len(names) > NAMES_MAX or len(set(names)) != len(names) or not set(NEEDED) <= set(names):
        raise BadSignature("signature-too-little")
    try:
        value = base64.b64decode(found.get("signature", ""), validate=True)
    except ValueError:
        raise BadSignature("signature-unreadable") from None
    return Signature(found["keyId"], names, value)


def _pairs(header: str) -> list[tuple[str, str]]:
    """`name="value"` or `name=number`, between commas."""
    found, at = [], 0
    while at < len(header) <= HEADER_CHARS_MAX:
        match = _PAIR.match(header, at)
        if match is None or (match.end() < len(header) and header[match.end()] != ","):
            break
        found.append((match[1], match[2] if match[2] is not None else match[3]))
        at = match.end() + 1
    if at < len(header) or len(dict(found)) != len(found):
        raise BadSignature("signature-unreadable")
    return found


def check_body(headers: Mapping[str, str], body: bytes) -> None:
    """Raises `BadSignature` unless the digest that the headers say is the body's."""
    given = dict(part.strip().partition("=")[::2] for part in headers.get("Digest", "")[:HEADER_CHARS_MAX].split(","))
    said = next((value for name, value in given.items() if name.upper() == "SHA-256"), "")
    if not hmac.compare_digest(said.encode(), _digest(body).encode()):
        raise BadSignature("digest-wrong")


def check_date(headers: Mapping[str, str], now: int) -> None:
    """Raises `BadSignature` unless the request says that it was made about now."""
    try:
        said = parsedate_to_datetime(headers.get("Date", "")[:100])
        far = abs((said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        raise BadSignature("date-unreadable") from None
    if far > DATE_SECONDS_MAX:
        raise BadSignature("date-far")


def check_signature(
    signature: Signature, pem: str, method: str, target: str, host: str, headers: Mapping[str, str]
) -> None:
    """Raises `BadSignature` unless the key signed this request, as it came to this host."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    key = _public(pem)
    if key is None:
        raise BadSignature("key-unfit")
    try:
        said = _text(signature.names, method, target, {**headers, "host": host})
        key.verify(signature.value, said, PKCS1v15(), SHA256())
    except InvalidSignature:
        raise BadSignature("signature-false") from None
    except KeyError:
        raise BadSignature("signature-too-much") from None


def signed_headers(
    key: SigningRsa, key_id: str, method: str, target: str, host: str, now: int, body: bytes | None = None
) -> dict[str, str]:
    """The headers of a request of ours, its signature among them."""
    headers = {"host": host, "date": format_datetime(datetime.fromtimestamp(now, UTC), usegmt=True)}
    if body is not None:
        headers["digest"] = f"SHA-256={_digest(body)}"
    names = (TARGET, *headers)
    value = base64.b64encode(key.sign(_text(names, method, target, headers))).decode()
    said = f'keyId="{key_id}",algorithm="rsa-sha256",headers="{" ".join(names)}",signature="{value}"'
    return {name.title(): text for name, text in headers.items()} | {"Signature": said}


def _text(names: Sequence[str], method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """What is signed (section 2.3). Raises `KeyError` for a header that is not there."""
    small = {name.lower(): value.strip() for name, value in headers.items()}
    small[TARGET] = f"{method.lower()} {target}"
    return "\n".join(f"{name}: {small[name]}" for name in names).encode("utf-8", "surrogateescape")


def _digest(body: bytes) -> str:
    return base64.b64encode(sha256(body).digest()).decode()


@lru_cache(maxsize=64)
def _public(pem: str) -> RSAPublicKey | None:
    """The RSA key of a PEM text, if it is one of a size that is both safe and bearable."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem[:PEM_CHARS_MAX].encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) and KEY_BITS <= key.key_size <= KEY_BITS_MAX else None


class SigningRsa:
    """A private key, from the DER bytes that are kept of it."""

    def __init__(self, der: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_der_private_key

        key = load_der_private_key(der, None)
        assert isinstance(key, RSAPrivateKey), "kept by `make_key`"
        self._key = key

    def sign(self, text: bytes) -> bytes:
        """The signature."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        return self._key.sign(text, PKCS1v15(), SHA256())

    def public_pem(self) -> str:
        """The public half, as actors show it."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def make_key() -> bytes:
    """A new private key, as DER. Takes a Pi about a second."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = generate_private_key(65_537, KEY_BITS)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
