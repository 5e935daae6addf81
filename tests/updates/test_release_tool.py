# SPDX-License-Identifier: AGPL-3.0-or-later
"""Signing a release: what the tool writes is what a node believes; its key is drawn once, and for its owner alone."""

from __future__ import annotations

import importlib.util
import io
import sys
import tarfile
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest
from convergences_protocol.release import KnownKeys, open_release, read_key, read_keys

PACKAGE = Path(__file__).parents[2] / "deploy" / "package"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PACKAGE))
    spec = importlib.util.spec_from_file_location("release_tool", PACKAGE / "release.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "release_tool", module)
    spec.loader.exec_module(module)
    return module


def debian(version: str, architecture: str) -> bytes:
    """A package as deb(5) says, with a control file and nothing else."""
    control = (
        f"Package: convergences\nVersion: {version}\nArchitecture: {architecture}\nInstalled-Size: 1000\n".encode()
    )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("./control")
        member.size = len(control)
        archive.addfile(member, io.BytesIO(control))
    members = (("debian-binary", b"2.0\n"), ("control.tar.gz", packed.getvalue()), ("data.tar", b"data!"))
    written = b"!<arch>\n"
    for name, data in members:
        written += (
            f"{name:16}{0:<12}{0:<6}{0:<6}{'100644':8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
        )
    return written


def test_what_is_signed_is_believed(tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By who has the key that was printed; with two keys, by who has either."""
    keys = []
    for name in ("one", "two"):
        assert tool.main(["key", f"convergences.example/{name}", str(tmp_path / name)]) == 0
        keys.append(read_key(capsys.readouterr().out.strip()))
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert tool.main(["key", "convergences.example/one", str(tmp_path / "one")]) == 1, "no key is written over"
    for architecture in ("amd64", "arm64"):
        (tmp_path / f"convergences_0.2.0_{architecture}.deb").write_bytes(debian("0.2.0", architecture))
    signed = ["sign", "--dist", str(tmp_path), "--version", "0.2.0"]
    assert tool.main([*signed, "--key", str(tmp_path / "one"), "--key", str(tmp_path / "two")]) == 0
    data = (tmp_path / "convergences-0.2.0.release").read_bytes()
    for key in keys:
        release = open_release(data, KnownKeys((key,)))
        assert (release.version, release.oldest) == ("0.2.0", tool.OLDEST)
    package = release.package_for("arm64")
    assert package is not None and package.installed == 1_024_000
    assert package.digest == sha256(debian("0.2.0", "arm64")).hexdigest()


def test_a_ceremony_of_two_people_as_it_is_written_down(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each draws a key apart; the first signs, the second adds hers at home, to the same packages and to no others."""
    for name in ("one", "two"):
        tool.main(["key", f"convergences.example/{name}", str(tmp_path / name)])
    keys = tmp_path / "keys"
    keys.write_text(f"needed 2\n{capsys.readouterr().out}")
    known = read_keys(keys.read_bytes())
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        (folder / "convergences_0.2.0_arm64.deb").write_bytes(debian("0.2.0", "arm64"))
    sign = ["sign", "--version", "0.2.0"]
    assert tool.main([*sign, "--dist", str(here), "--key", str(tmp_path / "one")]) == 0
    assert tool.main(["check", str(keys), "--dist", str(here)]) == 1
    assert "2 are needed" in capsys.readouterr().out
    name = "convergences-0.2.0.release"
    (there / name).write_bytes((here / name).read_bytes())
    assert tool.main([*sign, "--dist", str(there), "--add", "--key", str(tmp_path / "two")]) == 0
    assert tool.main(["check", str(keys), "--dist", str(there)]) == 0
    assert open_release((there / name).read_bytes(), known).version == "0.2.0"
    (there / "convergences_0.2.0_amd64.deb").write_bytes(debian("0.2.0", "amd64"))
    assert tool.main([*sign, "--dist", str(there), "--add", "--key", str(tmp_path / "two")]) == 1
    assert "not what the packages here are" in capsys.readouterr().err


def test_no_other_package_is_signed(tool: ModuleType, tmp_path: Path) -> None:
    """Nothing there, or a file that says another version than its name."""
    tool.main(["key", "convergences.example/one", str(tmp_path / "one")])
    signed = ["sign", "--dist", str(tmp_path), "--version", "0.2.0", "--key", str(tmp_path / "one")]
    with pytest.raises(SystemExit):
        tool.main(signed)
    (tmp_path / "convergences_0.2.0_amd64.deb").write_bytes(debian("0.3.0", "amd64"))
    with pytest.raises(SystemExit):
        tool.main(signed)


def test_the_repository_s_list_of_keys_can_be_read() -> None:
    """And has no key whose owner is a test."""
    keys = read_keys((PACKAGE / "files/release-keys").read_bytes())
    assert not [key for key in keys.keys if key.name.startswith("convergences.example/")]
