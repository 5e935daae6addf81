# SPDX-License-Identifier: AGPL-3.0-or-later
"""A release is believed when one of the keys that are known has signed exactly these bytes, and never otherwise."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from convergences_protocol.errors import Fault, LocalError, RemoteError
from convergences_protocol.keys import SigningKey
from convergences_protocol.release import (
    KnownKeys,
    Package,
    Release,
    ReleaseKey,
    add_signature,
    open_release,
    read_key,
    read_keys,
    sign_release,
    version_of,
)

OLD, NEW, OTHER = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3))
OLD_NAME, NEW_NAME = "convergences.example/release-1", "convergences.example/release-2"
KNOWN = KnownKeys((ReleaseKey(OLD_NAME, OLD.public),))
PACKAGE = Package("arm64", "convergences_0.2.0_arm64.deb", 71_234_567, "ab" * 32, 231_000_000)
RELEASE = Release("0.2.0", "0.1.0", ("3.11", "3.13"), (PACKAGE, replace(PACKAGE, architecture="amd64")))


def test_a_signed_release_is_read_back() -> None:
    data = sign_release(RELEASE, [(OLD_NAME, OLD)])
    assert open_release(data, KNOWN) == RELEASE
    assert open_release(data, KNOWN).package_for("arm64") == PACKAGE
    assert RELEASE.package_for("riscv64") is None


def test_a_change_of_keys_takes_one_release_signed_by_both() -> None:
    """Who knows the old key follows, and so does who knows the new one alone; a later one, the new key signs."""
    both = sign_release(RELEASE, [(OLD_NAME, OLD), (NEW_NAME, NEW)])
    renewed = KnownKeys((ReleaseKey(NEW_NAME, NEW.public),))
    assert open_release(both, KNOWN) == open_release(both, renewed) == RELEASE
    with pytest.raises(RemoteError, match="signed by no key"):
        open_release(sign_release(RELEASE, [(NEW_NAME, NEW)]), KNOWN)


@pytest.mark.parametrize("keys", [(), (ReleaseKey(OLD_NAME, OTHER.public),), (ReleaseKey(NEW_NAME, OLD.public),)])
def test_a_stranger_s_release_is_refused(keys: tuple[ReleaseKey, ...]) -> None:
    with pytest.raises(RemoteError) as refused:
        open_release(sign_release(RELEASE, [(OLD_NAME, OLD)]), KnownKeys(keys))
    assert refused.value.fault is not None and refused.value.fault.code == "release_unsigned"


def test_where_two_are_needed_one_is_not_enough() -> None:
    """Nor one that signs twice, nor one with a stranger; and the second may sign elsewhere what the first has."""
    known = KnownKeys((ReleaseKey(OLD_NAME, OLD.public), ReleaseKey(NEW_NAME, NEW.public)), needed=2)
    one = sign_release(RELEASE, [(OLD_NAME, OLD)])
    for data in (one, add_signature(one, RELEASE, OLD_NAME, OLD), add_signature(one, RELEASE, NEW_NAME, OTHER)):
        with pytest.raises(RemoteError) as refused:
            open_release(data, known)
        assert refused.value.fault == Fault("", "release_undersigned", {"version": "0.2.0", "count": 1, "needed": 2})
    assert open_release(add_signature(one, RELEASE, NEW_NAME, NEW), known) == RELEASE
    with pytest.raises(RemoteError, match="not what the packages here are"):
        add_signature(one, replace(RELEASE, packages=(PACKAGE,)), NEW_NAME, NEW)


def test_a_list_says_how_many_are_needed() -> None:
    lines = [ReleaseKey(OLD_NAME, OLD.public).encode(), ReleaseKey(NEW_NAME, NEW.public).encode()]
    text = "\n".join(lines)
    assert read_keys(f"# ours\nneeded 2\n{text}\n".encode()).needed == 2
    assert read_keys(text.encode()) == read_keys(f"needed 1\n{text}".encode())
    assert read_keys(b"# nobody yet\n") == KnownKeys(())
    for wrong in (f"needed 3\n{text}", f"needed 0\n{text}", f"{text}\nneeded 2", "needed 2", f"{text}\n{lines[0]}"):
        with pytest.raises(LocalError):
            read_keys(wrong.encode())


def test_no_bit_may_change() -> None:
    data, dice = sign_release(RELEASE, [(OLD_NAME, OLD)]), Random(5)
    for _ in range(300):
        at = dice.randrange(len(data))
        altered = data[:at] + bytes([data[at] ^ (1 << dice.randrange(8))]) + data[at + 1 :]
        with pytest.raises(RemoteError):
            open_release(altered, KNOWN)
    for length in range(0, len(data) - 1, 7):
        with pytest.raises(RemoteError):
            open_release(data[:length], KNOWN)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("version 0.2.0", "version 0.2"),
        ("version 0.2.0", "version 00.2.0"),
        ("version 0.2.0", "version 0.2.0 "),
        ("from 0.1.0", "since 0.1.0"),
        ("python 3.11 3.13", "python"),
        ("3.11", "3.9; rm"),
        ("arm64", "arm64/../x"),
        ("convergences_0.2.0_arm64.deb", "../convergences.deb"),
        ("71234567", "99999999999"),
        ("71234567", "071234567"),
        ("amd64", "arm64"),
        ("ab" * 32, "AB" * 32),
        ("release/1", "release/2"),
    ],
)
def test_a_release_in_another_spelling_is_none_whoever_signed(was: str, becomes: str) -> None:
    from convergences_protocol.note import sign_note

    text = RELEASE.text().decode().replace(was, becomes, 1)
    with pytest.raises(RemoteError) as refused:
        open_release(sign_note(text.encode(), OLD_NAME, OLD).encode(), KNOWN)
    assert refused.value.fault is not None and refused.value.fault.code == "release_unreadable"


def test_nothing_is_signed_that_could_not_be_read() -> None:
    for wrong in (replace(RELEASE, version="1"), replace(RELEASE, packages=()), replace(RELEASE, pythons=())):
        with pytest.raises((LocalError, RemoteError)):
            sign_release(wrong, [(OLD_NAME, OLD)])


def test_versions_are_numbers() -> None:
    assert version_of("0.10.0") > version_of("0.9.9")
    for text in ("", "1", "1.2", "1.2.3.4", "1.2.x", "1.2.-3", "1.2.3~rc1", "1.2.999999"):
        with pytest.raises(RemoteError):
            version_of(text)


def test_a_list_of_keys() -> None:
    keys = [*KNOWN.keys, ReleaseKey(NEW_NAME, NEW.public)]
    listed = "# the keys\n\n" + "".join(f"{key.encode()}\n" for key in keys)
    assert read_keys(listed.encode()) == KnownKeys(tuple(keys))
    assert read_keys(b"# none yet\n") == KnownKeys(())
    encoded = keys[0].encode()
    for wrong in ("", "name", encoded[:-4], encoded.replace("release-1", "release-9"), encoded + "=", "a+b+c"):
        with pytest.raises(LocalError):
            read_key(wrong)
    with pytest.raises(LocalError):
        read_keys(b"x" * 9_000)
