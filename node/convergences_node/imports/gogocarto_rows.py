# SPDX-License-Identifier: AGPL-3.0-or-later
"""Elements and options of a GoGoCarto map, from its API: gogofull, gogocompact, the taxonomy, one element alone.

A compact element is an array whose places the document's `mapping` names; both shapes come out as the same columns.
`gogosync` is a list of ids, with nothing of what they name: it is refused with a sentence. Elements that their map has
refused, deleted or not yet accepted are refused too (a status below 1), and a private address is not an address.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault
from convergences_protocol.kinds import KINDS

from .html_text import looks_like_html, markdown_of
from .json_rows import flat
from .json_window import Item, items
from .rows import Dialect, Row

COMPACT = ("id", ["name"], "latitude", "longitude", "categories", "status", "moderationState")
"""The places of a compact element where the document does not name them."""
BELOW = ("options", "subcategories", "suboptions")
"""What an option or a category of the taxonomy holds."""
OPTIONS_MAX = 10_000
OPTIONS_DEPTH_MAX = 40
DESCRIPTION_CHARS_MAX = KINDS["actor"].by_name["description"].limit
PRIVATE = "private"
"""What a map writes instead of an address that is for its own people."""


def read_gogocarto(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """A row an element (`row` is `element`), or an option of the taxonomy (`row` is `option`)."""
    documents = items(file, dialect)
    first = next(documents, None)
    if first is None:
        return
    if _ontology(first) == "gogosync":
        yield Row(first.line, {}, Fault("row", "gogo_sync"))
        return
    head = first.head
    if isinstance(first.value, list) and "mapping" not in head:
        head = _whole_head(file, dialect)
        documents, first = items(file, dialect), None
    for item in chain([first] if first else [], documents):
        yield from _rows(item, head)


def _ontology(item: Item) -> Any:
    return (item.value if item.whole and isinstance(item.value, dict) else item.head).get("ontology")


def _whole_head(file: BinaryIO, dialect: Dialect) -> dict[str, Any]:
    """What stands beside the list, after it too: the mapping may come last."""
    file.seek(0)
    head: dict[str, Any] = {}
    for item in items(file, dialect):
        head = item.head
    file.seek(0)
    return head


def _rows(item: Item, head: Mapping[str, Any]) -> Iterator[Row]:
    value = item.value
    if item.fault:
        yield Row(item.line, {}, item.fault)
    elif isinstance(value, dict) and any(_listed(value, name) for name in BELOW):
        yield from _options(item.line, value)
    elif item.whole and isinstance(value.get("data"), dict):
        yield _element(item.line, value["data"], value)
    elif isinstance(value, list) or (isinstance(value, dict) and "compactJson" in value):
        yield _compact(item.line, value, head)
    elif isinstance(value, dict) and not item.whole:
        yield _element(item.line, value, head)
    else:
        yield Row(item.line, {}, Fault("row", "row_not_an_object", {"found": type(value).__name__}))


def _compact(line: int, value: Any, head: Mapping[str, Any]) -> Row:
    """An array, or an object that carries one as text."""
    if isinstance(value, dict):
        try:
            value = json.loads(str(value["compactJson"]))
        except (ValueError, RecursionError) as error:
            return Row(line, {}, Fault("row", "row_not_json", {"reason": str(error)[:200]}))
    places = head.get("mapping")
    if not isinstance(value, list) or not isinstance(places, list | None):
        return Row(line, {}, Fault("row", "row_not_an_object", {"found": type(value).__name__}))
    cells: dict[str, Any] = {}
    for place, part in zip(places or COMPACT, value, strict=False):
        if isinstance(place, list):
            cells.update(zip(map(str, place), part if isinstance(part, list) else [part], strict=False))
        else:
            cells[str(place)] = part
    return _element(line, cells, head)


def _element(line: int, value: dict[str, Any], head: Mapping[str, Any]) -> Row:
    """Names are told as GoGoCarto itself tells them apart when it reads another map."""
    status = value.get("status")
    if isinstance(status, int) and status < 1:
        return Row(line, {}, Fault("row", "gogo_status", {"status": status}))
    geo = value.get("geo") if isinstance(value.get("geo"), dict) else value
    assert isinstance(geo, dict)
    address = value.get("address")
    description = str(value.get("description") or value.get("abstract") or "")
    told = {
        "row": "element",
        "id": value.get("id"),
        "name": _first(value, "name", "title", "nom"),
        "lat": _first(geo, "latitude", "lat"),
        "lon": _first(geo, "longitude", "lng", "long", "lon"),
        "address": address if isinstance(address, str) else None,
        "categories": _categories(value),
        "description": markdown_of(description, DESCRIPTION_CHARS_MAX) if looks_like_html(description) else description,
        "licence": head.get("licence"),
    }
    return Row(line, {name: _open(cell) for name, cell in (flat(value) | told).items()})


def _first(value: Mapping[str, Any], *names: str) -> Any:
    return next((value[name] for name in names if value.get(name) not in (None, "")), None)


def _open(cell: Any) -> Any:
    return None if cell == PRIVATE else cell


def _categories(value: Mapping[str, Any]) -> list[str]:
    """The names of its options, however they are given."""
    given = _first(value, "categories", "taxonomy", "categoriesFull", "optionValues")
    parts = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else []
    names = [part.get("name") if isinstance(part, dict) else part for part in parts]
    return list(dict.fromkeys(str(name).strip() for name in names if isinstance(name, str) and name.strip()))


def _options(line: int, root: dict[str, Any]) -> Iterator[Row]:
    """The taxonomy as themes: an option's parent is the option above; categories only stand between them."""
    waiting: list[tuple[dict[str, Any], Any, int]] = [(root, None, 0)]
    count = 0
    while waiting and count < OPTIONS_MAX:
        node, parent, depth = waiting.pop()
        count += 1
        if "options" not in node and node.get("name"):
            yield Row(line, _option(node, parent))
            parent = node.get("id")
        below = [one for name in BELOW for one in _listed(node, name)]
        if depth < OPTIONS_DEPTH_MAX:
            waiting += [(one, parent, depth + 1) for one in reversed(below) if isinstance(one, dict)]


def _listed(node: Mapping[str, Any], name: str) -> list[Any]:
    found = node.get(name)
    return found if isinstance(found, list) else []


def _option(node: Mapping[str, Any], parent: Any) -> dict[str, Any]:
    short = node.get("nameShort")
    return {
        "row": "option",
        "id": f"option-{node.get('id')}",
        "name": node.get("name"),
        "other_names": [short] if short and short != node.get("name") else [],
        "parent": None if parent is None else f"option-{parent}",
        "description": node.get("textHelper"),
        "colour": node.get("color"),
    }
