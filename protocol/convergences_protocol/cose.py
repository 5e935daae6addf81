# SPDX-License-Identifier: AGPL-3.0-or-later
"""The bytes that a COSE_Sign1 signature covers (RFC 9052 section 4.4), and the one envelope that our headers use.

Kept apart from `header.py` so that the general form can be held against the COSE working group's examples, and the fast
form in `header.py`, which only cuts slices, against this one.
"""

from __future__ import annotations

from . import cbor

TAG_SIGN1 = 18
ALGORITHM_ED25519 = -19
"""Ed25519 alone (RFC 9864), where the older EdDSA (-8) left the curve to the key."""

HEADER_ALGORITHM, HEADER_KID = 1, 4

_EMPTY_MAP = b"\xa0"


def signed_bytes(protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    """Sig_structure: what is signed, never sent. `protected` is the encoded map, without its byte string's head.

    A map of nothing is signed as no bytes, whichever of the two was sent.
    """
    return cbor.encode(["Signature1", b"" if protected == _EMPTY_MAP else protected, external_aad, payload])


def protected_header(public_key: bytes) -> bytes:
    """The encoded map `{1: -19, 4: public key}`: the algorithm is fixed, the key's id is the key."""
    return cbor.encode({HEADER_ALGORITHM: ALGORITHM_ED25519, HEADER_KID: public_key})


def sign1(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    """The tagged message, with an empty unprotected header."""
    return bytes([0xC0 + TAG_SIGN1]) + cbor.encode([protected, {}, payload, signature])
