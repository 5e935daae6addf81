# SPDX-License-Identifier: AGPL-3.0-or-later
"""A resource as N-Triples (W3C, 2014): one line a statement, so that a list of any length is written as it is read.

With a few `@prefix` lines before it the same is Turtle: SemApps' mirror takes these lines off and puts the rest into a
SPARQL update. Written by hand and not by rdflib, which would hold the whole graph; a test has rdflib read both this and
the JSON-LD, and find the same statements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from convergences_node.web.surfaces.linked_context import LINKED_PREFIXES, REFERENCES, full
from convergences_node.web.surfaces.pair_terms import DATE_TIMES

_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
_XSD = LINKED_PREFIXES["xsd"]
_UNSAFE = re.compile(r"[\x00-\x20<>\"{}|^`\\]")
_NO_LABEL = re.compile("[^A-Za-z0-9]+")
_ESCAPED = re.compile(r'[\\"\n\r]')
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})

PREFIX_LINES = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in sorted(LINKED_PREFIXES.items()))


def statements(resource: Mapping[str, Any]) -> Iterator[str]:
    """The statements of a resource and of what is written inside it, each without its last dot."""
    subject = iri(resource["id"])
    yield from _said(subject, resource, f"_:{_NO_LABEL.sub('', resource['id'])}")


def n_triples(resource: Mapping[str, Any]) -> str:
    """The same as lines."""
    return " .\n".join([*statements(resource), ""])


def n_quads(resource: Mapping[str, Any], graph: str) -> str:
    """The same in a named graph (N-Quads, W3C 2014)."""
    return f" {iri(graph)} .\n".join([*statements(resource), ""])


def _said(subject: str, node: Mapping[str, Any], inside: str) -> Iterator[str]:
    for name, value in node.items():
        if name == "id":
            continue
        said = f"{subject} {_property(name)} "
        for number, each in enumerate(value if isinstance(value, list) else (value,)):
            if isinstance(each, str):
                yield said + _text(name, each)
            elif not isinstance(each, Mapping):
                yield said + _number(each)
            elif "@value" in each:
                yield f"{said}{literal(str(each['@value']))}^^{iri(full(each['@type']))}"
            elif "id" in each:
                there = iri(full(each["id"]))
                yield said + there
                yield from _said(there, each, inside)
            else:
                # A label made of where it stands: the same list has the same bytes each time it is written.
                blank = f"{inside}x{_label(name)}{number}"
                yield said + blank
                yield from _said(blank, each, blank)


@lru_cache(maxsize=1_000)
def _property(name: str) -> str:
    return _TYPE if name == "type" else iri(full(name))


@lru_cache(maxsize=1_000)
def _label(name: str) -> str:
    return _NO_LABEL.sub("", name)


def _text(name: str, value: str) -> str:
    if name == "type" or name in REFERENCES:
        return iri(full(value))
    return f"{literal(value)}^^<{_XSD}dateTime>" if name in DATE_TIMES else literal(value)


def _number(value: float) -> str:
    """An integer, a number with a point, or a truth."""
    if isinstance(value, bool):
        return f'"{str(value).lower()}"^^<{_XSD}boolean>'
    return f'"{value!r}"^^<{_XSD}{"integer" if isinstance(value, int) else "double"}>'


def iri(text: str) -> str:
    """An IRI between its brackets; what may not stand there is percent-encoded, as a browser would."""
    if _UNSAFE.search(text):
        text = _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", text)
    return f"<{text}>"


def literal(text: str) -> str:
    """A text between its quotes."""
    return f'"{text.translate(_ESCAPES)}"' if _ESCAPED.search(text) else f'"{text}"'
