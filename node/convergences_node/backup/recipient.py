# SPDX-License-Identifier: AGPL-3.0-or-later
"""The key that backups are encrypted to: the recovery sheet's own, in the form that age has.

The recovery key is an Ed25519 key whose public half stands in the first record of every log. By the birational map of
RFC 7748 section 4.1 it is an X25519 key too, which is what the age format encrypts to (C2SP age, "the X25519 recipient
type"). So a node needs nothing but its own log to write a backup, also one that was founded before there were any; and
only who has the sheet can open it (docs/decisions/0081).
The texts are age's, in Bech32 (BIP 173), so that any age tool opens a backup: `age -d -i KEYFILE`.
"""

from __future__ import annotations

from nacl import bindings

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECK_CHARS = 6


def recipient_of(recovery_public: bytes) -> str:
    """`age1…`: whom a backup is encrypted to, from the public recovery key."""
    return _bech32("age", bindings.crypto_sign_ed25519_pk_to_curve25519(recovery_public))


def identity_of(recovery_seed: bytes) -> str:
    """`AGE-SECRET-KEY-1…`: what opens it, from the seed on the recovery sheet."""
    _, secret = bindings.crypto_sign_seed_keypair(recovery_seed)
    return _bech32("age-secret-key-", bindings.crypto_sign_ed25519_sk_to_curve25519(secret)).upper()


def _bech32(prefix: str, data: bytes) -> str:
    values = _five_bits(data)
    expanded = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    check = _polymod([*expanded, *values, *[0] * _CHECK_CHARS]) ^ 1
    values += [check >> 5 * (_CHECK_CHARS - 1 - at) & 31 for at in range(_CHECK_CHARS)]
    return prefix + "1" + "".join(_CHARSET[value] for value in values)


def _five_bits(data: bytes) -> list[int]:
    """The bytes in groups of five bits, the last one filled up with zeroes."""
    bits = "".join(f"{byte:08b}" for byte in data)
    return [int(bits[at : at + 5].ljust(5, "0"), 2) for at in range(0, len(bits), 5)]


def _polymod(values: list[int]) -> int:
    """The checksum of BIP 173, over GF(32)."""
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for at, generator in enumerate(_GENERATORS):
            check ^= generator if top >> at & 1 else 0
    return check
