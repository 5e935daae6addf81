# SPDX-License-Identifier: AGPL-3.0-or-later
"""Subjects of a linked-data document, a row each: JSON-LD 1.1, Turtle 1.1 and N-Triples, read whole, apart.

The columns are the properties under the prefixes that everybody uses (`pair:label`, `dc:created`), the whole address
where there is none. A thing without an address belongs to the one that names it (`pair:hasLocation.pair:latitude`).
Of several languages French is told. No context and no document is fetched (`contexts.py`).
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault

from convergences_node.web.surfaces.linked_context import LINKED_PREFIXES

from .contexts import NotBundled, load
from .json_window import no_constant
from .rows import Dialect, Row

DOCUMENT_BYTES_MAX = 32 * 1024**2
STATEMENTS_MAX = 1_000_000
NESTING_MAX = 4
VALUES_MAX = 1000
"""Of one property of one subject; a container of more is not a row."""
LANGUAGES = ("fr", None, "en")
"""Which text is told where several languages say the same; None is the one that says no language."""
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
ALIASES = {"http://schema.org/": "schema", "http://schema.org#": "schema", "http://purl.org/dc/elements/1.1/": "dc"}
FIRST = ("pair", "schema", "as", "vf")
"""Whose class is told first of a thing that has several."""

Node = dict[str, list[Any]]
"""A subject's statements: values of RDF as `(text, language)`, `[address]`, or a number or a boolean."""


def read_jsonld(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """The subjects of a JSON-LD document."""
    yield from _read(file, _jsonld)


def read_turtle(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """The subjects of a Turtle or N-Triples document."""
    yield from _read(file, _turtle)


def _read(file: BinaryIO, parse: Any) -> Iterator[Row]:
    data = file.read(DOCUMENT_BYTES_MAX + 1)
    if len(data) > DOCUMENT_BYTES_MAX:
        yield Row(1, {}, Fault("row", "file_too_large", {"limit": DOCUMENT_BYTES_MAX}))
        return
    try:
        nodes = parse(data)
    except _Refused as refused:
        yield Row(refused.line, {}, refused.fault)
        return
    named = _referred(nodes)
    found = False
    for rank, (address, node) in enumerate(nodes.items(), 1):
        if not address.startswith("_:") or address not in named:
            found = True
            yield Row(rank, _cells(address, node, nodes))
    if not found:
        yield Row(1, {}, Fault("row", "linked_nothing"))


class _Refused(Exception):  # noqa: N818 - says what became of the document
    """The document is not read."""

    def __init__(self, code: str, line: int = 1, **params: object) -> None:
        super().__init__(code)
        self.line = line
        self.fault = Fault("row", code, params)


def _jsonld(data: bytes) -> dict[str, Node]:
    from pyld import jsonld

    try:
        document = json.loads(data, parse_constant=no_constant)
        flat = jsonld.flatten(document, None, {"documentLoader": load})
    except NotBundled as error:
        raise _Refused("linked_context", given=error.address[:200]) from None
    except (ValueError, RecursionError) as error:
        raise _Refused("row_not_json", reason=str(error)[:200]) from None
    # pyld raises one error of its own for everything, with the cause inside.
    except Exception as error:
        if isinstance(cause := _cause(error), NotBundled):
            raise _Refused("linked_context", given=cause.address[:200]) from None
        raise _Refused("linked_broken", reason=str(error).splitlines()[0][:200]) from None
    return {str(one["@id"]): _node(one) for one in flat}


def _cause(error: BaseException | None) -> BaseException | None:
    while error is not None and not isinstance(error, NotBundled):
        error = getattr(error, "cause", None) or error.__cause__ or error.__context__
    return error


def _node(flat: Mapping[str, Any]) -> Node:
    """A node object of flattened JSON-LD."""
    node: Node = {TYPE: [[one] for one in flat.get("@type", [])]}
    for name, values in flat.items():
        if not name.startswith("@"):
            listed = [inner for value in values for inner in (value.get("@list", [value]))]
            node[name] = [_value(value) for value in listed[:VALUES_MAX]]
    return node


def _value(value: Mapping[str, Any]) -> Any:
    if "@id" in value:
        return [value["@id"]]
    told = value.get("@value")
    return told if isinstance(told, bool | int | float) else (str(told), value.get("@language"))


def _turtle(data: bytes) -> dict[str, Node]:
    import pyoxigraph as ox

    nodes: dict[str, Node] = {}
    try:
        statements = ox.parse(data, format=ox.RdfFormat.TURTLE, base_iri="urn:x:", lenient=True)
        for count, (subject, predicate, thing, *_) in enumerate(statements):
            if count >= STATEMENTS_MAX:
                raise _Refused("linked_too_large", limit=STATEMENTS_MAX)
            values = nodes.setdefault(_address(subject), {}).setdefault(predicate.value, [])
            if len(values) < VALUES_MAX:
                values.append(_term(thing, ox))
    except SyntaxError as error:
        raise _Refused("linked_broken", error.lineno or 1, reason=str(error.msg)[:200]) from None
    except (ValueError, OSError) as error:
        raise _Refused("linked_broken", reason=str(error)[:200]) from None
    return nodes


def _address(term: Any) -> str:
    """A blank node's name begins as JSON-LD's does."""
    return str(term) if str(term).startswith("_:") else str(getattr(term, "value", term))


def _term(term: Any, ox: Any) -> Any:
    if not isinstance(term, ox.Literal):
        return [_address(term)]
    kind = term.datatype.value.rpartition("#")[2]
    if kind == "boolean":
        return term.value in ("true", "1")
    if kind in ("integer", "decimal", "double", "float"):
        try:
            return int(term.value) if kind == "integer" else float(term.value)
        except ValueError:
            return (term.value, None)
    return (term.value, term.language)


def _referred(nodes: Mapping[str, Node]) -> set[str]:
    return {
        value[0]
        for node in nodes.values()
        for values in node.values()
        for value in values
        if isinstance(value, list) and value[0].startswith("_:")
    }


def _cells(address: str, node: Node, nodes: Mapping[str, Node]) -> dict[str, Any]:
    types = [_short(value[0]) for value in node.get(TYPE, []) if isinstance(value, list)]
    first = sorted(types, key=lambda one: FIRST.index(one.partition(":")[0]) if one.partition(":")[0] in FIRST else 9)
    cells = {"id": None if address.startswith("_:") else address, "type": first[0] if first else None, "types": types}
    return cells | _flat(node, nodes, "", {address})


def _flat(node: Node, nodes: Mapping[str, Node], prefix: str, above: set[str]) -> dict[str, Any]:
    """The statements of a subject, those of the nameless things that it names included."""
    cells: dict[str, Any] = {}
    for name, values in node.items():
        if name == TYPE:
            continue
        column = prefix + _short(name)
        told = []
        for value in values:
            inner = value[0] if isinstance(value, list) else ""
            if inner.startswith("_:") and inner in nodes:
                if inner not in above and len(above) < NESTING_MAX:
                    cells.update(_flat(nodes[inner], nodes, f"{column}.", above | {inner}))
            else:
                told.append(value)
        if told:
            cells[column] = _told(told)
    return cells


def _told(values: list[Any]) -> Any:
    """One value as itself, several as a list; of texts in several languages, those of one."""
    spoken = {value[1] for value in values if isinstance(value, tuple)}
    language = next((one for one in (*LANGUAGES, *sorted(filter(None, spoken))) if one in spoken), None)
    kept = [value for value in values if not isinstance(value, tuple) or value[1] == language]
    plain = [value[0] if isinstance(value, list | tuple) else value for value in kept]
    return plain[0] if len(plain) == 1 else plain


@lru_cache(maxsize=4096)
def _short(address: str) -> str:
    """The address under its prefix, if it has one that everybody knows."""
    known = [*ALIASES.items(), *((iri, name) for name, iri in LINKED_PREFIXES.items())]
    return next((f"{name}:{address[len(iri) :]}" for iri, name in known if address.startswith(iri)), address)
