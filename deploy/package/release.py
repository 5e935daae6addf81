# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sign a release: `make release KEY=…` writes `dist/convergences-<version>.release` beside the packages of `make deb`.

    release.py key NAME FILE                     draws a key into FILE (keep it off the network; two people, two keys)
    release.py sign --key FILE [--key FILE] …    signs what is in dist/; with the old key and the new one to change keys
    release.py sign --add --key FILE             the second person, elsewhere: adds a signature to the one beside the
                                                 packages, which has to be of these packages to the byte
    release.py check LIST                        says what a list of keys holds, and whether enough of it signed dist/

NAME is an address without its scheme, such as `convergences.example/release-1`. What `key` prints is for the list that
packages are built with (`build.py --release-keys`, or `files/release-keys`). No key belongs into a repository.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import secrets
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import payload
from convergences_protocol.errors import ConvergencesError, RemoteError
from convergences_protocol.keys import SEED_BYTES, SigningKey
from convergences_protocol.note import is_name
from convergences_protocol.release import (
    Package,
    Release,
    ReleaseKey,
    add_signature,
    open_release,
    read_keys,
    sign_release,
)

ROOT = Path(__file__).resolve().parents[2]
KEY_HEAD = "convergences release key"
OLDEST = "0.1.0"
"""The oldest version whose nodes this one still starts from: the first of `tests/updates/golden/`."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="release.py", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    key = commands.add_parser("key", help="draw a key")
    key.add_argument("name")
    key.add_argument("file", type=Path)
    sign = commands.add_parser("sign", help="sign the packages in dist/")
    sign.add_argument("--key", type=Path, action="append", required=True)
    sign.add_argument("--dist", type=Path, default=ROOT / "dist")
    sign.add_argument("--version", help="instead of pyproject.toml's")
    sign.add_argument("--add", action="store_true", help="to the signatures of the release that is there")
    sign.add_argument("--oldest", default=OLDEST, help="the oldest version that may be followed by this one")
    check = commands.add_parser("check", help="who may sign, and who has")
    check.add_argument("list", type=Path)
    check.add_argument("--dist", type=Path, default=ROOT / "dist")
    options = parser.parse_args(arguments)
    try:
        if options.command == "key":
            return _key(options.name, options.file)
        return _sign(options) if options.command == "sign" else _check(options)
    except (ConvergencesError, OSError) as error:
        print(f"release.py: {error}", file=sys.stderr)
        return 1


def _key(name: str, file: Path) -> int:
    if not is_name(name):
        print("a key's name has no space and no plus", file=sys.stderr)
        return 1
    seed = secrets.token_bytes(SEED_BYTES)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as written:
        written.write(f"{KEY_HEAD}\n{name}\n{seed.hex()}\n")
    print(ReleaseKey(name, SigningKey(seed).public).encode())
    return 0


def _read_key(file: Path) -> tuple[str, SigningKey]:
    head, name, seed = file.read_text("utf-8").splitlines()
    if head != KEY_HEAD:
        raise SystemExit(f"{file} is no release key")
    return name, SigningKey.from_seed(bytes.fromhex(seed))


def _sign(options: argparse.Namespace) -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    version = options.version or project["version"]
    packages = tuple(_package(path, version) for path in sorted(options.dist.glob(f"convergences_{version}_*.deb")))
    if not packages:
        raise SystemExit(f"no package of {version} in {options.dist}: make deb")
    release = Release(version, options.oldest, payload.PYTHONS, packages)
    target = options.dist / f"convergences-{version}.release"
    signers = [_read_key(file) for file in options.key]
    if options.add:
        data = target.read_bytes()
        for name, key in signers:
            data = add_signature(data, release, name, key)
    else:
        data = sign_release(release, signers)
    target.write_bytes(data)
    print(target)
    for package in packages:
        print(f"  {package.architecture}: {package.size} bytes")
    return 0


def _check(options: argparse.Namespace) -> int:
    """1 if a release that is there has not enough signatures, or if there is no key at all."""
    known, code = read_keys(options.list.read_bytes()), 0
    print(f"{known.needed} of {len(known.keys)} keys have to sign")
    for key in known.keys:
        print(f"  {key.encode()}")
    for path in sorted(options.dist.glob("convergences-*.release")):
        try:
            print(f"{path.name}: {open_release(path.read_bytes(), known).version}, signed by enough of them")
        except RemoteError as error:
            print(f"{path.name}: {error}")
            code = 1
    return code if known.keys else 1


def _package(path: Path, version: str) -> Package:
    data = path.read_bytes()
    said = dict(re.findall(r"^([A-Za-z-]+): (.+)$", _control(data), re.MULTILINE))
    if (said["Package"], said["Version"]) != ("convergences", version):
        raise SystemExit(f"{path} is {said['Package']} {said['Version']}")
    return Package(
        said["Architecture"], path.name, len(data), sha256(data).hexdigest(), int(said["Installed-Size"]) * 1024
    )


def _control(data: bytes) -> str:
    """The control file of a Debian package (deb(5)): an `ar` archive of two compressed tar archives."""
    for name, content in _members(data):
        if name.startswith("control.tar"):
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                found = archive.extractfile("./control")
                assert found is not None, "a file, by deb(5)"
                return found.read().decode()
    raise SystemExit("a package without a control file")


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 8
    while at + 60 <= len(data):
        name, size = data[at : at + 16].decode().rstrip(" /"), int(data[at + 48 : at + 58])
        yield name, data[at + 60 : at + 60 + size]
        at += 60 + size + size % 2


if __name__ == "__main__":
    sys.exit(main())
