# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is asked of a node about what was written down twice, and what it answers."""

from __future__ import annotations

from convergences_node.params import Params


class SameList(Params):
    """Pairs of elements that may be one, the surest first, of which nobody has decided yet; `min_score` is at least 40.
    Progress: `{what: "same", done, total}`. Answer: `{pairs: [{score, reasons: [{reason, points}], one, other}], more,
    compared, left_out, min_score}`, with `{id, name, source, town, state}` for each of the two."""

    min_score: int | None = None
    limit: int = 100


class SameAccept(Params):
    """Say, in a signed relation of this node's own log, that two elements are one. The same again does nothing.
    Answer: `{relation, origin, index, one: {id, name, town}, other, state: "accepted" | "accepted already"}`."""

    one: str
    other: str


class SameReject(Params):
    """Remember on this node that two elements are two, as long as neither changes. Answer: `{one, other, state}`."""

    one: str
    other: str


class SameUndo(Params):
    """Withdraw the relation of this node that says that two elements are one; or forget that they were rejected.
    Answer: `{state: "withdrawn" | "forgotten", relation}`."""

    one: str
    other: str
