# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every verb an operator can ask of a node: name, parameters, answer.

A verb takes a `Town`, its own parameters (a struct below, or of its room's `params.py`, checked at this door) and
`tell`, to report progress; it answers plain JSON values. The control socket and the command line both go through
`perform`, so that a running node and an opened folder behave alike. The work itself is in `asking.py`, `doing.py` and
`belonging.py`; making a new node, which has no town yet to ask, is `founding.create_town`.

Errors are `ConvergencesError`s: `Refused` (with `.faults`), `NotFound`, `Conflict`, `LocalError`, `RemoteError`.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from convergences_protocol.errors import LocalError

from convergences_node.media import params as media
from convergences_node.params import Json as Json
from convergences_node.params import Params as Params
from convergences_node.params import Tell as Tell
from convergences_node.relay import params as relay
from convergences_node.same import params as same
from convergences_node.sources import params as sources
from convergences_node.updates import params as updates

if TYPE_CHECKING:
    from convergences_node.town import Town


class Status(Params):
    """Answer: `{node: {name, territory, kind, version, folder, running}, log: {origin, size, head, cosigned_at},
    addresses: {http, p2p: []}, peers: {connected, known}, index: {…}, logs: [{territory, origin, size, bodies_wanted,
    cosigned_at, own, status}], doubts: [], erasures_waiting: {origin: count},
    network: {libp2p: "running" | reason, …}, signs: [{name, level: "good" | "care" | "bad", form, values}]}`, the
    gravest sign first: `convergences_node.checkup` has their words."""


class Peers(Params):
    """Answer: `{peers: [{key, peer_id, name, territory, origin, connected, since, addresses, transport, received_bytes,
    misdeeds}]}`."""


class Invite(Params):
    """Make an invitation for one territory; only an agglomeration can.
    Answer: `{invitation: "conv1…", territory, agglomeration, expires, addresses}`."""

    territory: str
    days: int = 14
    addresses: list[str] = msgspec.field(default_factory=list)


class Join(Params):
    """Take up an invitation: ask the agglomeration, over the wire, to enrol this town's log. The same again does
    nothing.
    Answer: `{agglomeration: {territory, origin, name}, territory, origin, state: "enrolled" | "already enrolled"}`."""

    invitation: str


class Follow(Params):
    """Choose which other logs are kept. `keep` is `all`, `none` or `these` with `territories`; without `keep`, shows.
    Answer: `{keep, territories, logs: [{territory, origin, kept, size}]}`."""

    keep: str | None = None
    territories: list[str] = msgspec.field(default_factory=list)


class Add(Params):
    """Author one record: a new element without `element`, else a new state of it.
    `previous` (hex) is the state that was read; without it, the current one is replaced whatever it is.
    Answer: `{element, kind, origin, index, digest}`."""

    kind: str
    fields: dict[str, Json]
    element: str | None = None
    previous: str | None = None


class Withdraw(Params):
    """Author the end of an element, which stays in history. Answer: as `add`."""

    element: str
    previous: str | None = None


class Import(Params):
    """Import a file of records (CSV or NDJSON) by a mapping in TOML. Both paths are of this machine.
    Progress: `{what: "import", done, total}`. Answer: the report of `convergences_node.imports`."""

    path: str
    mapping: str | None = None
    kind: str | None = None
    dry_run: bool = False


class Show(Params):
    """An element as it is, or at a date, with its relations. Answer: as `GET /api/v1/elements/{id}`."""

    element: str
    at: str | None = None


class History(Params):
    """Who did what to an element, when, oldest first. Answer: `{element, entries: [{index, origin, digest, kind,
    author,
    time, state, fields}]}`."""

    element: str


class Search(Params):
    """Search this node's index. `query` has the URL parameters of `GET /api/v1/search` as strings (or lists of them).
    Answer: as `GET /api/v1/search`."""

    query: dict[str, str | list[str]] = msgspec.field(default_factory=dict)


class Receipt(Params):
    """Proof that a record is in a log, to be kept and checked offline. Of an element's current record, or of `digest`.
    Answer: `{receipt: text, element, origin, index, size}`."""

    element: str | None = None
    digest: str | None = None


class Verify(Params):
    """Check a receipt (`receipt`: its text), or this node's whole archive, from files alone.
    Progress: `{what: "verify", done, total}`. Answer: `{sound: bool, …report}`."""

    receipt: str | None = None


class Erase(Params):
    """Right to be forgotten: hide an element at once, drop it after seven days, or `now`.
    Answer: `{element, origin, index, state: "hidden" | "dropped", due}`."""

    element: str
    reason: str
    now: bool = False


class Release(Params):
    """Let the erasures of one log through that wait for a person: somebody has looked, and they are meant.
    Answer: `{origin, count, state: "released"}`."""

    origin: str


class Charter(Params):
    """The charter this node follows. Answer: `{agglomeration: {…}, enrolments: [{territory, origin, key, since, ended,
    successor, disputed}]}`."""


class Enrol(Params):
    """Enrol a log by hand (a person decides). `nonce` only from an invitation. Answer: `{origin, index}`."""

    origin: str
    key: str
    recovery_key: str


class End(Params):
    """End a log in the charter: a merge (`successor` is the other town's territory or origin), a theft, a departure.
    Of a log that is ended already, the successor stays unless another is given. `recovery` are the words of the
    recovery sheet: then this node's own log goes on, and `at` are HTTP addresses of nodes that keep the old one, and
    are told. Answer: `{origin, size, successor, index}`, with `recovery` also `{succession, told}`."""

    origin: str
    why: str
    successor: str | None = None
    recovery: str | None = None
    at: list[str] = msgspec.field(default_factory=list)


class Export(Params):
    """Write everything that this node shows as tables, `csv` or `parquet`, into a folder that is not there yet.
    Progress: `{what: "export", done, total}`. Answer: `{to, format, tables: {kind: count}, seconds}`."""

    to: str
    format: str = "csv"


class Reindex(Params):
    """Throw the index away and make it again from the archive, beside the old one, which answers meanwhile; or, with
    `linked`, what is asked in SPARQL from the index.
    Progress: `{what: "reindex", done, total}`. Answer: `{entries, seconds}`."""

    linked: bool = False


class Backup(Params):
    """Write an encrypted backup into a folder, `target`, else that of the settings; only the recovery sheet opens it.
    `archive` is `own` or `all`; of older ones, `keep` stay. With `vault`, leave it with the agglomeration instead, and
    wait so many seconds until it is kept.
    Progress: `{what: "backup", done, total}`. Answer: `{path, bytes, records, made_at, archive, recipient, sha256,
    removed: [names], same_disk}`; with `vault`: `{digest, bytes, made_at, kept_at}`."""

    target: str | None = None
    archive: str | None = None
    keep: int | None = None
    vault: bool = False
    wait: float = 600.0


class Vault(Params):
    """What this node keeps for towns, and what it has left with its agglomeration; `forget` a territory's first.
    Answer: `{keeps: bool, left: {bytes, made_at, kept_at, reason, …}, forgotten: count, towns: [{territory, name,
    count, bytes, made_at, kept_at}]}`, the newest of each town."""

    forget: str | None = None


class BundleWrite(Params):
    """Write every log kept here to a bundle at `path`, a folder or a `.zip` file; what is there already is added to.
    Progress: `{what: "bundle", done, total}`. Answer: `{path, logs, records, files, bytes, left_alone, blobs}`;
    `blobs` are the pictures and documents that were written beside."""

    path: str


class BundleRead(Params):
    """Take in what a bundle has of the logs that this node follows, checked as if a peer sent it.
    Progress: `{what: "bundle", done, total}`. Answer: `{path, sound, reason, fault, logs: [{territory, origin, before,
    after, size, kept}], blobs}`; `reason` and `fault` are why it was left, if something in it is false or
    could not be read; `blobs` are files that came."""

    path: str


class Operator(Params):
    """Give an operator's account another password, made here and told once; make the account if there is none of that
    name. Every session of it ends. Without `name`, the first account that there is.
    Answer: `{name, password, made: bool}`."""

    name: str | None = None


class Letter(Params):
    """Send a letter to those of `[alerts]`, to see that letters arrive; by the settings as they are in the file now.
    Answer: `{to: [addresses]}`."""


Perform = Callable[["Town", Any, Tell], Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: the struct of its parameters, and `module:function`, imported when first asked."""

    params: type[Params]
    where: str

    def function(self) -> Perform:
        module, _, name = self.where.partition(":")
        found: Perform = getattr(importlib.import_module(f"convergences_node.{module}"), name)
        return found


VERBS: Mapping[str, Verb] = {
    "status": Verb(Status, "asking:status"),
    "peers": Verb(Peers, "asking:peers"),
    "show": Verb(Show, "asking:show"),
    "history": Verb(History, "asking:history"),
    "search": Verb(Search, "asking:search"),
    "receipt": Verb(Receipt, "asking:receipt"),
    "verify": Verb(Verify, "asking:verify"),
    "charter": Verb(Charter, "asking:charter"),
    "add": Verb(Add, "doing:add"),
    "withdraw": Verb(Withdraw, "doing:withdraw"),
    "import": Verb(Import, "doing:import_file"),
    "erase": Verb(Erase, "doing:erase"),
    "release": Verb(Release, "doing:release"),
    "reindex": Verb(Reindex, "doing:reindex"),
    "export": Verb(Export, "research.exporting:export"),
    "operator": Verb(Operator, "accounts.verb:reset"),
    "letter": Verb(Letter, "checkup.letters:try_letter"),
    "backup": Verb(Backup, "backup.verb:backup"),
    "vault": Verb(Vault, "vault.verb:vault"),
    "bundle_write": Verb(BundleWrite, "bundles.verb:bundle_write"),
    "bundle_read": Verb(BundleRead, "bundles.verb:bundle_read"),
    "update_check": Verb(updates.UpdateCheck, "updates.verb:check"),
    "update_stage": Verb(updates.UpdateStage, "updates.verb:stage_one"),
    "update_apply": Verb(updates.UpdateApply, "updates.verb:apply"),
    "update_status": Verb(updates.UpdateStatus, "updates.verb:status"),
    "update_return": Verb(updates.UpdateReturn, "updates.verb:back"),
    "update_seen": Verb(updates.UpdateSeen, "updates.verb:seen"),
    "update_offer": Verb(updates.UpdateOffer, "updates.verb:offer"),
    "source_add": Verb(sources.SourceAdd, "sources.verb:add"),
    "source_remove": Verb(sources.SourceRemove, "sources.verb:remove"),
    "source_stop": Verb(sources.SourceStop, "sources.verb:stop"),
    "source_settle": Verb(sources.SourceSettle, "sources.settling:settle"),
    "source_preview": Verb(sources.SourcePreview, "sources.previewing:preview"),
    "source_run": Verb(sources.SourceRun, "sources.verb:run"),
    "source_list": Verb(sources.SourceList, "sources.verb:list_sources"),
    "source_status": Verb(sources.SourceStatus, "sources.verb:status"),
    "media_add": Verb(media.MediaAdd, "media.verb:add"),
    "media_describe": Verb(media.MediaDescribe, "media.verb:describe"),
    "media_remove": Verb(media.MediaRemove, "media.verb:remove"),
    "media_list": Verb(media.MediaList, "media.verb:list_media"),
    "relay_status": Verb(relay.RelayStatus, "relay.verb:status"),
    "relay_block": Verb(relay.RelayBlock, "relay.verb:block"),
    "relay_unblock": Verb(relay.RelayUnblock, "relay.verb:unblock"),
    "same_list": Verb(same.SameList, "same.verb:list_pairs"),
    "same_accept": Verb(same.SameAccept, "same.verb:accept"),
    "same_reject": Verb(same.SameReject, "same.verb:reject"),
    "same_undo": Verb(same.SameUndo, "same.verb:undo"),
    "invite": Verb(Invite, "belonging:invite"),
    "join": Verb(Join, "belonging:join"),
    "follow": Verb(Follow, "belonging:follow"),
    "enrol": Verb(Enrol, "belonging:enrol"),
    "end": Verb(End, "belonging:end"),
}


async def perform(town: Town, name: str, params: Mapping[str, Json], tell: Tell) -> Json:
    """Check the parameters, do the verb, answer. Raises `LocalError` for an unknown verb or wrong parameters."""
    verb = VERBS.get(name)
    if verb is None:
        raise LocalError(f"no verb {name!r}", hint=f"known verbs: {', '.join(sorted(VERBS))}")
    try:
        checked = msgspec.convert(dict(params), verb.params)
    except msgspec.ValidationError as error:
        raise LocalError(f"verb {name}: {error}") from None
    return await verb.function()(town, checked, tell)
