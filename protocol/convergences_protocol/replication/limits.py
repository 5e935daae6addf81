# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every bound of replication, with its reason. Both ends obey them: what a peer sends beyond one is a misdeed."""

from ..header import BODY_BYTES_MAX as BODY_BYTES_MAX

FRAME_BYTES_MAX = 1 << 20
"""One message. A batch fills half of it at most, so that proof, slots and framing never decide."""

BATCH_BYTES_MAX = 512 * 1024
"""Headers plus bodies of one batch: what one transaction writes without keeping local appends waiting on a Pi."""

BATCH_RECORDS_MAX = 1000
"""Records in one batch: the other bound of one transaction, for logs of small records."""

LEAF_BYTES_MAX = 0xFFFF
"""A leaf as C2SP bundles can carry it. Ours are 4 KiB at most; a longer one is its author's fault, not the peer's."""

PROOF_HASHES_MAX = 64
"""A consistency proof has at most two hashes a level, and no log of ours has 2**31 records."""

ORIGIN_CHARS_MAX = 64
"""`convergences/<territory>/<16 hex digits>`, with room for the longest territory code."""

NOTE_BYTES_MAX = 4096
"""A head with its author's signature is some 250 bytes."""

COSIGNATURES_MAX = 4
"""Lines sent beside one head: its author's (freshness), and the latest of others."""

LINE_BYTES_MAX = 512
"""One cosignature line is some 200 bytes."""

HEADS_MAX = 256
"""Heads in one message; more go in a second message. A full one is at most some 250 KiB."""

FOLLOWS_MAX = 8192
"""Logs that one `Hello` can name: more than the communes of the largest région with all their epochs."""

PROOFS_MAX = 8
"""Fork proofs in one message."""

FORK_BYTES_MAX = 16 * 1024
"""One fork proof: two heads, one root, one consistency proof."""

DIGESTS_MAX = 1024
"""Bodies asked for at once (32 KiB); the answer is one frame, so that a long list is answered in part."""

REASON_CHARS_MAX = 200
"""What a peer may say when it leaves; it is only written to our log."""

CREDIT_MAX = 16
"""Batches that a receiver may ask for ahead. Past twelve, waiting is no longer for the network."""

CREDIT_WINDOW = 12
"""Batches that we ask for ahead: two on the wire, one whose tree is checked, eight whose signatures are or that wait
for the writer, one that is written (6 MiB). With two thirds of it the cores stood still a twentieth of their time."""

FETCHES_MAX = 8
"""Logs fetched at the same time: 8 x 12 batches is the most memory that peers can make us hold (48 MiB)."""

FETCHES_PER_PEER = 2
"""Logs fetched at the same time from one peer: libp2p's unread window is 4 MiB a connection (docs/network.md)."""

SERVINGS_MAX = 8
"""Logs that one peer may pull from us at the same time; an honest one stays within its `FETCHES_PER_PEER`."""

PEERS_MAX = 512
"""Peers connected at once: more than an agglomeration's towns, less than what a flood would bring."""

STALL_SECONDS = 20.0
"""A peer that owes us a message for so long has stalled: someone else is asked, it is retried later."""

RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 5.0, 600.0
"""How long a log waits before it asks a peer that stalled again; doubled at each stall, for ever retried."""

SLOW_SECONDS = 60.0
"""A fetch is judged slow only after this long, and only left when another peer can serve."""

SLOW_BYTES_PER_SECOND = 4096
"""Slower than the worst mobile uplink: a peer that drips to keep a log for itself."""

EXCHANGE_SECONDS = 600.0
"""Heads are exchanged with every peer this often, whatever was or was not pushed: correctness never rests on pushes."""

BAN_SECONDS_MIN, BAN_SECONDS_MAX = 3600.0, 30 * 86400.0
"""How long a peer that lied is refused; doubled at each lie. Not for ever: bad memory in a Pi gets replaced."""

ALLOWANCE_MAX = 20_000.0
"""Work that a peer may ask for in one burst, in checks of a signature (machine.py says what each message costs)."""

ALLOWANCE_PER_SECOND = 200.0
"""And steadily. An honest town needs about ten a minute; a head checked costs 0.1 ms, so this is 2 % of one core."""

ROOTS_MAX = 64
"""Roots of one log's own tree kept in memory: most heads that peers are behind at are recent."""

QUESTIONS_MAX = 32
"""A peer's questions waiting for our archive; an honest one has two fetches, one sweep and a proof under way."""

LOADS_MAX = 16
"""Batches being read, or read and not yet sent, for all peers together (8 MiB): 400 towns may come back at once."""

UNSENT_MAX = 2
"""Batches of one peer that wait to leave: one on the wire, the next one ready."""

HEARD_MAX = 16
"""Notes of one log whose signature is remembered as checked: its peers repeat the same few."""

HEADS_BYTES = 512 * 1024
"""Where a message of heads is cut, whatever their number."""

DIGESTS_ASKED = 256
"""Bodies that we ask for at once: bodies of an ordinary length then fit one answer."""

MENTIONED_MAX = 8
"""Unknown logs of one hello that are passed on: a node names its own first, and has few."""
