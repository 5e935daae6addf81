# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is said of one release of the program, and by whom: a text in lines, signed as a C2SP signed note.

    convergences/release/1
    version 0.2.0
    from 0.1.0
    python 3.11 3.13
    package arm64 convergences_0.2.0_arm64.deb 71234567 <SHA-256 in hex> 231000000

`from` is the oldest version that may be followed by this one; a package's line has its length, its digest, and what it
takes on the disk once it is installed. One text has one meaning and one spelling. Keys are written as C2SP verifier
keys (`<name>+<key id>+<base64 of the type and the key>`), one a line, and `needed 2` before them says how many have to
sign; without it, one is enough. A release signed by enough keys of the old list and of the new one lets every node
follow a change of keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from . import note
from .errors import Fault, LocalError, RemoteError
from .keys import SigningKey
from .signature import PUBLIC_BYTES

FORMAT = "convergences/release/1"
RELEASE_BYTES_MAX = 8_192
KEYS_BYTES_MAX = 8_192
KEYS_MAX = 16
PACKAGES_MAX = 16
PYTHONS_MAX = 16
PACKAGE_BYTES_MAX = 1 << 30
"""Ten times what a package is; a card with 16 GB still takes it."""

Version = tuple[int, int, int]
T = TypeVar("T")
_NEEDED = re.compile(r"needed ([1-9][0-9]?)")
_NUMBER = r"(0|[1-9][0-9]{0,4})"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}")
_PYTHON = re.compile(r"3\.[1-9][0-9]{0,2}")
_ARCHITECTURE = re.compile(r"[a-z0-9]{2,20}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._~-]{0,99}\.deb")
_SIZE = re.compile(r"[1-9][0-9]{0,12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Package:
    """The file for one machine."""

    architecture: str
    name: str
    size: int
    digest: str
    """SHA-256 of the file, in hex."""
    installed: int
    """Bytes that it takes on the disk."""

    def line(self) -> str:
        return f"package {self.architecture} {self.name} {self.size} {self.digest} {self.installed}"


@dataclass(frozen=True, slots=True)
class Release:
    """One version of the program, for all machines."""

    version: str
    oldest: str
    """The oldest version that this one may follow."""
    pythons: tuple[str, ...]
    packages: tuple[Package, ...]

    def text(self) -> bytes:
        """What is signed."""
        lines = [FORMAT, f"version {self.version}", f"from {self.oldest}", " ".join(("python", *self.pythons))]
        return "".join(f"{line}\n" for line in (*lines, *(each.line() for each in self.packages))).encode()

    def package_for(self, architecture: str) -> Package | None:
        """The file for a machine, if there is one."""
        return next((each for each in self.packages if each.architecture == architecture), None)


@dataclass(frozen=True, slots=True)
class ReleaseKey:
    """Whose word is taken for a release."""

    name: str
    public: bytes

    def encode(self) -> str:
        """As a C2SP verifier key."""
        kind = bytes((note.ED25519,))
        return f"{self.name}+{note.key_id(self.name, note.ED25519, self.public).hex()}+" + note.encode_base64(
            kind + self.public
        )


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """Whose word is taken, and how many of them have to give it."""

    keys: tuple[ReleaseKey, ...]
    needed: int = 1


def version_of(text: str) -> Version:
    """Three numbers that can be compared; RemoteError for anything else."""
    found = _VERSION.fullmatch(text)
    if found is None:
        raise RemoteError(f"{text[:80]!r} is no version: three numbers, such as 0.2.0")
    return int(found[1]), int(found[2]), int(found[3])


def read_key(text: str) -> ReleaseKey:
    """The inverse of `ReleaseKey.encode`; LocalError, for it is our own house that keeps the list of keys."""
    try:
        name, identifier, encoded = text.split("+", 2)
        blob = note.decode_base64(encoded)
    except ValueError:
        raise LocalError(f"{text[:80]!r} is no release key") from None
    key = ReleaseKey(name, blob[1:])
    is_ours = note.is_name(name) and len(key.public) == PUBLIC_BYTES and blob[0] == note.ED25519
    if not is_ours or key.encode() != f"{name}+{identifier}+{encoded}":
        raise LocalError(f"{text[:80]!r} is no release key")
    return key


def read_keys(data: bytes) -> KnownKeys:
    """A list of keys, one a line, after how many of them are needed; `#` begins a comment."""
    if len(data) > KEYS_BYTES_MAX:
        raise LocalError(f"a list of release keys of {len(data)} bytes; at most {KEYS_BYTES_MAX} are read")
    lines = [line.strip() for line in data.decode(errors="replace").splitlines()]
    said = [line for line in lines if line and not line.startswith("#")]
    found = _NEEDED.fullmatch(said[0]) if said else None
    keys = tuple(read_key(line) for line in said[1 if found else 0 :])
    if len(keys) > KEYS_MAX or len({key.public for key in keys}) != len(keys):
        raise LocalError(f"{len(keys)} release keys; at most {KEYS_MAX} are read, each once")
    needed = int(found[1]) if found else 1
    if needed > max(1, len(keys)):
        raise LocalError(f"{needed} release keys have to sign, of {len(keys)}")
    return KnownKeys(keys, needed)


def sign_release(release: Release, signers: Sequence[tuple[str, SigningKey]]) -> bytes:
    """The note, signed by each. LocalError for a release that nobody could read back."""
    text = release.text()
    if read_release(text) != release or len(text) > RELEASE_BYTES_MAX // 2:
        raise LocalError(f"release {release.version} cannot be written down")
    signed = [note.sign_note(text, name, key) for name, key in signers]
    return note.Note(text, tuple(each.signatures[0] for each in signed)).encode()


def open_release(data: bytes, known: KnownKeys) -> Release:
    """The release in these bytes, signed by enough known keys; RemoteError, with a fault to be told, if it is not."""
    try:
        if len(data) > RELEASE_BYTES_MAX:
            raise RemoteError(f"a release of {len(data)} bytes; at most {RELEASE_BYTES_MAX} are read")
        signed = note.parse(data)
        release = read_release(signed.text)
    except RemoteError as error:
        raise RemoteError(f"this is no release: {error}", fault=Fault("", "release_unreadable")) from None
    count = sum(_signed(signed, key) for key in known.keys)
    if not count:
        raise RemoteError(
            f"release {release.version} is signed by no key that this program knows",
            fault=Fault("", "release_unsigned", {"version": release.version}),
        )
    if count < known.needed:
        raise RemoteError(
            f"release {release.version} has {count} known signatures, and {known.needed} are needed",
            fault=Fault(
                "", "release_undersigned", {"version": release.version, "count": count, "needed": known.needed}
            ),
        )
    return release


def add_signature(data: bytes, release: Release, name: str, key: SigningKey) -> bytes:
    """What others have signed, with one more signature. RemoteError if that is not `release`."""
    signed = note.parse(data)
    if signed.text != release.text():
        raise RemoteError(f"what was signed for {release.version} is not what the packages here are")
    others = tuple(each for each in signed.signatures if each.name != name)
    return note.Note(signed.text, (*others, note.sign_note(signed.text, name, key).signatures[0])).encode()


def _signed(signed: note.Note, key: ReleaseKey) -> bool:
    try:
        note.verify_signature(signed, key.name, key.public)
    except RemoteError:
        return False
    return True


def read_release(text: bytes) -> Release:
    """The release in a text, unverified; RemoteError unless it has the one spelling that `Release.text` gives."""
    lines = text.decode(errors="replace").split("\n")
    if len(lines) < 6 or lines[0] != FORMAT or len(lines) > 5 + PACKAGES_MAX:
        raise RemoteError("a release's lines are its format, version, from, python, and its packages")
    version, oldest, pythons = (
        _words(line, name) for line, name in zip(lines[1:4], ("version", "from", "python"), strict=True)
    )
    packages = tuple(_package(_words(line, "package")) for line in lines[4:-1])
    if len({each.architecture for each in packages}) != len(packages) or not 0 < len(pythons) <= PYTHONS_MAX:
        raise RemoteError("a release with two packages for one machine, or for no Python")
    release = Release(
        _one(version, version_of),
        _one(oldest, version_of),
        tuple(_matched(each, _PYTHON) for each in pythons),
        packages,
    )
    if release.text() != text:
        raise RemoteError("a release in another spelling than its own")
    return release


def _words(line: str, name: str) -> list[str]:
    first, *rest = line.split(" ")
    if first != name:
        raise RemoteError(f"{line[:80]!r} where a release says its {name}")
    return rest


def _one(words: Sequence[str], check: Callable[[str], T]) -> str:
    if len(words) != 1:
        raise RemoteError(f"{' '.join(words)[:80]!r} where one word stands")
    check(words[0])
    return words[0]


def _matched(word: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(word):
        raise RemoteError(f"{word[:80]!r} in a release")
    return word


def _package(words: Sequence[str]) -> Package:
    if len(words) != 5:
        raise RemoteError("a package's line has its machine, name, length, digest and room")
    architecture, name, size, digest, installed = (
        _matched(word, pattern)
        for word, pattern in zip(words, (_ARCHITECTURE, _NAME, _SIZE, _DIGEST, _SIZE), strict=True)
    )
    if int(size) > PACKAGE_BYTES_MAX or int(installed) > 4 * PACKAGE_BYTES_MAX:
        raise RemoteError(f"a package of {size} bytes; at most {PACKAGE_BYTES_MAX} are read")
    return Package(architecture, name, int(size), digest, int(installed))
