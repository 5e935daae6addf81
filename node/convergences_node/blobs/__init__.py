# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files known by their SHA-256: kept in a folder, and pulled from whichever node has them.

Pictures and documents of records, an encrypted backup that nodes keep for each other, a package of a newer program: one
mechanism for all. A record, a letter, a page names a file by digest and size; whoever wants it asks. Whoever uses this:

    town.blobs                                      the town's `Blobs` (blobs.py)
    blob = await town.blobs.add(path, Readers.PEERS)      keep a copy of a file; its digest is what others ask for
    blob = await town.blobs.add_bytes(data)               the same, of bytes, for everybody
    path = await town.blobs.fetch(digest, size)           here already, or pulled from the peers, one after the other
    path = await town.blobs.fetch(digest, size, readers=Readers.PEERS, peers=[key], bytes_max=…, seconds_max=…)
    blob = await town.blobs.find(digest)                  here, or None; `blob.path` is to be read, never written
    await town.blobs.remove(digest)

`Readers` says who is given a file, and is the folder that it is in: `PUBLIC` anybody, `PEERS` the nodes that the
charter names, `NODE` nobody but this node. A wider word for the same bytes widens it; nothing narrows it but `remove`.

What holds: a file is whole and has its digest before it has its name, and survives a pulled plug then. What a fetch has
received stays when it ends early, and the next begins there. `fetch` raises `LocalError` when there is no room, when
the file is above a bound, or when nobody who can be reached has it; a peer that gives other bytes is passed over.
Peers are asked over libp2p where there is a link, else over HTTP at their known addresses (`GET /blobs/<sha256>`).
"""
