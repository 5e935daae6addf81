# SPDX-License-Identifier: AGPL-3.0-or-later
"""The tags of an element as one integer, kept beside it in the lists that are walked along.

To pass over an element costs a comparison of two integers then, and not a look at the element itself
(docs/decisions/0024-ready-made-answers.md). The tags with the lowest numbers, those met first and so mostly the
common ones, have a bit of their own; all others share the rest, and what a shared bit lets pass has to be looked at.
"""

from __future__ import annotations

from collections.abc import Iterable

OWN_BITS = 40
SHARED_BITS = 22
"""62 in all: positive in SQLite's 64-bit integers."""


def mask_of(tags: Iterable[int]) -> int:
    """The bits of these tags."""
    mask = 0
    for tag in tags:
        mask |= 1 << (tag if tag < OWN_BITS else OWN_BITS + tag % SHARED_BITS)
    return mask


def is_sure(tags: Iterable[int]) -> bool:
    """Whether whatever has one of these tags' bits has that tag."""
    return all(tag < OWN_BITS for tag in tags)
