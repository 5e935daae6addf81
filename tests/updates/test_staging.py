# SPDX-License-Identifier: AGPL-3.0-or-later
"""Only a whole package, signed, newer, within reach and for this machine is ever staged; else nothing is."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from convergences_node.updates import judging, verb, verifying
from convergences_node.updates.finding import Offer, offers
from convergences_node.updates.params import UpdateStage
from convergences_node.updates.places import installed
from convergences_node.updates.staging import stage, staged, unstage
from convergences_protocol.errors import ConvergencesError, LocalError
from convergences_protocol.release import Package, Release

from .pretending import DEBIAN, NEW, OLD, RELEASE, STRANGER, package, put_release, put_system, release_of


def put(folder: Path, offer: Offer) -> Release:
    return stage(folder, offer, installed(), lambda done, total: None)


def code(error: ConvergencesError | None) -> str:
    assert error is not None and error.fault is not None, error
    return error.fault.code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    node = tmp_path / "node"
    node.mkdir()
    return node


def test_a_release_is_found_on_any_stick_and_staged(system: Path, folder: Path) -> None:
    put_release(system / "media/anne/STICK")
    put_release(system / "mnt", release_of("0.3.0"))
    found = offers(None, installed())
    assert [offer.release.version for offer in found if offer.release] == ["0.3.0", NEW]
    assert put(folder, found[0]).version == "0.3.0"
    assert staged(folder, installed()) == found[0].release
    assert put(folder, found[1]).version == NEW, "another one takes its place"
    assert sorted(path.name for path in (folder / "update").iterdir()) == ["package.deb", "release"]
    assert (folder / "update/package.deb").read_bytes() == DEBIAN
    put_system(system, version=NEW)
    assert staged(folder, installed()) is None, "what is installed by now is not staged any more"
    unstage(folder)
    assert not (folder / "update").exists()


@pytest.mark.parametrize(
    ("release", "version", "wanted"),
    [
        (RELEASE, NEW, "update_not_newer"),
        (RELEASE, "1.0.0", "update_not_newer"),
        (replace(RELEASE, oldest="0.1.5"), OLD, "update_too_far"),
        (replace(RELEASE, packages=(package(architecture="arm64"),)), OLD, "update_other_machine"),
        (replace(RELEASE, pythons=("3.99",)), OLD, "update_other_python"),
        (RELEASE, "0.1.0+test", "update_odd_version"),
    ],
)
def test_what_may_not_be_installed_here(
    system: Path, folder: Path, release: Release, version: str, wanted: str
) -> None:
    put_system(system, version=version)
    (offer,) = offers(put_release(system / "mnt", release).parent, installed())
    with pytest.raises(ConvergencesError) as refused:
        put(folder, offer)
    assert code(refused.value) == wanted and not (folder / "update").exists()


def test_a_stranger_s_release_and_what_is_none(system: Path, folder: Path) -> None:
    put_release(system / "mnt", key=STRANGER)
    (system / "mnt/convergences-9.9.9.release").write_text("install me\n")
    (system / "mnt/convergences-8.8.8.release").mkdir()
    found = offers(None, installed())
    assert {code(offer.refused) for offer in found} == {"release_unsigned", "release_unreadable", "update_uncopied"}
    for offer in found:
        with pytest.raises(ConvergencesError):
            put(folder, offer)
    put_system(system, keys=False)
    assert not any(offer.release for offer in offers(None, installed())), "a package without keys believes nobody"
    with pytest.raises(ConvergencesError) as absent:
        offers(system / "media/nowhere", installed())
    assert code(absent.value) == "stick_absent"


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d + b"x", lambda d: b"?" + d[1:], lambda d: b""])
def test_a_package_that_is_cut_or_altered(system: Path, folder: Path, damage: Callable[[bytes], bytes]) -> None:
    put_release(system / "mnt", data=damage(DEBIAN))
    (offer,) = offers(None, installed())
    with pytest.raises(ConvergencesError) as refused:
        put(folder, offer)
    assert code(refused.value) == "update_damaged" and not (folder / "update").exists()


def test_a_stick_that_is_pulled_out_half_way(system: Path, folder: Path) -> None:
    """What was staged before is gone too, and nothing half is left."""
    put_release(system / "mnt")
    (offer,) = offers(None, installed())
    put(folder, offer)

    def pulled(package: Package) -> Iterator[bytes]:
        yield DEBIAN[:1000]
        raise OSError(5, "Input/output error")

    with pytest.raises(ConvergencesError) as refused:
        stage(folder, offer, installed(), lambda done, total: None, pulled)
    assert code(refused.value) == "update_uncopied" and not (folder / "update").exists()
    (system / "mnt" / package().name).unlink()
    with pytest.raises(ConvergencesError) as absent:
        put(folder, offer)
    assert code(absent.value) == "update_uncopied"


def test_a_full_card_is_seen_before_anything_is_copied(
    system: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_release(system / "mnt")
    (offer,) = offers(None, installed())
    found = os.statvfs(folder)
    monkeypatch.setattr(judging, "SPARE_BYTES", found.f_bavail * found.f_frsize)
    with pytest.raises(ConvergencesError) as refused:
        put(folder, offer)
    assert code(refused.value) == "update_no_room" and not (folder / "update").exists()


def test_a_card_that_takes_no_folder_is_said(system: Path, folder: Path) -> None:
    """It has turned read-only, or has something else of that name."""
    put_release(system / "mnt")
    (folder / "update").touch()
    with pytest.raises(ConvergencesError) as refused:
        put(folder, offers(None, installed())[0])
    assert code(refused.value) == "update_uncopied"


def test_a_program_without_a_package_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConvergencesError) as refused:
        installed(tmp_path)
    assert code(refused.value) == "update_no_package"


def test_root_asks_the_same_again(system: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line of JSON, in a process of its own."""
    good = put_release(system / "mnt")
    command = [
        sys.executable,
        "-c",
        "import sys; from convergences_node.updates.verifying import main; sys.exit(main())",
    ]
    done = subprocess.run([*command, str(good)], capture_output=True, check=True)
    assert json.loads(done.stdout) == {
        "version": NEW,
        "from": OLD,
        "size": len(DEBIAN),
        "sha256": package().digest,
        "installed": 1_000_000,
    }
    bad = put_release(system / "mnt", key=STRANGER)
    assert verifying.main([str(bad)]) == 1
    assert json.loads(capsys.readouterr().out)["refused"]["code"] == "release_unsigned"


async def test_one_at_a_time(system: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page and the command line: the second is told so, and takes nothing away from the first, which goes on to its
    end also where nobody waits for it any more."""
    put_release(system / "media/anne/STICK")
    begun, go_on, ended = asyncio.Event(), threading.Event(), asyncio.Event()
    loop, folders = asyncio.get_running_loop(), verb._STAGING

    class Staging(set[Path]):
        def discard(self, folder: Any) -> None:
            super().discard(folder)
            loop.call_soon_threadsafe(ended.set)

    def slow(*given: Any) -> Release:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(60)
        return stage(*given)

    monkeypatch.setattr(verb, "stage", slow)
    monkeypatch.setattr(verb, "_STAGING", Staging(folders))
    town = cast(Any, SimpleNamespace(folder=folder))
    params = UpdateStage(str(system / "media/anne/STICK"))
    first = asyncio.create_task(verb.stage_one(town, params, lambda event: None))
    await begun.wait()
    for gone in (False, True):
        if gone:
            first.cancel()
            await asyncio.wait([first])
        with pytest.raises(LocalError) as refused:
            await verb.stage_one(town, params, lambda event: None)
        assert code(refused.value) == "update_staging"
    go_on.set()
    await ended.wait()
    assert staged(folder, installed()) == RELEASE
    assert cast(Any, await verb.stage_one(town, params, lambda event: None))["version"] == NEW
