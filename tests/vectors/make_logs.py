# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes the golden vectors of logs: `python -m tests.vectors.make_logs` (`--check` only compares).

Trees, tiles, heads, cosignatures, receipts and fork proofs; `make_charters.py` writes those of who belongs. Keys and
times are fixed and Ed25519 is deterministic, so a change in a file is a change of protocol. `logs/README.md` says how
another implementation would use them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

from convergences_protocol import cbor, checkpoint, cosignature, merkle, note, receipt, tiles
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.element import ElementId
from convergences_protocol.keys import SigningKey
from convergences_protocol.origin import Origin
from convergences_protocol.record import author_record
from convergences_protocol.tiles import BodySlot, Slot

from tests.protocol.logs import fork_of
from tests.vectors import writing
from tests.vectors.writing import Vector

KEY = SigningKey.from_seed(bytes(range(32)))
WITNESS = SigningKey.from_seed(bytes(range(32, 64)))
TIME = 1_780_000_000
ORIGIN = str(Origin("FR-93066", bytes(range(8))))
WITNESS_NAME = str(Origin("FR-200057867", bytes(range(8, 16))))
ELEMENT = ElementId.new("FR-93066", 1_780_000_000_000, bytes(range(10)))
RECORD = author_record(
    KEY, ELEMENT, "place", {"name": "Basilique", "type": "monument"}, salt=bytes(range(16)), previous=None, time=TIME
)
ENTRIES = [RECORD.header, *(f"entry {number}".encode() for number in range(1, 21))]
FORKED = [*ENTRIES[:7], b"another entry 7", *ENTRIES[8:]]


class Tree:
    """A log's entries, and the hashes of its complete subtrees."""

    def __init__(self, entries: list[bytes]) -> None:
        self.leaves = merkle.leaf_hashes(entries)

    def hash(self, level: int, index: int) -> bytes:
        return merkle.fold(self.leaves[index << level : (index + 1) << level])

    def head(self, size: int) -> Checkpoint:
        return Checkpoint(ORIGIN, size, merkle.root(self, size))


TREE, BRANCH = Tree(ENTRIES), Tree(FORKED)


def hexes(items: list[bytes]) -> list[str]:
    return [item.hex() for item in items]


def trees() -> list[Vector]:
    """One vector a size: the root, every inclusion proof, every consistency proof from a smaller size."""
    vectors: list[Vector] = [{"entries": hexes(ENTRIES)}]
    for size in (*range(10), 13, 15, 16, 17, 21):
        inclusion = [merkle.inclusion_proof(TREE, index, size) for index in range(size)]
        consistency = [merkle.consistency_proof(TREE, old, size) for old in range(1, size + 1)]
        vectors.append(
            {
                "size": size,
                "root": merkle.root(TREE, size).hex(),
                "frontier": merkle.frontier(TREE, size).to_bytes().hex(),
                "inclusion": [hexes(proof) for proof in inclusion],
                "consistency": [hexes(proof) for proof in consistency],
            }
        )
    return vectors


def tile_rows() -> list[Vector]:
    """The tiles of trees of entries `0`, `1`, `2`… in decimal: SHA-256 of each row, for they are long."""
    vectors = []
    for size in (1, 255, 256, 257, 600, 65_536 + 300):
        rows = tiles.extend_tiles(0, merkle.leaf_hashes(str(number).encode() for number in range(size)), _no_tile)
        frontier = merkle.Frontier()
        frontier.extend(merkle.leaf_hashes(str(number).encode() for number in range(size)))
        described = [
            {"path": _path(level, n, row), "sha256": sha256(row).hexdigest(), "bytes": len(row)}
            for (level, n), row in sorted(rows.items())
        ]
        kept = described if len(described) < 8 else [*described[:2], *described[-4:]]
        vectors.append({"size": size, "root": frontier.root().hex(), "tiles": kept, "count": len(described)})
    return vectors


def _no_tile(level: int, n: int) -> bytes:
    raise LookupError((level, n))


def _path(level: int, n: int, row: bytes) -> str:
    return tiles.tile_path(level, n, len(row) // 32)


def tile_paths() -> list[Vector]:
    paths = [(0, 0, 256), (0, 1234067, 256), (1, 999, 17), (7, 1000, 1), (tiles.ENTRIES, 273, 112), (3, 10**9, 255)]
    bad = ["tile/0/0", "tile/0/0000", "tile/00/000", "tile/0/x000/001", "tile/0/001/000", "tile/0/000.p/0"]
    bad += ["tile/0/000.p/256", "tile/0/000.p/01", "tile/8/000", "tile/0/000/", "/tile/0/000", "tile/bodies/000"]
    good = [
        {"path": tiles.tile_path(*path), "valid": True, "level": path[0], "n": path[1], "width": path[2]}
        for path in paths
    ]
    return good + [{"path": path, "valid": False} for path in bad]


def bundles() -> list[Vector]:
    slots = [BodySlot(Slot.NONE), BodySlot(Slot.HERE, b"abc"), BodySlot(Slot.WANTED), BodySlot(Slot.ERASED)]
    entries = [b"", b"a", *ENTRIES[:2]]
    bad = {"cut length": b"\x00", "cut entry": b"\x00\x02a", "257 entries": b"\x00\x00" * 257}
    bad_bodies = {"unknown state": b"\x04", "cut length": b"\x01\x00", "cut body": b"\x01\x00\x00\x00\x02a"}
    bad_bodies |= {"257 slots": bytes(257)}
    return [
        {"of": "entries", "valid": True, "data": tiles.encode_entries(entries).hex(), "entries": hexes(entries)},
        *({"of": "entries", "valid": False, "name": name, "data": data.hex()} for name, data in bad.items()),
        {"of": "bodies", "valid": True, "data": tiles.encode_bodies(slots).hex()}
        | {"slots": [{"state": slot.state.name.lower(), "body": (slot.body or b"").hex()} for slot in slots]},
        *({"of": "bodies", "valid": False, "name": name, "data": data.hex()} for name, data in bad_bodies.items()),
    ]


def heads() -> list[Vector]:
    """Notes, some of which are heads of ORIGIN by KEY."""
    head = TREE.head(13)
    good = checkpoint.sign(head, KEY).decode()
    line = cosignature.cosign(head, WITNESS_NAME, WITNESS, TIME).decode()
    wrong = note.NoteSignature(ORIGIN, note.key_id(ORIGIN, note.ED25519, KEY.public), bytes(64)).encode().decode()
    vectors: list[Vector] = [
        {"name": "head", "valid": True, "note": good},
        {"name": "head of the empty tree", "valid": True, "note": checkpoint.sign(TREE.head(0), KEY).decode()},
        {"name": "head with a cosignature", "valid": True, "note": good + line},
        {"name": "head with an unknown line", "valid": True, "note": good + "— someone AAAAAAA=\n"},
        {"name": "head with an extension line", "valid": True}
        | {"note": checkpoint.sign(replace(head, extensions=("moon",)), KEY).decode()},
    ]
    for vector in vectors:
        found = checkpoint.verify(vector["note"].encode(), ORIGIN, KEY.public)
        vector |= {"size": found.size, "root": found.root.hex()}
    bad = {
        "another log": checkpoint.sign(replace(head, origin=WITNESS_NAME), KEY).decode(),
        "another key": checkpoint.sign(head, WITNESS).decode(),
        "only a cosignature": good[: good.index("\n\n") + 2] + line,
        "a wrong line beside a right one": good + wrong,
        "size changed": good.replace("\n13\n", "\n14\n"),
        "size with a leading zero": _signed(good.replace("\n13\n", "\n013\n")),
        "size with a sign": _signed(good.replace("\n13\n", "\n+13\n")),
        "size in other digits": _signed(good.replace("\n13\n", "\n١٣\n")),
        "size beyond 63 bits": _signed(good.replace("\n13\n", "\n9223372036854775808\n")),
        "root of 31 bytes": _signed(f"{ORIGIN}\n13\n{note.encode_base64(bytes(31))}\n\n"),
        "base64 with stray bits": _signed(f"{ORIGIN}\n13\n{note.encode_base64(bytes(32))[:-2]}B=\n\n"),
        "empty extension line": _signed(good.replace("\n\n", "\nmoon\n\n\n")),
        "no signature": good[: good.index("\n\n") + 2],
        "no last newline": good[:-1],
        "carriage returns": good.replace("\n", "\r\n"),
    }
    return vectors + [{"name": name, "valid": False, "note": text} for name, text in bad.items()]


def _signed(text: str) -> str:
    """The text before the last empty line, well signed whatever it says."""
    return note.sign_note(text[: text.rindex("\n\n") + 1].encode(), ORIGIN, KEY).encode().decode()


def cosignatures() -> list[Vector]:
    """Lines, some of which are WITNESS's cosignature on the head of size 13."""
    head, line = TREE.head(13), cosignature.cosign(TREE.head(13), WITNESS_NAME, WITNESS, TIME)
    parsed = note.parse_line(line)
    later = replace(parsed, signature=(TIME + 1).to_bytes(8, "big") + parsed.signature[8:]).encode()
    bad = {
        "another head": cosignature.cosign(TREE.head(12), WITNESS_NAME, WITNESS, TIME),
        "another time than was signed": later,
        "another name": cosignature.cosign(head, ORIGIN, WITNESS, TIME),
        "another key": cosignature.cosign(head, WITNESS_NAME, KEY, TIME),
        "a head's signature": checkpoint.sign(replace(head, origin=WITNESS_NAME), WITNESS).splitlines(True)[-1],
        "time beyond 63 bits": replace(parsed, signature=b"\xff" * 8 + parsed.signature[8:]).encode(),
    }
    good = {"name": "cosignature", "valid": True, "line": line.decode(), "time": TIME}
    vectors = [good] + [{"name": name, "valid": False, "line": text.decode()} for name, text in bad.items()]
    return [vector | {"head": head.text().decode()} for vector in vectors]


def receipts() -> list[Vector]:
    head = TREE.head(13)
    seen = checkpoint.sign(head, KEY) + cosignature.cosign(head, WITNESS_NAME, WITNESS, TIME)

    def made(index: int, body: bytes | None = None, proof_of: int | None = None) -> str:
        proof = merkle.inclusion_proof(TREE, index if proof_of is None else proof_of, 13)
        return receipt.make_receipt(ENTRIES[index], index, proof, seen, body).decode()

    good = {"with its body": made(0, RECORD.body), "without its body": made(0), "of what is no record": made(12)}
    bad = {
        "another index": made(0).replace("index 0", "index 1"),
        "proof of another index": made(0, proof_of=1),
        "another body": made(0, b"another"),
        "no extra line": "".join(line for line in made(0).splitlines(True) if not line.startswith("extra")),
        "index with a leading zero": made(0).replace("index 0", "index 00"),
        "head of another size": made(0).replace("\n13\n", "\n12\n"),
    }
    vectors: list[Vector] = []
    for name, text in good.items():
        kept = receipt.read_receipt(text.encode())
        proven = receipt.verify_receipt(kept, KEY.public, {WITNESS_NAME: WITNESS.public})
        vectors.append(
            {"name": name, "valid": True, "receipt": text, "index": proven.index, "header": proven.header.hex()}
            | {"body": proven.body.hex() if proven.body else None, "author_signed": proven.author_signed}
            | {"cosigned": dict(proven.cosigned)}
        )
    return vectors + [{"name": name, "valid": False, "receipt": text} for name, text in bad.items()]


def forks() -> list[Vector]:
    one, other = checkpoint.sign(TREE.head(8), KEY), checkpoint.sign(BRANCH.head(20), KEY)
    proof = fork_of(one, other, BRANCH)
    equal = fork_of(checkpoint.sign(TREE.head(20), KEY), other, BRANCH)
    same = checkpoint.sign(TREE.head(20), KEY)
    honest = fork_of(one, same, TREE)
    bad = {
        "one history": honest.encode(),
        "wrong root": replace(proof, root=bytes(32)).encode(),
        "proof cut": replace(proof, proof=proof.proof[:-1]).encode(),
        "heads in the other order": replace(proof, first=other, second=one).encode(),
        "head by another key": replace(proof, first=checkpoint.sign(TREE.head(8), WITNESS)).encode(),
        "another version": cbor.encode([2, proof.first, proof.second, proof.root, list(proof.proof)]),
        "not an array": cbor.encode({"first": proof.first}),
    }
    good = {"sizes 8 and 20": proof.encode(), "both of size 20": equal.encode()}
    return [{"name": name, "valid": True, "proof": data.hex()} for name, data in good.items()] + [
        {"name": name, "valid": False, "proof": data.hex()} for name, data in bad.items()
    ]


def files() -> dict[str, list[Vector]]:
    """Every file's content, by name."""
    makers: dict[str, Callable[[], list[Vector]]] = {
        "trees.json": trees,
        "tiles.json": tile_rows,
        "tile-paths.json": tile_paths,
        "bundles.json": bundles,
        "heads.json": heads,
        "cosignatures.json": cosignatures,
        "receipts.json": receipts,
        "forks.json": forks,
    }
    return {name: make() for name, make in makers.items()}


if __name__ == "__main__":
    sys.exit(writing.main("logs", files()))
