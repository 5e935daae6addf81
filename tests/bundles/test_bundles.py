# SPDX-License-Identifier: AGPL-3.0-or-later
"""A cluster without any network: logs go on a stick, and what arrives is as good as what the wire brings."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive.model import NewRecord
from convergences_node.archive.verifying import verify_folder
from convergences_node.bundles import verb
from convergences_node.bundles.places import Folder, ZipWriter
from convergences_node.fault_sentences import said_in
from convergences_protocol import checkpoint
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.errors import LocalError, RemoteError
from convergences_protocol.fork import ForkProof

from ..awkward.cluster import Cluster, Node
from .impatient import cluster

__all__ = ["cluster"]


async def apart(cluster: Cluster, *names: str) -> list[Node]:
    nodes = await cluster.cluster(*names)
    for node in nodes[1:]:
        cluster.net.sever(nodes[0].key, node.key)
    return nodes


def names(count: int, what: str = "club") -> list[str]:
    return [f"{what} {number}" for number in range(count)]


async def carry(writer: Node, reader: Node, stick: Path) -> Any:
    await writer.ask("bundle_write", path=str(stick))
    return await reader.ask("bundle_read", path=str(stick))


async def cosigners(node: Node, origin: str) -> set[str]:
    """Whose cosignatures of that log a node has."""
    return {row.cosigner for row in await node.town.archive.read(lambda reader: reader.cosignatures(origin))}


@pytest.mark.parametrize("place", ["stick", "stick.zip"])
async def test_what_a_town_wrote_is_found_at_the_agglomeration_by_stick(
    cluster: Cluster, tmp_path: Path, place: str
) -> None:
    """More than one bundle of records, to the same root; and the way back brings the agglomeration's cosignature."""
    agglomeration, town = await apart(cluster, "saint-denis")
    await town.write(*names(600))
    read = await carry(town, agglomeration, tmp_path / place)
    assert read["sound"], read
    await agglomeration.until_finds("club 0", "club 599")
    assert await agglomeration.headers(town.origin) == await town.headers(town.origin)

    async def has_cosigned() -> bool:
        """It does once the erasures in the log are read, which comes a moment after the records."""
        await agglomeration.town._clockwork.cosign()
        return agglomeration.origin in await cosigners(agglomeration, town.origin)

    await agglomeration.until(has_cosigned, "it cosigns what came")
    await carry(agglomeration, town, tmp_path / place)
    await town.town.archive.keep_cosignatures(())  # or within a minute: what is heard is written with what comes next
    assert agglomeration.origin in await cosigners(town, town.origin)


async def test_a_slow_stick_holds_nothing_else(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file of it is read where the pages are answered."""
    agglomeration, town = await apart(cluster, "saint-denis")
    await town.write("one")
    await town.ask("bundle_write", path=str(tmp_path / "stick"))
    read, places = Folder.read, set[bool]()

    def watched(place: Folder, name: str, bytes_max: int) -> bytes:
        places.add(threading.current_thread() is threading.main_thread())
        return read(place, name, bytes_max)

    monkeypatch.setattr(Folder, "read", watched)
    assert (await agglomeration.ask("bundle_read", path=str(tmp_path / "stick")))["sound"]
    assert places == {False}


async def test_what_the_node_itself_cannot_read_is_not_the_stick_s_fault(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its card gives a page of the archive back with errors: refused in words that name the archive."""
    (agglomeration,) = await cluster.cluster()

    def fail(*given: Any) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(verb, "write_bundle", fail)
    with pytest.raises(LocalError) as refused:
        await agglomeration.ask("bundle_write", path=str(tmp_path / "stick"))
    assert "archive.db" in said_in(refused.value, "fr") and "malformed" in said_in(refused.value, "fr")


async def test_the_same_stick_again_writes_and_brings_only_what_is_new(cluster: Cluster, tmp_path: Path) -> None:
    """Idempotent both ways, and incremental."""
    agglomeration, town = await apart(cluster, "saint-denis")
    await town.write(*names(600))
    first = await town.ask("bundle_write", path=str(tmp_path / "stick"))
    again = await town.ask("bundle_write", path=str(tmp_path / "stick"))
    assert first["files"] > 6 and again["files"] == 0
    await agglomeration.ask("bundle_read", path=str(tmp_path / "stick"))
    read = await agglomeration.ask("bundle_read", path=str(tmp_path / "stick"))
    assert all(log["before"] == log["after"] for log in read["logs"])
    await town.write("one more")
    more = await town.ask("bundle_write", path=str(tmp_path / "stick"))
    assert 0 < more["bytes"] < first["bytes"] / 2
    await carry(town, agglomeration, tmp_path / "stick")
    await agglomeration.until_finds("club 0", "one more")
    assert not [path for path in (tmp_path / "stick").rglob("*") if path.name.endswith(".part")]


async def test_a_third_town_is_reached_through_the_agglomeration_s_stick(cluster: Cluster, tmp_path: Path) -> None:
    """The charter goes on the stick too: a town that was enrolled meanwhile is heard of, and its log is taken."""
    agglomeration, first, second = await apart(cluster, "saint-denis", "epinay")
    await first.ask("follow", keep="all")
    await second.write("from the second town")
    stick = tmp_path / "stick"
    await carry(second, agglomeration, stick)
    read = await carry(agglomeration, first, stick)
    assert read["sound"], read
    await first.until_finds("from the second town")


async def test_an_erasure_travels_and_the_stick_forgets_the_words(cluster: Cluster, tmp_path: Path) -> None:
    """The stick that had them is written again: no file on it has the erased body any more."""
    agglomeration, town = await apart(cluster, "saint-denis")
    (placed,) = await town.write("Personne à oublier")
    stick = tmp_path / "stick"
    await carry(town, agglomeration, stick)
    await agglomeration.until_finds("Personne à oublier")
    assert _holds(stick, "Personne à oublier")
    await town.ask("erase", element=str(placed.element), reason="asked", now=True)
    await carry(town, agglomeration, stick)
    assert not _holds(stick, "Personne à oublier")

    async def forgotten() -> bool:
        return not await agglomeration.finds("Personne à oublier")

    await agglomeration.until(forgotten)


def _holds(stick: Path, word: str) -> bool:
    return any(word.encode() in path.read_bytes() for path in stick.rglob("*") if path.is_file())


async def test_bodies_that_were_missing_come_with_a_later_stick(cluster: Cluster, tmp_path: Path) -> None:
    """The first stick had headers alone, as from a holder that wanted the bodies itself."""
    agglomeration, town = await apart(cluster, "saint-denis")
    await town.write(*names(300))
    stick = tmp_path / "stick"
    await town.ask("bundle_write", path=str(stick))
    whole = {path: path.read_bytes() for path in stick.rglob("bodies/*/*") if path.is_file()}
    whole |= {path: path.read_bytes() for path in stick.rglob("bodies/*") if path.is_file()}
    for path in whole:
        path.write_bytes(bytes([0]) + bytes([2]) * (255 if path.name == "000" else 44))
    await agglomeration.ask("bundle_read", path=str(stick))
    state = await agglomeration.log(town.origin)
    assert state is not None and state.size == 301 and state.wanted > 0
    for path, data in whole.items():
        path.write_bytes(data)
    await agglomeration.ask("bundle_read", path=str(stick))

    async def here() -> bool:
        state = await agglomeration.log(town.origin)
        return state is not None and state.wanted == 0

    await agglomeration.until(here, "all bodies")


def _alter(name: str) -> Callable[[Path], None]:
    def alter(stick: Path) -> None:
        (path,) = [path for path in stick.rglob(name) if "FR-93066" in str(path)][:1]
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    return alter


LIES: dict[str, Callable[[Path], None]] = {
    "a header altered": _alter("tile/entries/000"),
    "a body altered": _alter("bodies/000"),
    "the head altered": _alter("checkpoint"),
    "a file gone": lambda stick: next(stick.rglob("*FR-93066*/**/tile/entries/000")).unlink(),
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_is_false_or_damaged_on_a_stick_is_not_taken_and_said(
    cluster: Cluster, tmp_path: Path, lie: str
) -> None:
    """Nothing false is kept, no peer is blamed, and the mended stick is taken afterwards."""
    agglomeration, town = await apart(cluster, "saint-denis")
    await town.write(*names(400))
    stick = tmp_path / "stick"
    await town.ask("bundle_write", path=str(stick))
    shutil.copytree(stick, tmp_path / "kept")
    LIES[lie](stick)
    read = await agglomeration.ask("bundle_read", path=str(stick))
    log = next(log for log in read["logs"] if log["territory"] == "FR-93066")
    assert not read["sound"] or log["after"] < 401
    peers = await agglomeration.town.archive.read(lambda reader: reader.peers())
    assert all(peer.faults == 0 for peer in peers)
    await agglomeration.ask("bundle_read", path=str(tmp_path / "kept"))
    await agglomeration.until_finds("club 0", "club 399")
    await cluster.stop(agglomeration)
    assert verify_folder(agglomeration.folder).sound


async def test_a_node_that_is_not_running_reads_and_writes_bundles_too(cluster: Cluster, tmp_path: Path) -> None:
    """As the command line does when no node serves the folder."""
    from convergences_node.control import _call_offline

    agglomeration, town = await apart(cluster, "saint-denis")
    await town.write("written before")
    await cluster.stop(agglomeration, town)
    await _call_offline(town.folder, "bundle_write", {"path": str(tmp_path / "stick")}, lambda event: None)
    read = await _call_offline(
        agglomeration.folder, "bundle_read", {"path": str(tmp_path / "stick")}, lambda event: None
    )
    assert read["sound"]
    await cluster.start(agglomeration)
    await agglomeration.until_finds("written before")


async def test_a_new_epoch_is_heard_of_and_enrolled_by_stick(cluster: Cluster, tmp_path: Path) -> None:
    """The town was put back from a backup where there is no network: the stick is all that the agglomeration gets."""
    agglomeration, town = await apart(cluster, "saint-denis")
    await town.write("before")
    await carry(town, agglomeration, tmp_path / "stick")
    await cluster.stop(town)
    (town.folder / "head.guard").unlink()
    await cluster.start(town)
    await town.write("in the new epoch")
    await carry(town, agglomeration, tmp_path / "stick")
    await agglomeration.until_enrolled(town.origin)
    await carry(town, agglomeration, tmp_path / "stick")
    await agglomeration.until_finds("before", "in the new epoch")


async def test_the_proof_that_a_log_has_two_histories_travels_by_stick(cluster: Cluster, tmp_path: Path) -> None:
    """Whoever reads the stick knows of the fork, and a false proof on it is not taken."""
    agglomeration, first, second = await apart(cluster, "saint-denis", "epinay")
    await carry(second, agglomeration, tmp_path / "stick")
    await carry(agglomeration, first, tmp_path / "stick")
    state = await agglomeration.log(second.origin)
    assert state is not None and state.head_note is not None
    other = checkpoint.sign(Checkpoint(second.origin, state.size, bytes(32)), second.town.archive.keys.node)
    proof = ForkProof(other, state.head_note, state.root, ()).encode()
    await agglomeration.town.archive.keep_fork(second.origin, proof)
    await carry(agglomeration, first, tmp_path / "stick")

    async def known() -> bool:
        rows = await first.town.archive.read(lambda reader: reader.forks(second.origin))
        return [row.proof for row in rows] == [proof]

    await first.until(known, "the fork is known")


async def test_what_is_no_bundle_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    """Nothing there, an empty folder, a list that is none, a ZIP that is none."""
    town = await cluster.start(await cluster.found("saint-denis"))
    with pytest.raises(LocalError, match="no bundle at"):
        await town.ask("bundle_read", path=str(tmp_path / "absent"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(LocalError, match="no bundle at"):
        await town.ask("bundle_read", path=str(tmp_path / "empty"))
    (tmp_path / "empty" / "logs").write_text(json.dumps({"logs": 3}))
    with pytest.raises(RemoteError):
        await town.ask("bundle_read", path=str(tmp_path / "empty"))
    outside = [{"origin": "convergences/../../../etc", "key": "00"}]
    (tmp_path / "empty" / "logs").write_text(json.dumps({"logs": outside}))
    with pytest.raises(RemoteError):
        await town.ask("bundle_read", path=str(tmp_path / "empty"))
    (tmp_path / "bad.zip").write_bytes(b"PK nothing")
    with pytest.raises(RemoteError, match="is no bundle"):
        await town.ask("bundle_read", path=str(tmp_path / "bad.zip"))
    with pytest.raises(LocalError, match=r"no folder .* to put a bundle into") as refused:
        await town.ask("bundle_write", path=str(tmp_path / "absent" / "stick"))
    assert refused.value.hint == "is the stick plugged in?"


async def test_pictures_travel_by_stick_and_leave_it_with_their_records(cluster: Cluster, tmp_path: Path) -> None:
    """What records name, whole or not at all; a file that is not what its name says stays on the stick."""
    agglomeration, town = await apart(cluster, "saint-denis")
    pictures = [b"RIFF....WEBP" + bytes([number]) * 50_000 for number in range(2)]
    blobs = [await town.town.blobs.add_bytes(picture) for picture in pictures]
    await town.town.blobs.add_bytes(b"RIFF....WEBP nobody names it")
    media = [
        {"digest": blob.digest.hex(), "type": "image/webp", "bytes": blob.size, "alt": "x", "width": 9, "height": 9}
        for blob in blobs
    ]
    record = NewRecord("content", {"name": "Deux images", "type": "photo", "media": media})
    (placed,) = await town.town.archive.append([record])
    stick = tmp_path / "stick"
    assert (await town.ask("bundle_write", path=str(stick)))["blobs"] == 2
    assert (await town.ask("bundle_write", path=str(stick)))["blobs"] == 0
    spoilt = stick / "blobs" / blobs[1].digest.hex()
    spoilt.write_bytes(b"x" * 50_012)
    assert (await agglomeration.ask("bundle_read", path=str(stick)))["blobs"] == 1
    here = await agglomeration.town.blobs.find(blobs[0].digest)
    assert here is not None and here.path.read_bytes() == pictures[0]
    assert await agglomeration.town.blobs.find(blobs[1].digest) is None
    await town.ask("erase", element=str(placed.element), reason="asked by the person")
    await town.ask("bundle_write", path=str(stick))
    assert list((stick / "blobs").iterdir()) == []


LINKED: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a list half written": ("logs.part", lambda stick: Folder(stick, writing=True).settle("logs", b"{}")),
    "a file half written": ("log/a.part", lambda stick: Folder(stick, writing=True).write("log/a", b"bytes")),
    "a file that is there": ("log/a.part", lambda stick: Folder(stick, writing=True).write("log/there", b"bytes")),
    "a zip half written": ("b.zip.part", lambda stick: ZipWriter(stick / "b.zip").close()),
    "a folder": ("tile", lambda stick: Folder(stick, writing=True).write("tile/0/a", b"bytes")),
    "a folder to be emptied": ("tile", lambda stick: Folder(stick, writing=True).remove("tile/precious")),
}


@pytest.mark.parametrize("way", LINKED)
def test_a_link_on_the_stick_leads_to_no_file_of_the_node(tmp_path: Path, way: str) -> None:
    """Whoever lends a stick could have the node write over its own archive: the link is refused."""
    name, work = LINKED[way]
    stick, node = tmp_path / "stick", tmp_path / "node"
    (stick / "log").mkdir(parents=True)
    (stick / "log" / "there").write_bytes(b"older")
    (stick / "log" / "there.part").symlink_to(node / "precious")
    node.mkdir()
    (node / "precious").write_bytes(b"precious")
    (stick / name).symlink_to(node if name == "tile" else node / "precious")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        work(stick)
    assert [(path.name, path.read_bytes()) for path in node.iterdir()] == [("precious", b"precious")]


@pytest.mark.parametrize("way", [way for way in LINKED if not way.startswith("a folder")])
def test_a_pipe_on_the_stick_does_not_have_the_node_wait(tmp_path: Path, way: str) -> None:
    """To open one for writing waits for who would read it."""
    name, work = LINKED[way]
    stick = tmp_path / "stick"
    (stick / "log").mkdir(parents=True)
    (stick / "log" / "there").write_bytes(b"older")
    for pipe in {name, "log/there.part"}:
        os.mkfifo(stick / pipe)
    with pytest.raises(OSError, match="No such device or address"):
        work(stick)
    assert (stick / "log" / "there").read_bytes() == b"older"
