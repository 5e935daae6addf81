# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bytes as one word that a person can paste: a prefix that says what it is, and base32 in small letters.

Base32 (RFC 4648 section 6, without padding) survives capitals, in which it makes small QR codes. Spaces and line
breaks, which mail programs add, are passed over; any other sign is a fault. What the bytes mean is not judged here.
"""

import base64
import binascii


def wrap(prefix: str, data: bytes) -> str:
    """The word for these bytes."""
    return prefix + base64.b32encode(data).decode().rstrip("=").lower()


def unwrap(prefix: str, text: str, bytes_max: int) -> bytes:
    """The bytes in a text that someone pasted; ValueError if it is not such a word, or stands for too many bytes."""
    word = "".join(text.split()).lower()
    if not word.startswith(prefix) or len(word) > len(prefix) + 2 * bytes_max:
        raise ValueError(f"not a word that begins with {prefix}")
    letters = word[len(prefix) :].upper()
    try:
        data = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except (ValueError, binascii.Error) as error:
        raise ValueError(f"not base32 after {prefix}: {error}") from None
    if len(data) > bytes_max or wrap(prefix, data) != word:
        raise ValueError(f"not a word that begins with {prefix}: too long, or with stray bits at its end")
    return data
