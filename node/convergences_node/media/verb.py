# SPDX-License-Identifier: AGPL-3.0-or-later
"""The verbs of pictures and documents: put one on an element, describe it, take it away, say which there are."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convergences_protocol.errors import Fault, LocalError, Refused
from convergences_protocol.kinds import KINDS, Field, FieldType, Kind
from convergences_protocol.kinds.media import Media, read_media
from convergences_protocol.record import read_body, read_header

from convergences_node.archive.model import Entry, NewRecord, Placed
from convergences_node.asking import element_id
from convergences_node.blobs.blobs import Blobs
from convergences_node.doing import current_entry, may_write
from convergences_node.faults import NotFound, why_of
from convergences_node.media.making import MEDIA_TYPE, Form, make_forms
from convergences_node.media.params import MediaAdd, MediaDescribe, MediaList, MediaRemove
from convergences_node.media.sniff import HEAD_BYTES, READ_TYPES, TAIL_BYTES, is_whole_pdf, type_of
from convergences_node.params import Json, Tell

if TYPE_CHECKING:
    from convergences_node.town import Town

SOURCE_BYTES_MAX = 64 * 1024 * 1024
"""A photograph of fifty million pixels as the best camera writes it, or a thick document."""
DIGITS_MIN = 6

FIELDS = {"logo": ("logo",), "banner": ("banner",), "picture": ("pictures", "media"), "document": ("media",)}
"""The field that each use goes into: the first of these that the kind has."""


async def add(town: Town, params: MediaAdd, tell: Tell) -> Json:
    """See `params.MediaAdd`."""
    may_write(town)
    entry, kind, fields = await _element(town, params.element)
    field = _field_for(kind, params.use)
    said = _said(params)
    _require_words(field, said)
    replaced = _meant(params.element, kind, fields, params.replaces)[1].digest if params.replaces else None
    path = Path(params.path)
    type_ = await asyncio.to_thread(_look_at, path, params.use)
    tell({"what": "media", "done": 0, "total": 1})
    if params.use == "document":
        made = await _document(town.blobs, path, type_)
    else:
        made = await _picture(town.blobs, await asyncio.to_thread(make_forms, path, params.use))
    medium = {**made, **said}
    fields[field.name] = _with(fields.get(field.name, []), medium, replaced) if field.many else medium
    placed = await _append(town, entry, kind, fields)
    return {**_placed(placed, params.element), "field": field.name, **made}


async def describe(town: Town, params: MediaDescribe, tell: Tell) -> Json:
    """See `params.MediaDescribe`."""
    may_write(town)
    entry, kind, fields = await _element(town, params.element)
    field, medium = _meant(params.element, kind, fields, params.file)
    said = _said(params)
    _require_words(field, {name: value for name, value in said.items() if value or name == "alt"})

    def told(one: dict[str, Any]) -> dict[str, Any]:
        if one["digest"] != medium.digest:
            return one
        return {name: value for name, value in {**one, **said}.items() if value or name not in said}

    former = fields[field.name]
    fields[field.name] = [told(one) for one in former] if field.many else told(former)
    if fields[field.name] == former:
        return {"element": params.element, "origin": entry.origin, "index": entry.index, "digest": medium.digest}
    placed = await _append(town, entry, kind, fields)
    return {**_placed(placed, params.element), "digest": medium.digest}


async def remove(town: Town, params: MediaRemove, tell: Tell) -> Json:
    """See `params.MediaRemove`."""
    may_write(town)
    entry, kind, fields = await _element(town, params.element)
    field, medium = _meant(params.element, kind, fields, params.file)
    if field.many:
        fields[field.name] = [one for one in fields[field.name] if one["digest"] != medium.digest]
    if not field.many or not fields[field.name]:
        del fields[field.name]
    placed = await _append(town, entry, kind, fields)
    return {**_placed(placed, params.element), "digest": medium.digest}


async def list_media(town: Town, params: MediaList, tell: Tell) -> Json:
    """See `params.MediaList`."""
    await town.index.catch_up()
    view = await town.index.element(str(element_id(params.element)))
    if view is None:
        raise NotFound(f"{params.element} is not known here")
    found = []
    for field, medium in _media_of(KINDS[view.item.kind], view.fields):
        here = await town.blobs.find(bytes.fromhex(medium.digest)) is not None
        shown = {name: getattr(medium, name) for name in _SHOWN}
        found.append({"field": field.name, **shown, "here": here})
    return {"element": view.item.id, "media": found}


_SHOWN = ("digest", "type", "bytes", "width", "height", "alt", "credit", "licence")


# ------------------------------------------------------------------------------------- the record
async def _element(town: Town, element: str) -> tuple[Entry, Kind, dict[str, Any]]:
    """The element as its own log has it now."""
    entry = await current_entry(town, element_id(element))
    header = read_header(entry.header)
    if entry.body is None:
        raise NotFound(f"{element} was withdrawn, or erased")
    return entry, KINDS[header.kind], read_body(header, entry.body)


def _field_for(kind: Kind, use: str) -> Field:
    for name in FIELDS[use]:
        field = kind.by_name.get(name)
        if field is not None and field.type is FieldType.MEDIA:
            return field
    raise LocalError(
        f"a {kind.name} has no {use}", fault=Fault("", "media_not_of_kind", {"kind": kind.name, "use": use})
    )


def uses_of(kind: Kind) -> tuple[str, ...]:
    """What a file may be for an element of this kind."""
    return tuple(
        use
        for use, names in FIELDS.items()
        if any(name in kind.by_name and kind.by_name[name].type is FieldType.MEDIA for name in names)
    )


def _meant(element: str, kind: Kind, fields: Any, digits: str) -> tuple[Field, Media]:
    """The one file of the element that these digits name."""
    if len(digits) < DIGITS_MIN:
        raise LocalError(f"a file is named by {DIGITS_MIN} digits or more", hint="convergences media list")
    meant = [one for one in _media_of(kind, fields) if one[1].digest.startswith(digits.lower())]
    if len(meant) != 1:
        raise NotFound(f"{len(meant)} files of {element} begin with {digits}", hint="convergences media list")
    return meant[0]


def _with(many: list[Any], medium: dict[str, Any], replaced: str | None) -> list[Any]:
    """One more, or one in the place of another; where that one is not of this field, one more."""
    if not any(one["digest"] == replaced for one in many):
        return [*many, medium]
    return [medium if one["digest"] == replaced else one for one in many]


def _said(params: MediaAdd | MediaDescribe) -> dict[str, str]:
    """The words that are given."""
    given = {"alt": params.alt, "credit": params.credit, "licence": params.licence}
    return {name: value for name, value in given.items() if value is not None}


def _require_words(field: Field, said: dict[str, str]) -> None:
    """Refuse bad words before the file is looked at: whoever typed them is there now."""
    stand_in = {"digest": "0" * 64, "type": "application/pdf", "bytes": 1, **said}
    faults = list(field.faults_of([stand_in] if field.many else stand_in))
    if faults:
        raise Refused(faults)


async def _append(town: Town, entry: Entry, kind: Kind, fields: dict[str, Any]) -> Placed:
    element = read_header(entry.header).element
    (placed,) = await town.archive.append([NewRecord(kind.name, fields, element, entry.digest)])
    await town.index.catch_up()
    return placed


def _placed(placed: Placed, element: str) -> dict[str, Json]:
    return {"element": element, "origin": placed.origin, "index": placed.index}


def _media_of(kind: Kind, fields: Any) -> Iterator[tuple[Field, Media]]:
    for field in kind.fields:
        if field.type is FieldType.MEDIA and field.name in fields:
            value = fields[field.name]
            yield from ((field, read_media(one)) for one in (value if field.many else [value]))


# ------------------------------------------------------------------------------------- the file
def _look_at(path: Path, use: str) -> str:
    """The type of a file that may be used so. LocalError with a fault for any other."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(HEAD_BYTES)
            file.seek(max(0, size - TAIL_BYTES))
            tail = file.read(TAIL_BYTES)
    except OSError as error:
        reason = why_of(error)
        raise LocalError(
            f"{path} cannot be read: {reason}",
            fault=Fault("", "file_unreadable", {"file": str(path), "reason": reason}),
        ) from None
    if size > SOURCE_BYTES_MAX:
        raise LocalError(
            f"{path} is larger than {SOURCE_BYTES_MAX} bytes",
            fault=Fault("", "file_large", {"file": str(path), "bytes_max": SOURCE_BYTES_MAX}),
        )
    found = type_of(head)
    wanted = ("application/pdf",) if use == "document" else READ_TYPES
    if found is None or found not in wanted:
        code = "not_a_document" if use == "document" else "not_a_picture"
        raise LocalError(f"{path} is no {use}", fault=Fault("", code, {"file": path.name}))
    if use == "document" and not is_whole_pdf(tail):
        raise LocalError(f"{path} is cut", fault=Fault("", "document_cut", {"file": path.name}))
    return found


async def _document(blobs: Blobs, path: Path, type_: str) -> dict[str, Any]:
    blob = await blobs.add(path)
    return {"digest": blob.digest.hex(), "type": type_, "bytes": blob.size}


async def _picture(blobs: Blobs, forms: list[Form]) -> dict[str, Any]:
    kept = [await _kept(blobs, form) for form in forms]
    main, sizes = kept[0], kept[1:]
    return {**main, "type": MEDIA_TYPE, **({"sizes": sizes} if sizes else {})}


async def _kept(blobs: Blobs, form: Form) -> dict[str, Any]:
    blob = await blobs.add_bytes(form.data)
    return {"digest": blob.digest.hex(), "bytes": blob.size, "width": form.width, "height": form.height}
