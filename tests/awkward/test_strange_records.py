# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a log's author wrote is never refused: kept, relayed, not shown, and the rest of the log unharmed."""

from __future__ import annotations

from hashlib import sha256

from convergences_node.archive.tables import Leaf
from convergences_node.archive.writer import ArchiveWriter
from convergences_protocol import cbor
from convergences_protocol.element import ElementId
from convergences_protocol.errors import Unreadable
from convergences_protocol.header import write_header
from convergences_protocol.keys import SigningKey
from convergences_protocol.record import author_record, read_header, signature_valid
from convergences_protocol.tiles import Slot

from .cluster import Cluster, Node

KEY = SigningKey.from_seed(sha256(b"an author of strange records").digest())
NOW = 1_795_000_000


def element(territory: str, number: int) -> ElementId:
    return ElementId.new(territory, NOW * 1000, number.to_bytes(10, "big"))


def statement(territory: str, number: int, name: str) -> tuple[bytes, bytes]:
    fields = {"name": name, "type": "association"}
    record = author_record(KEY, element(territory, number), "actor", fields, salt=bytes(16), previous=None, time=NOW)
    assert record.body is not None
    return record.header, record.body


def plant(node: Node, *records: tuple[bytes, bytes | None]) -> list[Leaf]:
    """Put records into the node's own log as a broken or malicious program would: unasked, at no door."""
    leaves = []
    for raw, body in records:
        try:
            header = read_header(raw)
        except Unreadable as error:
            leaves.append(Leaf(raw, sha256(raw).digest(), None, Slot.NONE, None, error.reason))
            continue
        slot = Slot.HERE if body is not None else Slot.NONE
        flag = None if signature_valid(raw) else "signature does not verify"
        leaves.append(Leaf(raw, sha256(raw).digest(), header, slot, body, flag))
    return leaves


async def write(node: Node, leaves: list[Leaf]) -> None:
    def work(writer: ArchiveWriter) -> None:
        assert writer.writing_in is not None and writer.key is not None
        with writer.transaction():
            edge = writer.edge(writer.writing_in)
            before = edge.frontier.size
            writer.insert(edge, leaves)
            note = writer._prepare_head(edge, writer.key)
        writer._settle_head(edge, before, note)

    await node.town.archive.write(work)


async def test_strange_records_are_kept_and_relayed_and_not_shown(cluster: Cluster) -> None:
    """A bad signature, no shape at all, an unknown kind, an odd body, another town's element: between two good ones."""
    agglomeration, town, neighbour = await cluster.cluster("saint-denis", "epinay")
    await neighbour.ask("follow", keep="all")
    await neighbour.write("a neighbour's own")
    await agglomeration.until_finds("a neighbour's own")
    theirs = (await neighbour.ask("search", query={"q": "neighbour's own"}))["items"][0]["id"]
    await town.write("first good one")

    good, body = statement("FR-93066", 1, "signed by nobody")
    offer = cbor.encode({"salt": bytes(16), "name": "an offer of a later version"})
    later = write_header(KEY, "offer", NOW, element=element("FR-93066", 2), body=offer)
    odd = cbor.encode({"salt": bytes(16), "name": 7})
    wrong = write_header(KEY, "actor", NOW, element=element("FR-93066", 3), body=odd)
    foreign = author_record(
        KEY,
        ElementId.parse(theirs),
        "actor",
        {"name": "said by another town", "type": "association"},
        salt=bytes(16),
        previous=None,
        time=NOW,
    )
    strange = [
        (good[:-1] + bytes([good[-1] ^ 1]), body),
        (b"not a record at all", None),
        (later, offer),
        (wrong, odd),
        (foreign.header, foreign.body),
    ]
    await write(town, plant(town, *strange))
    await town.write("second good one")
    size = await town.size(town.origin)

    for holder in (agglomeration, neighbour):
        await holder.until_holds(town.origin, size)
        assert await holder.headers(town.origin) == await town.headers(town.origin)
        await holder.until_finds("first good one", "second good one", "a neighbour's own")
    for node in (town, agglomeration, neighbour):
        for name in ("signed by nobody", "an offer of a later version", "said by another town"):
            assert not await node.finds(name)
    view = await agglomeration.ask("show", element=theirs)
    assert view["item"]["name"] == "a neighbour's own"

    await cluster.stop(agglomeration)
    await cluster.start(agglomeration)
    await agglomeration.ask("reindex")
    await agglomeration.until_finds("first good one", "second good one")
    assert not (await agglomeration.ask("peers"))["peers"][0]["misdeeds"]
