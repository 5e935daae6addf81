# SPDX-License-Identifier: AGPL-3.0-or-later
"""The recovery key: sixteen groups of four letters on a sheet of paper, and the one thing it can sign.

The sheet has four lines of sixteen characters: eight bytes of the seed and two of check, in Crockford's base32 (no I,
L, O or U; small letters, and O for 0 or I for 1, are understood). Each line is checked by itself and knows its place,
so that who copies it by hand learns which line to look at again.

All that it signs is an `end` that names a successor and the successor's key. Such an end, with the opening of the
new log, is a `Succession`: it goes into the new log as its second record, and by hand to whoever cannot fetch that.
A node's backups are sealed for the same key (`node/…/backup/recipient.py`).
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from . import armour, cbor
from .checkpoint import Checkpoint
from .enrolment import END, End, read_end
from .errors import Fault, LocalError, Refused, RemoteError, Unreadable
from .header import HEADER_BYTES_MAX, Header, read_header, signature_valid
from .keys import SEED_BYTES, SigningKey
from .opening import Opening, read_opening
from .record import author_control

LINES = 4
GROUPS_A_LINE = 4
GROUP_CHARS = 4
SHEET_CHARS_MAX = 1000
PREFIX = "convs1"
SUCCESSION_BYTES_MAX = 2 * HEADER_BYTES_MAX + 16
_LINE_BYTES = SEED_BYTES // LINES
_CHECK_BYTES = 2
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_UNDERSTOOD = str.maketrans("OIL", "011")
_LINE_CHARS = GROUPS_A_LINE * GROUP_CHARS
_COPIED = re.compile(r"(?im)^[ \t]*(?:[1-9][.):]?[ \t]+)?((?:[0-9a-z]{4}[ \t-]+){3}[0-9a-z]{4})[ \t\r]*$")
"""Four words, perhaps after the number that the sheet's page prints before them: whoever copies it copies that too."""


def write_sheet(seed: bytes) -> list[str]:
    """The lines to print for a recovery key's seed."""
    if len(seed) != SEED_BYTES:
        raise LocalError(f"a seed is {SEED_BYTES} bytes, this one is {len(seed)}")
    return [_write_line(number, seed[number * _LINE_BYTES :][:_LINE_BYTES]) for number in range(LINES)]


def read_sheet(text: str) -> bytes:
    """The seed, from what a person has typed; Refused with every line that does not agree with its check.

    Spaces, dashes and line breaks may stand anywhere.
    """
    chars = [char for char in text[: SHEET_CHARS_MAX + 1].upper().translate(_UNDERSTOOD) if char in _ALPHABET]
    strange = [char for char in text.upper().translate(_UNDERSTOOD) if char not in _ALPHABET and char not in " -\r\n\t"]
    if strange or len(chars) != LINES * _LINE_CHARS or len(text) > SHEET_CHARS_MAX:
        expected = LINES * _LINE_CHARS
        fault = Fault("sheet", "sheet_length", {"chars": len(chars), "chars_expected": expected})
        raise Refused([fault], f"a recovery sheet has {expected} letters and digits, {len(chars)} were given")
    parts: list[bytes] = []
    faults: list[Fault] = []
    for number in range(LINES):
        line = "".join(chars[number * _LINE_CHARS :][:_LINE_CHARS])
        data = _decode(line)
        parts.append(data[:_LINE_BYTES])
        if data[_LINE_BYTES:] != _check(number, data[:_LINE_BYTES]):
            faults.append(Fault(f"sheet.{number + 1}", "sheet_line", {"line": number + 1}))
    if faults:
        lines = ", ".join(str(fault.params["line"]) for fault in faults)
        raise Refused(faults, f"recovery sheet copied wrongly in line {lines}")
    return b"".join(parts)


def find_sheet(text: str) -> str:
    """The words of a sheet in what was copied of it: its four lines, with the numbers that are printed before them or
    with all that stands around them; else the text as it is, of which `read_sheet` says what is wrong."""
    lines = _COPIED.findall(text)
    return "\n".join(lines) if len(lines) == LINES else text.strip()[: SHEET_CHARS_MAX + 1]


@dataclass(frozen=True, slots=True)
class Succession:
    """The headers of a new log's opening, and of the recovery key's `end` of the log that it follows."""

    opening: bytes
    end: bytes

    def encode(self) -> bytes:
        """Deterministic CBOR: `[opening, end]`."""
        return cbor.encode([self.opening, self.end])

    def to_text(self) -> str:
        """The same as one word to paste, `convs1…`, for whoever the new log cannot reach yet."""
        return armour.wrap(PREFIX, self.encode())


@dataclass(frozen=True, slots=True)
class Successor:
    """A succession that was read, its signatures checked; whose recovery key signed is the charter's to judge."""

    opening_header: Header
    opening: Opening
    end_header: Header
    end: End


def author_end(recovery: SigningKey, last: Checkpoint, opening: Opening, why: str, time: int) -> bytes:
    """The header by which the recovery key ends a log in favour of the one that `opening` opens."""
    if opening.origin == last.origin:
        raise LocalError(f"{opening.origin} cannot be its own successor")
    return author_control(recovery, END, End(last, opening.origin, why, opening.key).content(), time)


def read_succession(data: bytes) -> Successor:
    """The succession in these bytes; RemoteError if they are none, or not signed."""
    try:
        value = cbor.decode(data) if len(data) <= SUCCESSION_BYTES_MAX else None
        if type(value) is not list or len(value) != 2 or not all(type(part) is bytes for part in value):
            raise Unreadable("not an opening and an end")
        opening, end = read_header(value[0]), read_header(value[1])
        successor = Successor(opening, read_opening(opening), end, read_end(end))
    except Unreadable as error:
        raise RemoteError(f"succession that cannot be read: {error.reason}") from error
    if not signature_valid(opening.raw) or not signature_valid(end.raw):
        raise RemoteError("succession with a wrong signature")
    return successor


def read_succession_text(text: str) -> Successor:
    """The succession in a word that a person has pasted; Refused if it is none, or not signed."""
    try:
        return read_succession(armour.unwrap(PREFIX, text, SUCCESSION_BYTES_MAX))
    except (ValueError, RemoteError) as error:
        fault = Fault("succession", "succession_unreadable", {"reason": str(error)})
        raise Refused([fault], f"the succession cannot be read: {error}") from error


def _write_line(number: int, part: bytes) -> str:
    value = int.from_bytes(part + _check(number, part), "big")
    chars = "".join(_ALPHABET[value >> shift & 31] for shift in range(5 * (_LINE_CHARS - 1), -1, -5))
    return " ".join(chars[at : at + GROUP_CHARS] for at in range(0, _LINE_CHARS, GROUP_CHARS))


def _decode(line: str) -> bytes:
    value = 0
    for char in line:
        value = value << 5 | _ALPHABET.index(char)
    return value.to_bytes(_LINE_BYTES + _CHECK_BYTES, "big")


def _check(number: int, part: bytes) -> bytes:
    return sha256(b"convergences/recovery-sheet/1" + bytes([number]) + part).digest()[:_CHECK_BYTES]
