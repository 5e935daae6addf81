# SPDX-License-Identifier: AGPL-3.0-or-later
"""Our own vectors of logs, read as another implementation would read them: from the files alone."""

import json
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from convergences_protocol import checkpoint, cosignature, erasure, fork, invitation, merkle, receipt, recovery, tiles
from convergences_protocol.charter import Charter
from convergences_protocol.enrolment import read_end, read_enrolment
from convergences_protocol.errors import Refused, RemoteError, Unreadable
from convergences_protocol.header import read_header, signature_valid
from convergences_protocol.keys import SigningKey
from convergences_protocol.opening import read_opening
from convergences_protocol.origin import LogIdentity

from tests.vectors import make_charters, make_logs, writing

FOLDER = Path(__file__).resolve().parents[1] / "vectors" / "logs"
KEY = SigningKey.from_seed(bytes(range(32))).public
WITNESS = SigningKey.from_seed(bytes(range(32, 64))).public
ORIGIN = "convergences/FR-93066/0001020304050607"
WITNESS_NAME = "convergences/FR-200057867/08090a0b0c0d0e0f"
READERS = {"log": read_opening, "enrol": read_enrolment, "end": read_end, "erasure": erasure.read_erasure}


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text("utf-8"))


def split(name: str) -> tuple[list[Any], list[Any]]:
    vectors = load(name)
    good = [vector for vector in vectors if vector["valid"]]
    bad = [vector for vector in vectors if not vector["valid"]]
    assert good and bad
    return good, bad


def unhex(items: list[str]) -> list[bytes]:
    return [bytes.fromhex(item) for item in items]


@pytest.mark.parametrize("generator", [make_logs, make_charters], ids=["logs", "charters"])
def test_the_files_are_what_their_generators_write(generator: ModuleType) -> None:
    """A change of the format shows as a change of these files, never by accident."""
    assert writing.stale("logs", generator.files()) == [], f"run python -m {generator.__name__}"


def test_every_file_is_described() -> None:
    described = (FOLDER / "README.md").read_text("utf-8")
    assert all(f"`{path.name}`" in described for path in FOLDER.glob("*.json"))


def test_trees() -> None:
    first, *vectors = load("trees.json")
    leaves = merkle.leaf_hashes(unhex(first["entries"]))
    for vector in vectors:
        size, root = vector["size"], bytes.fromhex(vector["root"])
        frontier = merkle.Frontier()
        frontier.extend(leaves[:size])
        assert (frontier.root(), frontier.to_bytes().hex()) == (root, vector["frontier"])
        for index, proof in enumerate(vector["inclusion"]):
            assert merkle.verify_inclusion(leaves[index], index, size, unhex(proof), root)
        for old, proof in enumerate(vector["consistency"], 1):
            before = merkle.Frontier()
            before.extend(leaves[:old])
            assert merkle.verify_consistency(old, size, before.root(), root, unhex(proof))


def no_tile(level: int, n: int) -> bytes:
    raise LookupError(f"tile {level}/{n} of an empty tree")


def test_tiles() -> None:
    for vector in load("tiles.json"):
        rows = tiles.extend_tiles(0, merkle.leaf_hashes(b"%d" % at for at in range(vector["size"])), no_tile)
        assert len(rows) == vector["count"]
        for tile in vector["tiles"]:
            path = tiles.parse_tile_path(tile["path"])
            row = rows[path.level, path.n]
            assert (len(row), len(row) // 32, sha256(row).hexdigest()) == (tile["bytes"], path.width, tile["sha256"])
        reader = tiles.TileHashReader(lambda level, n, rows=rows: rows[level, n])  # type: ignore[misc]
        assert merkle.root(reader, vector["size"]).hex() == vector["root"]


def test_tile_paths() -> None:
    good, bad = split("tile-paths.json")
    for vector in good:
        assert tiles.parse_tile_path(vector["path"]) == tiles.TilePath(vector["level"], vector["n"], vector["width"])
    for vector in bad:
        with pytest.raises(ValueError, match="tile"):
            tiles.parse_tile_path(vector["path"])


def test_bundles() -> None:
    good, bad = split("bundles.json")
    for vector in good:
        data = bytes.fromhex(vector["data"])
        if vector["of"] == "entries":
            assert tiles.decode_entries(data) == unhex(vector["entries"])
        else:
            found = [
                {"state": slot.state.name.lower(), "body": (slot.body or b"").hex()}
                for slot in tiles.decode_bodies(data)
            ]
            assert found == vector["slots"]
    for vector in bad:
        decode = tiles.decode_entries if vector["of"] == "entries" else tiles.decode_bodies
        with pytest.raises(ValueError, match="bundle"):
            decode(bytes.fromhex(vector["data"]))


def test_heads() -> None:
    good, bad = split("heads.json")
    for vector in good:
        head = checkpoint.verify(vector["note"].encode(), ORIGIN, KEY)
        assert (head.size, head.root.hex()) == (vector["size"], vector["root"])
    for vector in bad:
        with pytest.raises(RemoteError):
            checkpoint.verify(vector["note"].encode(), ORIGIN, KEY)


def test_cosignatures() -> None:
    good, bad = split("cosignatures.json")
    for vector in good:
        head = checkpoint.parse_text(vector["head"].encode())
        assert cosignature.verify_cosignature(head, vector["line"].encode(), WITNESS_NAME, WITNESS) == vector["time"]
    for vector in bad:
        with pytest.raises(RemoteError):
            head = checkpoint.parse_text(vector["head"].encode())
            cosignature.verify_cosignature(head, vector["line"].encode(), WITNESS_NAME, WITNESS)


def test_receipts() -> None:
    good, bad = split("receipts.json")
    for vector in good:
        proven = receipt.verify_receipt(receipt.read_receipt(vector["receipt"].encode()), KEY, {WITNESS_NAME: WITNESS})
        assert (proven.index, proven.header.hex()) == (vector["index"], vector["header"])
        assert (proven.body.hex() if proven.body else None) == vector["body"]
        assert (proven.author_signed, proven.cosigned) == (vector["author_signed"], vector["cosigned"])
    for vector in bad:
        with pytest.raises(RemoteError):
            receipt.verify_receipt(receipt.read_receipt(vector["receipt"].encode()), KEY, {WITNESS_NAME: WITNESS})


def test_forks() -> None:
    good, bad = split("forks.json")
    for vector in good:
        assert fork.verify(fork.decode(bytes.fromhex(vector["proof"])), ORIGIN, KEY)
    for vector in bad:
        with pytest.raises(RemoteError):
            fork.verify(fork.decode(bytes.fromhex(vector["proof"])), ORIGIN, KEY)


def test_control_records() -> None:
    good, bad = split("control-records.json")
    for vector in good + bad:
        header = read_header(bytes.fromhex(vector["header"]))
        assert signature_valid(header.raw)
        if vector["valid"]:
            READERS[header.kind](header)
        else:
            with pytest.raises(Unreadable):
                READERS[header.kind](header)


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["name"]) for vector in load("charters.json")])
def test_charters(vector: dict[str, Any]) -> None:
    pinned = vector["pinned"]
    charter = Charter(LogIdentity(pinned["origin"], *unhex([pinned["key"], pinned["recovery"]])))
    places: dict[str, int] = {}
    for record in vector["records"]:
        origin = record["origin"]
        charter.apply(origin, places.setdefault(origin, 0), read_header(bytes.fromhex(record["header"])))
        places[origin] += 1
    if vector["succession"]:
        read = recovery.read_succession(bytes.fromhex(vector["succession"]))
        assert charter.consider(read.opening_header, read.end_header)
    assert charter.agglomeration.origin == vector["agglomeration"]
    found = {territory: [list(span) for span in charter.counts(territory)] for territory in charter.territories()}
    assert found == vector["counts"]
    assert {key.hex() for key in charter.allowed_keys()} == set(vector["allowed_keys"])
    assert charter.disputed() == vector["disputed"]


def test_invitations() -> None:
    good, bad = split("invitations.json")
    for vector in good:
        read = invitation.read_invitation(vector["invitation"])
        answer = invitation.read_answer(bytes.fromhex(vector["answer"]))
        assert answer.invitation == read
        log = read.agglomeration
        assert [read.territory, log.origin, read.name] == [vector[key] for key in ("territory", "origin", "name")]
        assert [log.key.hex(), log.recovery_key.hex()] == [vector["key"], vector["recovery"]]
        assert (list(read.addresses), read.expires) == (vector["addresses"], vector["expires"])
        assert read.nonce_digest.hex() == vector["nonce_digest"]
        assert answer.opening_header.hex() == vector["opening"]
        assert list(answer.addresses) == vector["answer_addresses"]
    for vector in bad:
        with pytest.raises((Refused, RemoteError)):
            if "invitation" in vector:
                invitation.read_invitation(vector["invitation"])
            else:
                invitation.read_answer(bytes.fromhex(vector["answer"]))


def test_recovery_sheets() -> None:
    good, bad = split("recovery-sheets.json")
    for vector in good:
        seed = recovery.read_sheet("\n".join(vector["lines"]))
        assert (seed.hex(), SigningKey.from_seed(seed).public.hex()) == (vector["seed"], vector["public"])
        assert recovery.write_sheet(seed) == vector["lines"]
    for vector in bad:
        with pytest.raises(Refused) as refused:
            recovery.read_sheet("\n".join(vector["lines"]))
        lines = [fault.params.get("line") for fault in refused.value.faults]
        assert [line for line in lines if line] == vector["wrong_lines"]


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["name"]) for vector in load("erasure-days.json")])
def test_erasure_days(vector: dict[str, Any]) -> None:
    words = {name: vector[name] for name in ("weight", "released", "at_once")}
    heard = [erasure.Heard(ORIGIN, index, index, **words) for index in range(vector["count"])]
    assert {state.value for state in erasure.states(heard, vector["now"]).values()} == {vector["state"]}
