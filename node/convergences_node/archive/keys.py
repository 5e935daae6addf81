# SPDX-License-Identifier: AGPL-3.0-or-later
"""The `keys/` folder: the node's key and its authors' keys, sealed by the node's secret.

`node.secret` lies beside `keys/`, not in it: a backup of `keys/` without the secret says nothing. That is what
sealing protects from, not a stolen card: then the charter ends the log. Sealed with XChaCha20-Poly1305, whose nonce
is long enough to be random; what a key is for is sealed with it, so that files cannot be exchanged.
An author is a pseudonym: who it is does not appear in the name of its file, and `forget` leaves nothing of it.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

from convergences_protocol import cbor
from convergences_protocol.errors import LocalError, Unreadable
from convergences_protocol.keys import SEED_BYTES, SigningKey
from nacl.exceptions import CryptoError
from nacl.secret import Aead

from .durable import overwrite_and_remove, replace_durably

KEYS_NAME = "keys"
SECRET_NAME = "node.secret"  # noqa: S105 -- the name of a file
NODE_KEY_NAME = "node.key"
AUTHOR_NAME_CHARS_MAX = 200
RESTORE = "restore it from the backup; without one, a new node and the recovery sheet: convergences charter end --help"
"""The next step when keys cannot be opened."""
TOWN_AUTHOR = "town"
"""The author of what no account signs: imports, and what the operator writes."""

_MAGIC = b"convergences sealed key 1\n"


class Keyring:
    """The keys of one node. Private keys are kept in memory once read; safe to use from several threads."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        self._folder = folder / KEYS_NAME
        self._secret = secret
        self._authors: dict[str, SigningKey] = {}
        self._lock = threading.Lock()
        self.node: SigningKey

    @classmethod
    def create(cls, folder: Path, node_key: SigningKey) -> Keyring:
        """Seal `node_key` under a new secret. Refuses to write over keys that are there."""
        if keys_in(folder):
            raise LocalError(f"{folder} already has keys")
        secret = secrets.token_bytes(Aead.KEY_SIZE)
        (folder / KEYS_NAME).mkdir(mode=0o700)
        replace_durably(folder / SECRET_NAME, secret.hex().encode() + b"\n")
        keyring = cls(folder, secret)
        keyring.replace_node_key(node_key)
        return keyring

    @classmethod
    def open(cls, folder: Path) -> Keyring:
        """The keys in `folder`; raises `LocalError` that says which file is missing or wrong."""
        try:
            secret = bytes.fromhex((folder / SECRET_NAME).read_text().strip())
        except FileNotFoundError:
            raise LocalError(
                f"the node's secret {folder / SECRET_NAME} is missing, so its keys cannot be opened",
                hint=RESTORE,
            ) from None
        except ValueError:
            secret = b""
        if len(secret) != Aead.KEY_SIZE:
            raise LocalError(
                f"the node's secret {folder / SECRET_NAME} is damaged: it is not 32 bytes in hex", hint=RESTORE
            )
        keyring = cls(folder, secret)
        keyring.node = keyring._open(NODE_KEY_NAME, "node")
        return keyring

    @classmethod
    def renew(cls, folder: Path, node_key: SigningKey) -> Keyring:
        """Begin again with a new secret and a new node key, when the secret was lost; what was sealed is set aside.

        Opening the archive then begins a new epoch, under that key. Authors get new keys.
        """
        for name in (KEYS_NAME, SECRET_NAME):
            if (folder / name).exists():
                number = sum(1 for _ in folder.glob(f"{name}.lost-*")) + 1
                (folder / name).rename(folder / f"{name}.lost-{number}")
        return cls.create(folder, node_key)

    def replace_node_key(self, key: SigningKey) -> None:
        """From now on this is the node's key; the one before is gone."""
        self._seal(NODE_KEY_NAME, "node", key)
        self.node = key

    def author(self, name: str = TOWN_AUTHOR) -> SigningKey:
        """The key under which the author of that name signs; made at first use."""
        with self._lock:
            key = self._authors.get(name)
            if key is None:
                key = self._authors[name] = self._read_or_make(name)
            return key

    def _read_or_make(self, name: str) -> SigningKey:
        if not 0 < len(name) <= AUTHOR_NAME_CHARS_MAX:
            raise LocalError(f"an author's name has 1 to {AUTHOR_NAME_CHARS_MAX} characters")
        file = self._author_file(name)
        if (self._folder / file).exists():
            return self._open(file, f"author {name}")
        key = SigningKey.from_seed(secrets.token_bytes(SEED_BYTES))
        self._seal(file, f"author {name}", key)
        return key

    def other(self, name: str, make: Callable[[], bytes]) -> bytes:
        """A secret of another shape, for one purpose alone; made at first use."""
        with self._lock:
            file = f"{name}.key"
            if not (self._folder / file).exists():
                self._seal_bytes(file, name, make())
            return self._open_bytes(file, name)

    def forget(self, name: str) -> None:
        """An author's key is gone for good: that person was erased, or left. The next account gets another."""
        with self._lock:
            self._authors.pop(name, None)
            overwrite_and_remove(self._folder / self._author_file(name))

    def _author_file(self, name: str) -> str:
        return f"author-{hmac.digest(self._secret, name.encode(), 'sha256').hex()[:32]}.key"

    def _seal(self, file: str, purpose: str, key: SigningKey) -> None:
        self._seal_bytes(file, purpose, key.seed)

    def _seal_bytes(self, file: str, purpose: str, secret: bytes) -> None:
        sealed = Aead(self._secret).encrypt(cbor.encode([purpose, secret]), _MAGIC)
        try:
            replace_durably(self._folder / file, _MAGIC + bytes(sealed))
        except OSError as error:
            raise LocalError(f"the key {self._folder / file} cannot be written: {error.strerror or error}") from error

    def _open(self, file: str, purpose: str) -> SigningKey:
        return SigningKey.from_seed(self._open_bytes(file, purpose))

    def _open_bytes(self, file: str, purpose: str) -> bytes:
        path = self._folder / file
        try:
            data = path.read_bytes()
            content = cbor.decode(Aead(self._secret).decrypt(data.removeprefix(_MAGIC), _MAGIC))
        except FileNotFoundError:
            raise LocalError(f"the key {path} is missing", hint=RESTORE) from None
        except (CryptoError, Unreadable, ValueError):
            raise LocalError(
                f"the key {path} is damaged, or was sealed by another node's secret", hint=RESTORE
            ) from None
        if not isinstance(content, list) or len(content) != 2 or content[0] != purpose:
            raise LocalError(f"the key {path} was sealed for another purpose")
        return bytes(content[1])


def keys_in(folder: Path) -> bool:
    """Whether a node's keys, or what is left of them, are in this folder."""
    return (folder / SECRET_NAME).exists() or (folder / KEYS_NAME).exists()
