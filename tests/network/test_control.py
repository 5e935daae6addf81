# SPDX-License-Identifier: AGPL-3.0-or-later
"""The operator's door: the same verbs and errors whether a node runs or not, and only for who owns the folder."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from convergences_node import control
from convergences_node import serve as serving
from convergences_node.archive.lock import FolderLock
from convergences_node.control import SOCKET_NAME, ControlServer, call, is_running, socket_path
from convergences_node.faults import Conflict, NotFound, error_from_json, error_to_json
from convergences_node.founding import create_town
from convergences_node.serve import run, serve
from convergences_node.town import Town
from convergences_node.verbs import VERBS
from convergences_protocol.errors import Fault, LocalError, Refused, RemoteError, Unreadable

FACTS = {"name": "Saint-Denis", "code": "FR-93066", "type": "commune"}


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    await create_town(tmp_path / "sd", "FR-93066", "town", "Saint-Denis", facts=FACTS, settings={"http": {"port": 0}})
    return tmp_path / "sd"


@pytest.fixture
async def running(folder: Path) -> AsyncIterator[Path]:
    """A town whose control socket is open; no network."""
    async with Town.open(folder) as town:
        server = ControlServer(town)
        await server.start()
        yield folder
        await server.stop()


async def ask(folder: Path, verb: str, **params: Any) -> Any:
    return await asyncio.to_thread(call, folder, verb, params)


async def test_the_socket_is_for_the_owner_alone_and_goes_with_the_node(running: Path) -> None:
    """File permissions are the key; a verb asked over it is answered."""
    assert stat.S_IMODE((running / SOCKET_NAME).stat().st_mode) == 0o600
    assert is_running(running)
    assert (await ask(running, "status"))["node"]["territory"] == "FR-93066"


async def test_a_stopped_node_answers_too(folder: Path) -> None:
    """With no node running, the folder is opened for the question, under its lock."""
    added = await ask(folder, "add", kind="actor", fields={"name": "Les Amis du Vélo", "type": "association"})
    found = await ask(folder, "search", query={"q": "velos"})
    assert [item["id"] for item in found["items"]] == [added["element"]]
    assert (await ask(folder, "status"))["node"]["running"] is False
    assert not (folder / SOCKET_NAME).exists()


@pytest.mark.parametrize("work", [partial(call, verb="status"), serve])
def test_root_leaves_the_folder_of_another_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[Path], object]
) -> None:
    """`sudo convergences status`, of a node that is down: it left `head.guard` and the index as root's, for root alone,
    and the node came up no more."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    if folder.stat().st_uid == 0:
        os.chown(folder, 65_534, 65_534)
    before = sorted(folder.iterdir())
    with pytest.raises(LocalError) as refused:
        work(folder)
    assert refused.value.fault is not None and refused.value.fault.code == "folder_of_another"
    assert "sudo -u" in (refused.value.hint or "") and sorted(folder.iterdir()) == before


async def test_edits_withdrawals_and_history(running: Path) -> None:
    """An edit from a state that is no longer current is refused with both, and nothing is written."""
    first = await ask(running, "add", kind="actor", fields={"name": "Un", "type": "association"})
    second = await ask(
        running,
        "add",
        kind="actor",
        fields={"name": "Deux", "type": "association"},
        element=first["element"],
        previous=first["digest"],
    )
    with pytest.raises(Conflict) as refused:
        await ask(
            running,
            "add",
            kind="actor",
            fields={"name": "Trois", "type": "association"},
            element=first["element"],
            previous=first["digest"],
        )
    assert (refused.value.current, refused.value.given) == (second["digest"], first["digest"])
    assert (await ask(running, "show", element=first["element"]))["fields"]["name"] == "Deux"
    await ask(running, "withdraw", element=first["element"])
    with pytest.raises(NotFound):
        await ask(running, "show", element=first["element"])
    entries = (await ask(running, "history", element=first["element"]))["entries"]
    assert len(entries) == 3


async def test_every_fault_of_a_form_comes_back_over_the_socket(running: Path) -> None:
    with pytest.raises(Refused) as refused:
        await ask(running, "add", kind="actor", fields={"type": "secte", "email": "nobody"})
    assert {fault.path for fault in refused.value.faults} >= {"name", "email"}


async def test_receipts_are_made_and_checked(running: Path) -> None:
    added = await ask(running, "add", kind="actor", fields={"name": "Un", "type": "association"})
    receipt = await ask(running, "receipt", element=added["element"])
    checked = await ask(running, "verify", receipt=receipt["receipt"])
    assert checked["sound"] and checked["element"] == added["element"]
    broken = receipt["receipt"].replace("index 2", "index 1")
    assert (await ask(running, "verify", receipt=broken))["sound"] is False


async def test_an_erased_element_is_no_longer_shown(running: Path) -> None:
    added = await ask(running, "add", kind="actor", fields={"name": "Jeanne Untel", "type": "person"})
    erased = await ask(running, "erase", element=added["element"], reason="asked", now=True)
    assert erased["state"] == "dropped"
    with pytest.raises(NotFound):
        await ask(running, "show", element=added["element"])
    assert b"Jeanne Untel" not in (running / "index.db").read_bytes() + (running / "archive.db").read_bytes()


async def test_reindex_reports_its_progress(running: Path) -> None:
    told: list[dict[str, Any]] = []
    answer = await asyncio.to_thread(call, running, "reindex", {}, told.append)
    assert answer["entries"] == 2
    assert all(event["what"] == "reindex" for event in told)


async def test_a_wrong_verb_or_parameter_is_named(running: Path) -> None:
    with pytest.raises(LocalError, match="no verb 'dance'"):
        await ask(running, "dance")
    with pytest.raises(LocalError, match="unknown field `elephant`"):
        await ask(running, "show", elephant=1)
    with pytest.raises(LocalError, match="is not an element's id"):
        await ask(running, "show", element="Saint-Denis")


async def test_only_an_agglomeration_invites(running: Path) -> None:
    with pytest.raises(LocalError, match="only an agglomeration"):
        await ask(running, "invite", territory="FR-93066")


async def test_a_socket_left_by_a_killed_node_is_no_node(folder: Path) -> None:
    """kill -9 leaves the file; nobody listens on it, so the folder is opened instead."""
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(folder / SOCKET_NAME))
    left.close()
    assert not is_running(folder)
    assert (await ask(folder, "status"))["node"]["territory"] == "FR-93066"


async def test_a_node_that_dies_while_asked_is_said_to_have(folder: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / SOCKET_NAME))
    listening.listen()

    def die() -> None:
        connection, _ = listening.accept()
        connection.recv(10)
        connection.close()

    threading.Thread(target=die, daemon=True).start()
    with pytest.raises(LocalError, match="stopped"):
        await ask(folder, "status")
    listening.close()


def test_a_path_too_long_for_a_socket_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="too long"):
        socket_path(tmp_path / ("x" * control.SOCKET_PATH_BYTES_MAX))


@pytest.mark.parametrize(
    "error",
    [
        LocalError("a", hint="b"),
        RemoteError("a"),
        NotFound("a", hint="b"),
        Unreadable("a"),
        Conflict("a", current="00", given=None, hint="b"),
        Refused([Fault("themes.2", "unknown_term", {"value": "x", "known": ["a", "b"]})]),
    ],
)
def test_an_error_crosses_the_socket_unchanged(error: Any) -> None:
    again: Any = error_from_json(json.loads(json.dumps(error_to_json(error))))
    assert (type(again), str(again), again.hint) == (type(error), str(error), error.hint)
    assert getattr(again, "faults", None) == getattr(error, "faults", None)


def test_every_verb_says_what_it_answers_and_can_be_imported() -> None:
    for verb in VERBS.values():
        assert verb.params.__doc__ and "nswer" in verb.params.__doc__
        assert callable(verb.function())


async def test_a_node_that_starts_is_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the folder before it answers: `status`, asked then, said that the folder is in use."""
    refused = looked(monkeypatch, control)
    async with Town.open(folder) as town:
        asked = asyncio.create_task(ask(folder, "status"))
        await asyncio.to_thread(refused.wait, 60)
        server = ControlServer(town)
        await server.start()
        assert (await asked)["node"]["territory"] == "FR-93066"
        await server.stop()


async def test_a_command_that_has_the_folder_is_waited_for_by_a_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It found no node running. The node that began then ended, and was started again by systemd later."""
    folder, alone = tmp_path / "sd", {"p2p": {"enabled": False}, "discovery": {"zeroconf": False}}
    await create_town(folder, "FR-93066", "town", "Saint-Denis", facts=FACTS, settings={"http": {"port": 0}, **alone})
    refused, stop, ready = looked(monkeypatch, serving), asyncio.Event(), asyncio.Event()
    lock = FolderLock(folder)
    node = asyncio.create_task(run(folder, lambda town: ready.set(), stop))
    async with asyncio.timeout(60):
        await asyncio.to_thread(refused.wait, 60)
        lock.release()
        await ready.wait()
        stop.set()
        await node


def looked(monkeypatch: pytest.MonkeyPatch, module: Any) -> threading.Event:
    """Set once somebody was refused the folder, and tries again."""
    found = threading.Event()
    is_taken = module.is_taken

    def noted(error: LocalError, folder: Path) -> bool:
        taken: bool = is_taken(error, folder)
        if taken:
            found.set()
        return taken

    monkeypatch.setattr(module, "is_taken", noted)
    return found


async def test_who_keeps_a_folder_is_told_after_a_while(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that neither answers nor ends."""
    monkeypatch.setattr(control, "TAKEN_SECONDS_MAX", 0.0)
    lock = FolderLock(folder)
    with pytest.raises(LocalError, match=f"in use by process {os.getpid()}"):
        await ask(folder, "status")
    lock.release()
