# SPDX-License-Identifier: AGPL-3.0-or-later
"""A stick that is pulled out, cut or failing while it is read: said in words, nothing false or half is kept, and the
whole stick, read again, brings the rest."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive.verifying import verify_folder
from convergences_node.bundles.places import Folder, ZipReader
from convergences_node.fault_sentences import fault_sentence, hint_sentence
from convergences_node.faults import fault_from_json
from convergences_protocol.errors import RemoteError

from ..awkward.cluster import Cluster, Node
from ..awkward.torn_stick import TornStick
from .impatient import cluster

__all__ = ["cluster"]


RECORDS = 600


async def written(cluster: Cluster, stick: Path) -> tuple[Node, Node]:
    """An agglomeration, and a town whose stick it is to read."""
    agglomeration, town = await cluster.cluster("saint-denis")
    cluster.net.sever(agglomeration.key, town.key)
    await town.write(*[f"club {number}" for number in range(RECORDS)])
    await town.ask("bundle_write", path=str(stick))
    return agglomeration, town


def of_town(read: Any) -> dict[str, Any]:
    (log,) = [log for log in read["logs"] if log["territory"] == "FR-93066"]
    found: dict[str, Any] = log
    return found


def said(read: Any, code: str) -> None:
    """In both languages, with what to do."""
    assert not read["sound"] and read["fault"]["code"] == code, read
    fault = fault_from_json(read["fault"])
    assert "clé" in fault_sentence(fault, "fr") and "stick" in fault_sentence(fault, "en")
    assert hint_sentence(fault, "fr") and hint_sentence(fault, "en")


async def whole_again(agglomeration: Node, town: Node, stick: Path, cluster: Cluster) -> None:
    """From the whole stick the rest comes, twice the same, and nobody is blamed."""
    for _ in range(2):
        read = await agglomeration.ask("bundle_read", path=str(stick))
        assert read["sound"] and of_town(read)["after"] == RECORDS + 1, read
    assert await agglomeration.headers(town.origin) == await town.headers(town.origin)
    await agglomeration.until_finds("club 0", f"club {RECORDS - 1}")
    peers = await agglomeration.town.archive.read(lambda reader: reader.peers())
    assert all(peer.faults == 0 for peer in peers)
    await cluster.stop(agglomeration)
    assert verify_folder(agglomeration.folder).sound


def file_of(stick: Path, name: str) -> Path:
    return next(path for path in stick.rglob(name) if "FR-93066" in str(path))


@pytest.mark.parametrize("share", [0.0, 0.6])
@pytest.mark.parametrize("name", ["checkpoint", "tile/entries/001", "bodies/001", "tile/1/000.p/2"])
async def test_a_file_that_breaks_off(cluster: Cluster, tmp_path: Path, name: str, share: float) -> None:
    """What came before it is kept, and no record of what is cut."""
    stick = tmp_path / "stick"
    agglomeration, town = await written(cluster, stick)
    cut = file_of(stick, name)
    data = cut.read_bytes()
    cut.write_bytes(data[: int(len(data) * share)])
    read = await agglomeration.ask("bundle_read", path=str(stick))
    said(read, "bundle_damaged")
    headers = await agglomeration.headers(town.origin)
    assert headers == (await town.headers(town.origin))[: len(headers)]
    assert len(headers) == of_town(read)["after"] < RECORDS + 1
    cut.write_bytes(data)
    await whole_again(agglomeration, town, stick, cluster)


@pytest.mark.parametrize("after", [6, 8, 12])
async def test_a_stick_that_fails_in_the_middle(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Every read after so many returns an error, as of a stick whose plug is loose."""
    stick = tmp_path / "stick"
    agglomeration, town = await written(cluster, stick)
    with monkeypatch.context() as failing:
        torn = TornStick(stick, after, failing)
        read = await agglomeration.ask("bundle_read", path=str(stick))
    assert torn.failed
    said(read, "bundle_unread")
    assert "erreur" in fault_sentence(fault_from_json(read["fault"]), "fr"), "the system's word too is in French"
    assert of_town(read)["after"] < RECORDS + 1
    assert of_town(read)["size"] == RECORDS + 1, "what is missing is counted by what was seen before"
    await whole_again(agglomeration, town, stick, cluster)


async def test_one_that_cannot_be_read_from_the_first_is_refused(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its list of logs is cut, or not given back."""
    stick = tmp_path / "stick"
    agglomeration, town = await written(cluster, stick)
    with monkeypatch.context() as failing:
        TornStick(stick, 0, failing)
        with pytest.raises(RemoteError) as refused:
            await agglomeration.ask("bundle_read", path=str(stick))
    assert refused.value.fault is not None and refused.value.fault.code == "bundle_unread"
    index = (stick / "logs").read_bytes()
    for share in (0.0, 0.5, 0.99):
        (stick / "logs").write_bytes(index[: int(len(index) * share)])
        with pytest.raises(RemoteError) as refused:
            await agglomeration.ask("bundle_read", path=str(stick))
        assert refused.value.fault is not None and refused.value.fault.code == "bundle_damaged"
    (stick / "logs").write_bytes(index)
    await whole_again(agglomeration, town, stick, cluster)


@pytest.mark.parametrize("name", ["logs", "checkpoint", "tile/entries/001", "bodies/001"])
async def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(cluster: Cluster, tmp_path: Path, name: str) -> None:
    """To open one waits for who would write to it. It is said what is wrong, and the whole stick brings the rest."""
    stick = tmp_path / "stick"
    agglomeration, town = await written(cluster, stick)
    path = stick / name if name == "logs" else file_of(stick, name)
    data = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    try:
        read = await agglomeration.ask("bundle_read", path=str(stick))
    except RemoteError as error:
        assert name == "logs" and error.fault is not None
        assert "ce n’est pas un fichier ordinaire" in fault_sentence(error.fault, "fr")
    else:
        said(read, "bundle_unread")
    path.unlink()
    path.write_bytes(data)
    await whole_again(agglomeration, town, stick, cluster)


async def test_a_stick_that_is_pulled_out_is_missed(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are not there any more, which is not the same as a log that has no more: it said that all had come."""
    stick = tmp_path / "stick"
    agglomeration, town = await written(cluster, stick)
    read_file: Callable[..., bytes] = Folder.read
    loop = asyncio.get_running_loop()

    def pulled(folder: Folder, name: str, bytes_max: int) -> bytes:
        if name.endswith("tile/entries/001") and stick.exists():
            kept = agglomeration.until_holds(town.origin, 256)  # it is asked for while those are written
            asyncio.run_coroutine_threadsafe(kept, loop).result()
            stick.rename(tmp_path / "in the hand")
        return read_file(folder, name, bytes_max)

    with monkeypatch.context() as pulling:
        pulling.setattr(Folder, "read", pulled)
        read = await agglomeration.ask("bundle_read", path=str(stick))
    said(read, "bundle_gone")
    assert (of_town(read)["after"], of_town(read)["size"]) == (256, RECORDS + 1)
    await whole_again(agglomeration, town, tmp_path / "in the hand", cluster)


async def test_a_bundle_in_one_file_fails_in_the_middle(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for a ZIP file, whose list was read and whose files are not given back."""
    stick = tmp_path / "stick.zip"
    agglomeration, town = await written(cluster, stick)
    read_file = ZipReader.read
    left = [9]

    def failing(reader: ZipReader, name: str, bytes_max: int) -> bytes:
        left[0] -= 1
        if left[0] < 0:
            reader._zip.fp = Torn()  # type: ignore[assignment]  # as the stick's file is from now on
        return read_file(reader, name, bytes_max)

    class Torn:
        seekable, tell, close = (lambda self: True), (lambda self: 0), (lambda self: None)

        def seek(self, *_: object) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        read = seek

    with monkeypatch.context() as tearing:
        tearing.setattr(ZipReader, "read", failing)
        read = await agglomeration.ask("bundle_read", path=str(stick))
    said(read, "bundle_unread")
    await whole_again(agglomeration, town, stick, cluster)


async def test_a_picture_that_breaks_off_is_left_and_said(cluster: Cluster, tmp_path: Path) -> None:
    """The records are here; the picture is taken from the whole stick."""
    from convergences_node.archive.model import NewRecord

    stick = tmp_path / "stick"
    agglomeration, town = await cluster.cluster("saint-denis")
    cluster.net.sever(agglomeration.key, town.key)
    blob = await town.town.blobs.add_bytes(b"RIFF....WEBP" + bytes(50_000))
    media = [
        {"digest": blob.digest.hex(), "type": "image/webp", "bytes": blob.size, "alt": "x", "width": 9, "height": 9}
    ]
    await town.town.archive.append([NewRecord("content", {"name": "Une image", "type": "photo", "media": media})])
    await town.ask("bundle_write", path=str(stick))
    shutil.copytree(stick, tmp_path / "kept")
    (stick / "blobs" / blob.digest.hex()).write_bytes(b"RIFF....WEBP" + bytes(20_000))
    read = await agglomeration.ask("bundle_read", path=str(stick))
    said(read, "bundle_damaged")
    assert read["blobs"] == 0 and await agglomeration.town.blobs.find(blob.digest) is None
    read = await agglomeration.ask("bundle_read", path=str(tmp_path / "kept"))
    assert read["sound"] and read["blobs"] == 1
