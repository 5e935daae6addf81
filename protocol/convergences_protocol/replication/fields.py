# SPDX-License-Identifier: AGPL-3.0-or-later
"""The fields of messages, one reader each: the value within its bounds, or `RemoteError`."""

from __future__ import annotations

from typing import TypeAlias

from ..errors import RemoteError
from ..merkle import HASH_BYTES, SIZE_MAX
from .limits import (
    BATCH_RECORDS_MAX,
    BODY_BYTES_MAX,
    CREDIT_MAX,
    LEAF_BYTES_MAX,
    ORIGIN_CHARS_MAX,
    PROOF_HASHES_MAX,
)

GivenBody: TypeAlias = bytes | bool | None
"""A body as a peer gives it: the bytes, `None` when an erasure named it, `False` when there is none to give."""


def natural(value: object, what: str) -> int:
    if type(value) is not int or not 0 <= value <= SIZE_MAX:
        raise RemoteError(f"{what} that is no natural number")
    return value


def credit_of(value: object) -> int:
    credit = natural(value, "credit")
    if not 0 < credit <= CREDIT_MAX:
        raise RemoteError(f"credit of {credit}, from 1 to {CREDIT_MAX} is given")
    return credit


def origin_of(value: object) -> str:
    if type(value) is not str or not 0 < len(value) <= ORIGIN_CHARS_MAX or not value.isascii():
        raise RemoteError("origin that cannot be read")
    return value


def bytes_of(value: object, bytes_max: int, what: str) -> bytes:
    if type(value) is not bytes or len(value) > bytes_max:
        raise RemoteError(f"{what} that is no byte string of at most {bytes_max} bytes")
    return value


def hash_of(value: object, what: str) -> bytes:
    if type(value) is not bytes or len(value) != HASH_BYTES:
        raise RemoteError(f"{what} that is no hash")
    return value


def root_of(value: object) -> bytes:
    """A hash, or nothing where there is none to name."""
    return b"" if value == b"" else hash_of(value, "root")


def list_of(value: object, count_max: int, what: str) -> list[object]:
    if type(value) is not list or len(value) > count_max:
        raise RemoteError(f"{what} that are no list of at most {count_max}")
    return value


def pair_of(value: object, what: str) -> tuple[object, object]:
    if type(value) is not list or len(value) != 2:
        raise RemoteError(f"{what} that is no pair")
    return value[0], value[1]


def hashes_of(value: object) -> tuple[bytes, ...]:
    return tuple(hash_of(item, "proof") for item in list_of(value, PROOF_HASHES_MAX, "proof"))


def leaves_of(value: object) -> tuple[bytes, ...]:
    """Headers, in one tight loop: this and `slots_of` run once a record."""
    leaves = list_of(value, BATCH_RECORDS_MAX, "headers")
    for leaf in leaves:
        if type(leaf) is not bytes or len(leaf) > LEAF_BYTES_MAX:
            raise RemoteError(f"header that is no byte string of at most {LEAF_BYTES_MAX} bytes")
    return tuple(leaves)  # type: ignore[arg-type]


def slots_of(value: object) -> tuple[GivenBody, ...]:
    slots = list_of(value, BATCH_RECORDS_MAX, "bodies")
    for slot in slots:
        if type(slot) is bytes:
            if len(slot) > BODY_BYTES_MAX:
                raise RemoteError(f"body of {len(slot)} bytes, at most {BODY_BYTES_MAX} are taken")
        elif slot is not None and slot is not False:
            raise RemoteError("body slot that is neither bytes, null nor false")
    return tuple(slots)  # type: ignore[arg-type]
