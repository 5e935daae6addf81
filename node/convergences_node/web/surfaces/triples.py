# SPDX-License-Identifier: AGPL-3.0-or-later
"""A resource as N-Triples (W3C, 2014): one line a statement, so that a list of any length is written as it is read.

With a few `@prefix` lines before it the same is Turtle: SemApps' mirror takes these lines off and puts the rest into a
SPARQL update. Written by hand and not by rdflib, which would hold the whole graph; a test has rdflib read both this and
the JSON-LD, and find the same statements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from convergences_node.web.surfaces.linked_context import LINKED_PREFIXES, REFERENCES, full
from convergences_node.web.surfaces.pair_terms import DATE_TIMES

_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
_XSD = LINKED_PREFIXES["xsd"]
_UNSAFE = re.compile(r"[\x00-\x20<>\"{}|^`\\]")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})

PREFIX_LINES = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in sorted(LINKED_PREFIXES.items()))


def statements(resource: Mapping[str, Any]) -> Iterator[str]:
    """The statements of a resource and of what is written inside it, each without its last dot."""
    subject = iri(resource["id"])
    label = re.sub("[^A-Za-z0-9]", "", resource["id"])
    yield from _said(subject, resource, f"_:{label}")


def n_triples(resource: Mapping[str, Any]) -> str:
    """The same as lines."""
    return "".join(f"{statement} .\n" for statement in statements(resource))


def n_quads(resource: Mapping[str, Any], graph: str) -> str:
    """The same in a named graph (N-Quads, W3C 2014)."""
    named = iri(graph)
    return "".join(f"{statement} {named} .\n" for statement in statements(resource))


def _said(subject: str, node: Mapping[str, Any], inside: str) -> Iterator[str]:
    for name, value in node.items():
        if name == "id":
            continue
        for number, each in enumerate(value if isinstance(value, list) else [value]):
            if name == "type":
                yield f"{subject} {_TYPE} {iri(full(each))}"
            elif isinstance(each, Mapping) and "id" in each and len(each) > 1:
                yield f"{subject} {iri(full(name))} {iri(each['id'])}"
                yield from _said(iri(each["id"]), each, inside)
            elif isinstance(each, Mapping) and "@value" not in each and "id" not in each:
                # A label made of where it stands: the same list has the same bytes each time it is written.
                blank = f"{inside}x{re.sub('[^A-Za-z0-9]', '', name)}{number}"
                yield f"{subject} {iri(full(name))} {blank}"
                yield from _said(blank, each, blank)
            else:
                yield f"{subject} {iri(full(name))} {_object(name, each)}"


def _object(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        if "id" in value:
            return iri(full(value["id"]))
        return f"{literal(str(value['@value']))}^^{iri(full(value['@type']))}"
    if name in REFERENCES:
        return iri(full(value))
    if isinstance(value, bool):
        return f'"{str(value).lower()}"^^<{_XSD}boolean>'
    if isinstance(value, int | float):
        return f'"{value!r}"^^<{_XSD}{"integer" if isinstance(value, int) else "double"}>'
    return literal(value) + (f"^^<{_XSD}dateTime>" if name in DATE_TIMES else "")


def iri(text: str) -> str:
    """An IRI between its brackets; what may not stand there is percent-encoded, as a browser would."""
    return f"<{_UNSAFE.sub(lambda found: f'%{ord(found[0]):02X}', text)}>"


def literal(text: str) -> str:
    """A text between its quotes."""
    return f'"{text.translate(_ESCAPES)}"'
