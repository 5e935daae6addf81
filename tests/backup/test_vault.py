# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town leaves its backup with the agglomeration, and comes back from it with nothing but its recovery sheet."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import secrets
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from convergences_node.backup import contents
from convergences_node.backup.rebuilding import Left, from_vault, rebuild
from convergences_node.backup.schedule import Nightly
from convergences_node.backup.settling import settled
from convergences_node.blobs.store import Readers
from convergences_node.vault import claiming, leaving
from convergences_node.vault.claiming import STANDS_S, Challenges
from convergences_node.vault.keeping import AGE_MAGIC, DEPOSITS_A_DAY_MAX, KEPT
from convergences_node.vault.notes import NEWEST_KEPT, WEEK_S, Kept, Notes, staying
from convergences_protocol.errors import ConvergencesError, LocalError, RemoteError
from convergences_protocol.keys import SigningKey
from convergences_protocol.recovery import read_sheet
from convergences_protocol.vault import Claim, Deposit, claim, read_claim, read_deposit

from ..awkward.cluster import Cluster, Node

CLEAR = b"of the members alone"


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    await cluster.close()


def quiet(*event: Any) -> None:
    """Nobody looks at the progress."""


def seed_of(node: Node) -> bytes:
    return read_sheet("\n".join(node.founded.recovery_sheet))


async def served(cluster: Cluster, *towns: str) -> list[Node]:
    """A cluster whose agglomeration is reached over HTTP too."""
    nodes = await cluster.cluster(*towns)
    await cluster.stop(nodes[0])
    await cluster.start(nodes[0], pages=True)
    return nodes


def address_of(node: Node) -> str:
    assert node.town.http_address is not None
    return node.town.http_address.rstrip("/")


def private(node: Node) -> None:
    with closing(sqlite3.connect(node.folder / "members.db")) as db:
        db.execute("CREATE TABLE words (word BLOB)")
        db.execute("INSERT INTO words VALUES (?)", (CLEAR,))
        db.commit()


async def say(agglomeration: Node, word: bytes) -> Any:
    answer: Any = json.loads(await agglomeration.town.join_answer(word))
    return answer


async def taken(agglomeration: Node) -> None:
    """Wait for what is being pulled, whatever comes of it."""
    for task in list(agglomeration.town.vault._coming.values()):
        with suppress(ConvergencesError):
            await task


# ------------------------------------------------------------------------------------- the drill
async def test_a_wiped_town_comes_back_from_its_sheet_alone(cluster: Cluster, tmp_path: Path) -> None:
    """No stick, no invitation: private data and key from the vault, the log from the agglomeration to the same root."""
    agglomeration, town = await served(cluster, "saint-denis")
    await town.write(*[f"before {number}" for number in range(300)])
    private(town)
    left = await town.ask("backup", vault=True)
    assert left["kept_at"] and "waiting" not in left
    size_alone = left["bytes"]
    await town.write("after the backup")
    await agglomeration.until_finds("before 0", "after the backup")
    old, before, key = town.origin, await agglomeration.log(town.origin), town.key
    assert before is not None
    (kept,) = (await agglomeration.ask("vault"))["towns"]
    assert (kept["territory"], kept["bytes"], kept["count"]) == ("FR-93066", size_alone, 1)
    whole = tmp_path / "whole"
    whole.mkdir()
    assert size_alone < (await town.ask("backup", target=str(whole)))["bytes"] / 2
    for path in agglomeration.folder.rglob("*"):
        assert not path.is_file() or CLEAR not in path.read_bytes(), path

    await cluster.stop(town)
    shutil.rmtree(town.folder)
    answer = await rebuild(
        town.folder, Left(recovery_seed=seed_of(town), addresses=(address_of(agglomeration),)), 0, quiet
    )
    assert (answer["how"], answer["former"]) == ("vault", old)
    await cluster.start(town)
    answer = await settled(town.town, 40, quiet)
    assert answer["state"] == "settled", answer
    (log,) = [log for log in answer["logs"] if log["origin"] == old]
    assert (log["size"], log["root"], log["wanted"]) == (before.size, before.root.hex(), 0)
    assert town.key == key
    with closing(sqlite3.connect(town.folder / "members.db")) as db:
        assert db.execute("SELECT word FROM words").fetchone() == (CLEAR,)
    await town.until_finds("before 299", "after the backup")
    await town.write("and goes on")
    await agglomeration.until_finds("and goes on")
    assert (await town.ask("backup", vault=True))["kept_at"]


async def test_a_town_of_two_epochs_comes_back_with_both(cluster: Cluster) -> None:
    """The backup names the log that is written in; the one before it is the charter's to name."""
    agglomeration, town = await served(cluster, "saint-denis")
    await town.write("in the first epoch")
    await agglomeration.until_finds("in the first epoch")
    first, size = town.origin, await town.size(town.origin)
    await town.town.archive.open_epoch("a test")
    await agglomeration.until_enrolled(town.town.membership.own.origin)
    await town.write("in the second epoch")
    await agglomeration.until_finds("in the second epoch")
    second = town.origin
    await town.ask("backup", vault=True)
    await cluster.stop(town)
    shutil.rmtree(town.folder)
    assert await from_vault(town.folder, seed_of(town), [address_of(agglomeration)], quiet) is not None
    await cluster.start(town)
    answer = await settled(town.town, 40, quiet)
    assert answer["state"] == "settled", answer
    sizes = {log["origin"]: log["size"] for log in answer["logs"]}
    assert sizes[first] == size and sizes[second] >= 2
    await town.until_finds("in the first epoch", "in the second epoch")


# ------------------------------------------------------------------------------------- what is refused
async def test_only_the_town_itself_leaves_anything_in_its_name(cluster: Cluster) -> None:
    """Another town's key, a log that nobody knows, and words that are none."""
    agglomeration, town, other = await served(cluster, "saint-denis", "epinay")
    deposit = Deposit(town.origin, secrets.token_bytes(32), 1_000, 1)
    words = [
        deposit.encode(other.town.archive.keys.node),
        replace(deposit, origin="convergences/FR-93066/0000000000000001").encode(town.town.archive.keys.node),
        deposit.encode(town.town.archive.keys.node)[:-1],
        deposit.encode(town.town.archive.keys.node) + b"x",
        b"convergences/deposit/1\n",
        b"convergences/claim/1\nx",
    ]
    for word in words:
        with pytest.raises(ConvergencesError):
            await agglomeration.town.join_answer(word)
    assert not agglomeration.town.vault._coming and not (await agglomeration.ask("vault"))["towns"]


async def test_what_is_too_large_or_too_often_is_refused_before_a_byte_comes(cluster: Cluster) -> None:
    """And a node that keeps nothing says so."""
    agglomeration, town = await served(cluster, "saint-denis")
    key, most = town.town.archive.keys.node, agglomeration.town.config.vault.town_bytes
    with pytest.raises(LocalError, match="at most"):
        await say(agglomeration, Deposit(town.origin, bytes(32), most + 1, 1).encode(key))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(LocalError, match="no room"):
        patch.setattr(agglomeration.town.config.vault, "total_mib", 1)
        await say(agglomeration, Deposit(town.origin, bytes(32), (1 << 20) + 1, 1).encode(key))
    for number in [*range(DEPOSITS_A_DAY_MAX), *range(DEPOSITS_A_DAY_MAX)]:  # what did not come is asked for again
        await say(agglomeration, Deposit(town.origin, sha256(bytes([number])).digest(), 10, 1).encode(key))
        await taken(agglomeration)
    with pytest.raises(LocalError, match="a day"):
        await say(agglomeration, Deposit(town.origin, bytes(32), 10, 1).encode(key))
    with pytest.raises(LocalError, match="keeps no backups"):
        await say(town, claim(key).encode())
    agglomeration.town.config.vault.keep = "off"
    with pytest.raises(LocalError, match="keeps no backups"):
        await say(agglomeration, Deposit(town.origin, bytes(32), 10, 1).encode(key))


@pytest.mark.parametrize("lie", ["other bytes", "longer than said", "in clear"])
async def test_a_backup_that_is_not_what_was_announced_is_not_kept(cluster: Cluster, lie: str) -> None:
    """And the one before it stays."""
    agglomeration, town = await served(cluster, "saint-denis")
    good = await town.ask("backup", vault=True)
    data = (CLEAR if lie == "in clear" else AGE_MAGIC) + secrets.token_bytes(5_000)
    blob = await town.town.blobs.add_bytes(data, Readers.PEERS)
    if lie == "other bytes":
        blob.path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    said = len(data) - 1 if lie == "longer than said" else len(data)
    word = Deposit(town.origin, blob.digest, said, 1).encode(town.town.archive.keys.node)
    assert await say(agglomeration, word) == {"state": "coming"}
    await taken(agglomeration)
    assert [each.digest for each in agglomeration.town.vault.notes().kept] == [good["digest"]]
    assert await agglomeration.town.blobs.find(blob.digest) is None


async def test_a_town_that_names_what_is_here_already_takes_nothing_away(cluster: Cluster) -> None:
    """A picture of the agglomeration's own, by its digest, which everybody knows: it is no backup, and it stays."""
    agglomeration, town = await served(cluster, "saint-denis")
    picture = await agglomeration.town.blobs.add_bytes(b"\x89PNG" + secrets.token_bytes(1_000), Readers.PUBLIC)
    word = Deposit(town.origin, picture.digest, picture.size, 1).encode(town.town.archive.keys.node)
    assert await say(agglomeration, word) == {"state": "coming"}
    await taken(agglomeration)
    assert not agglomeration.town.vault.notes().kept
    assert await agglomeration.town.blobs.find(picture.digest) == picture


async def test_a_backup_that_could_not_be_noted_is_not_said_to_be_kept(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The town would let go of its own: it is asked for again, and is there for a node that has started again."""
    agglomeration, town = await served(cluster, "saint-denis")
    blob = await town.town.blobs.add_bytes(AGE_MAGIC + secrets.token_bytes(1_000), Readers.PEERS)
    word = Deposit(town.origin, blob.digest, blob.size, 1).encode(town.town.archive.keys.node)
    with monkeypatch.context() as patch:
        patch.setattr("convergences_node.vault.notes.replace_durably", full)
        assert await say(agglomeration, word) == {"state": "coming"}
        with suppress(OSError):
            await taken(agglomeration)
    assert await say(agglomeration, word) == {"state": "coming"}
    await taken(agglomeration)
    assert await say(agglomeration, word) == {"state": "kept"}
    assert [each.digest for each in Notes(agglomeration.folder).kept] == [blob.digest.hex()]


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# ------------------------------------------------------------------------------------- claims
async def test_a_claim_is_answered_to_its_sheet_alone(cluster: Cluster) -> None:
    """Not to another sheet, not without a challenge of this node's, and not with a signature over another one."""
    agglomeration, town = await served(cluster, "saint-denis")
    left = await town.ask("backup", vault=True)
    sheet, other = SigningKey.from_seed(seed_of(town)), SigningKey.from_seed(bytes(32))
    challenge = bytes.fromhex((await say(agglomeration, claim(sheet).encode()))["challenge"])
    (found,) = (await say(agglomeration, claim(sheet, challenge).encode()))["backups"]
    assert found["digest"] == left["digest"]
    assert (await say(agglomeration, claim(other, challenge).encode()))["backups"] == []
    forged = Claim(sheet.public, challenge, claim(other, challenge).signature)
    with pytest.raises(LocalError, match="not signed"):
        await say(agglomeration, forged.encode())
    with pytest.raises(LocalError, match="stands no more"):
        await say(agglomeration, claim(sheet, secrets.token_bytes(40)).encode())


@pytest.mark.parametrize(
    "wrong", [{"territory": "../../x"}, {"territory": "x\0"}, {"territory": "F" * 300}, {"digest": "ab"}, {"size": "x"}]
)
async def test_a_node_that_names_what_is_no_backup_is_not_believed(
    wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says becomes the name of a file here."""
    sound = {"territory": "FR-93066", "digest": "ab" * 32, "size": 1, "kept_at": 1}

    async def say(*_: Any) -> dict[str, Any]:
        return {"challenge": "00", "backups": [sound | wrong]}

    monkeypatch.setattr(claiming, "_say", say)
    with pytest.raises(claiming.NobodyAnswers, match="something else"):
        await claiming.found(["http://127.0.0.1"], SigningKey.from_seed(bytes(32)))


def test_a_challenge_stands_for_a_while_and_for_one_node() -> None:
    """By the node's own clock that never jumps."""
    now = [1_000.0]
    here, elsewhere = (Challenges(secrets.token_bytes, lambda: now[0]) for _ in range(2))
    given = here.give()
    assert here.stands(given) and not elsewhere.stands(given) and not here.stands(given[:-1]) and not here.stands(b"")
    now[0] += STANDS_S + 1
    assert not here.stands(given)


async def test_an_agglomeration_that_gives_another_file_is_not_believed(cluster: Cluster, tmp_path: Path) -> None:
    """The backup before it is tried; where none is sound nothing is written."""
    agglomeration, town = await served(cluster, "saint-denis")
    for name in ("first", "second"):
        await town.write(name)
        await town.ask("backup", vault=True)
    newest, older = agglomeration.town.vault.notes().of_territory("FR-93066")
    folder, sheet = tmp_path / "again", seed_of(town)

    async def spoil(kept: Kept) -> None:
        blob = await agglomeration.town.blobs.find(bytes.fromhex(kept.digest))
        assert blob is not None
        blob.path.write_bytes(bytes(kept.size))

    await spoil(newest)
    restored = await from_vault(folder, sheet, [address_of(agglomeration)], quiet)
    assert restored is not None and restored.restored.facts.territory == "FR-93066"
    shutil.rmtree(folder)
    await spoil(older)
    with pytest.raises(RemoteError, match="another file"):
        await from_vault(folder, sheet, [address_of(agglomeration)], quiet)
    assert not folder.exists()
    assert await from_vault(folder, bytes(32), [address_of(agglomeration)], quiet) is None
    with pytest.raises(claiming.NobodyAnswers):
        await from_vault(folder, sheet, ["http://127.0.0.1:9"], quiet)


# ------------------------------------------------------------------------------------- every night
async def test_every_night_and_after_an_absence(cluster: Cluster) -> None:
    """One that an absent agglomeration has not taken is not made again: it is asked after."""
    agglomeration, town = await cluster.cluster("saint-denis")
    town.town.config.vault.send = "on"
    nightly = Nightly(town.town)
    await cluster.stop(agglomeration)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("convergences_node.backup.schedule.LOOK_EVERY_S", 0.2)
        assert not await nightly.look()
    waiting = (await leaving.left(town.town))["waiting"]
    assert (await leaving.left(town.town))["reason"]
    await cluster.start(agglomeration)
    assert await nightly.look()
    left = await leaving.left(town.town)
    assert left["digest"] == waiting["digest"] and "reason" not in left
    assert not await nightly.look()
    assert await town.town.blobs.find(bytes.fromhex(left["digest"])) is None
    (kept,) = (await agglomeration.ask("vault", forget="FR-93066"))["towns"] or [None]
    assert kept is None and not agglomeration.town.vault.notes().kept


async def test_a_button_that_is_pressed_twice_leaves_one(cluster: Cluster) -> None:
    """The second is refused, and takes nothing away from the first."""
    agglomeration, town = await cluster.cluster("saint-denis")
    first, second = await asyncio.gather(*(town.ask("backup", vault=True) for _ in range(2)), return_exceptions=True)
    assert isinstance(first, dict) and first["kept_at"], first
    assert isinstance(second, LocalError) and "being made already" in str(second)
    assert len(agglomeration.town.vault.notes().kept) == 1


async def test_the_button_and_the_night_may_ask_at_once(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are told that it is kept, whoever hears of it first."""
    agglomeration, town = await cluster.cluster("saint-denis")
    announced, asking = leaving._announced, list[asyncio.Task[None]]()

    async def in_turn(*given: Any) -> str:
        while (answer := await announced(*given)) != KEPT:
            await taken(agglomeration)
        if asyncio.current_task() is asking[1]:
            await asking[0]
        return answer

    await leaving._make(town.town, quiet)
    monkeypatch.setattr(leaving, "_announced", in_turn)
    asking += [asyncio.create_task(leaving.ask_again(town.town, 60)) for _ in range(2)]
    await asyncio.gather(*asking)
    left = await leaving.left(town.town)
    assert left["kept_at"] and left.keys().isdisjoint({"waiting", "reason"})


async def test_what_is_kept_is_said_of_that_one_alone(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer one that was made while the agglomeration answered still waits, and is asked after."""
    _, town = await cluster.cluster("saint-denis")
    announced, asked = leaving._announced, list[str]()

    async def meanwhile(*given: Any) -> str:
        asked.append((await leaving.left(town.town))["waiting"]["digest"])
        if len(set(asked)) > 1:
            return await announced(*given)
        await leaving._make(town.town, quiet)
        return KEPT

    await leaving._make(town.town, quiet)
    monkeypatch.setattr(leaving, "_announced", meanwhile)
    monkeypatch.setattr(leaving, "ASK_FIRST_S", 0.01)
    await leaving.ask_again(town.town, 60)
    left = await leaving.left(town.town)
    assert len(set(asked)) == 2 and left["digest"] == asked[-1] and "waiting" not in left


async def test_a_town_alone_is_told_what_to_do(cluster: Cluster) -> None:
    """It belongs to nobody."""
    town = await cluster.start(await cluster.found("saint-denis"))
    with pytest.raises(LocalError, match="no agglomeration"):
        await town.ask("backup", vault=True)


# ------------------------------------------------------------------------------------- which stay
def test_rubbish_left_by_a_thief_has_a_week_to_be_noticed() -> None:
    """A backup a day for thirty days, then eight a day: the last good one outlives a week of it, and few are kept."""
    kept: list[Kept] = []
    stolen_at = 30 * 86_400
    for at in [*range(0, stolen_at, 86_400), *range(stolen_at, stolen_at + WEEK_S, 86_400 // 8)]:
        kept = staying([*kept, Kept("FR-93066", "o", "k", str(at), 1, at, at)], at)
        assert len(kept) <= NEWEST_KEPT + 2
        assert any(each.kept_at < stolen_at for each in kept)
        assert all(each.kept_at > at - 2 * WEEK_S - 86_400 for each in kept)


def test_notes_survive_and_a_damaged_file_is_said(tmp_path: Path) -> None:
    """It is one small file."""
    kept = Kept("FR-93066", "o", "aa", "d1", 1, 5, 5)
    Notes(tmp_path).add(kept)
    assert Notes(tmp_path).of_sheet(b"\xaa") == [kept]
    (tmp_path / "vault.json").write_text("[{")
    with pytest.raises(LocalError, match="cannot be read"):
        Notes(tmp_path)


def test_what_is_kept_for_others_is_in_no_backup() -> None:
    """Nor what waits to be pulled: a backup would hold the one before it."""
    for name in ("vault.json", "vault.part/x.age", "blobs/public/aa/aa", "blobs/peers/aa/aa"):
        assert contents.left_out(name), name
    assert not contents.left_out("blobs/node/aa/aa") and not contents.left_out("private.db")


def test_words_are_read_as_they_were_said() -> None:
    """And signed over all that they say."""
    key = SigningKey.from_seed(bytes(32))
    deposit = Deposit("convergences/FR-93066/0000000000000001", bytes(32), 5, 7)
    signed = read_deposit(deposit.encode(key))
    assert signed.deposit == deposit and signed.signed_by(key.public)
    assert not replace(signed, deposit=replace(deposit, size=6)).signed_by(key.public)
    assert read_claim(claim(key, b"c" * 40).encode()).is_proved
    assert not read_claim(claim(key).encode()).is_proved
    assert claiming.KEPT_MAX >= NEWEST_KEPT + 2
