# SPDX-License-Identifier: AGPL-3.0-or-later
"""The statements of some files, to be looked up: Turtle, N-Triples, N-Quads, TriG, RDF/XML, JSON-LD.

They are loaded into a store in a folder of their own, which is gone when they have been read: memory does not grow with
the files. No context and no address is fetched: a JSON-LD document brings its context, or is refused by its name.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from convergences_protocol.errors import Fault, LocalError

from convergences_node.linked.pair_words import PAIR, prefixed
from convergences_node.web.surfaces.linked_context import full

FILES_MAX = 10_000
FILE_BYTES_MAX = 1 << 30
SAMPLE_BYTES = 1 << 16
SUFFIXES = (".ttl", ".nt", ".nq", ".trig", ".rdf", ".jsonld", ".json")
_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_SPEAKS_PAIR = re.compile(rb"virtual-assembly\.org/ontologies/pair")


def files_of(path: Path) -> list[Path]:
    """The files that a path names: itself, or those of a folder that may hold statements."""
    if not path.is_dir():
        return [path]
    return sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES and each.is_file())[:FILES_MAX]


def speaks_pair(path: Path) -> bool:
    """Whether a file, or one in a folder, is of linked data that names PAIR near its beginning."""
    return any(each.suffix in SUFFIXES and names_pair(each) for each in files_of(path))


def names_pair(path: Path) -> bool:
    """Whether a file names PAIR near its beginning."""
    try:
        with path.open("rb") as file:
            return _SPEAKS_PAIR.search(file.read(SAMPLE_BYTES)) is not None
    except OSError:
        return False


class Graph:
    """Statements, whatever graph they are in. IRIs are short where a vocabulary that we know is spoken."""

    def __init__(self, paths: list[Path]) -> None:
        """Raises `LocalError` with the file and the place of what cannot be read."""
        import pyoxigraph

        self._ox = pyoxigraph
        self._folder = tempfile.TemporaryDirectory(prefix="convergences-pair-")
        self._store = pyoxigraph.Store(self._folder.name)
        try:
            for path in paths:
                self._load(path)
        except BaseException:
            self.close()
            raise

    def _load(self, path: Path) -> None:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise LocalError(
                f"{path} is larger than {FILE_BYTES_MAX} bytes",
                fault=Fault("", "file_large", {"file": str(path), "bytes_max": FILE_BYTES_MAX}),
            )
        suffix = path.suffix.lower().lstrip(".")
        form = self._ox.RdfFormat.from_extension("jsonld" if suffix == "json" else suffix)
        if form is None:
            raise LocalError(
                f"{path} is of no form of linked data",
                hint=f"one of {', '.join(SUFFIXES)}",
                fault=Fault("", "linked_form", {"file": str(path), "known": ", ".join(SUFFIXES)}),
            )
        try:
            self._store.bulk_load(path=str(path), format=form, base_iri=path.absolute().as_uri(), lenient=True)
        except (SyntaxError, ValueError, OSError) as error:
            hint = "no context is fetched: write it into the document" if "context" in str(error).lower() else None
            raise LocalError(
                f"{path} cannot be read: {str(error)[:300]}",
                hint=hint,
                fault=Fault("", "file_unreadable", {"file": str(path), "reason": str(error)[:300]}),
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        del self._store
        self._folder.cleanup()

    def classes(self) -> Iterator[tuple[str, list[str]]]:
        """Everything that has an address and a class: its IRI, and its classes."""
        seen: dict[str, list[str]] = {}
        for quad in self._store.quads_for_pattern(None, self._ox.NamedNode(_TYPE), None, None):
            if isinstance(quad.subject, self._ox.NamedNode) and isinstance(quad.object, self._ox.NamedNode):
                found = seen.setdefault(quad.subject.value, [])
                if (class_ := name_of(quad.object.value)) not in found:
                    found.append(class_)
        for iri in sorted(seen):
            yield iri, sorted(seen[iri])

    def texts(self, property_: str) -> Iterator[tuple[str, str]]:
        """Everything with an address that has a text for a property, and the text."""
        for quad in self._store.quads_for_pattern(None, self._ox.NamedNode(full(property_)), None, None):
            if isinstance(quad.subject, self._ox.NamedNode) and isinstance(quad.object, self._ox.Literal):
                yield quad.subject.value, quad.object.value

    def said(self, node: Any) -> dict[str, list[Any]]:
        """What is said of a thing, by property, in a fixed order; `node` is an IRI or what `said` gave."""
        subject = self._ox.NamedNode(node) if isinstance(node, str) else node
        found: dict[str, dict[Any, None]] = {}
        for quad in self._store.quads_for_pattern(subject, None, None, None):
            found.setdefault(name_of(quad.predicate.value), {})[quad.object] = None
        return {property_: sorted(values, key=_order) for property_, values in sorted(found.items())}

    def pointing(self, iri: str) -> Iterator[tuple[str, str]]:
        """What points at a thing: by which property, and the IRI of what does."""
        found = {
            (name_of(quad.predicate.value), quad.subject.value)
            for quad in self._store.quads_for_pattern(None, None, self._ox.NamedNode(iri), None)
            if isinstance(quad.subject, self._ox.NamedNode)
        }
        yield from sorted(found)

    def iri(self, text: str) -> Any:
        """An IRI as `said` gives it."""
        return self._ox.NamedNode(text)

    def is_iri(self, value: Any) -> bool:
        return isinstance(value, self._ox.NamedNode)

    def is_blank(self, value: Any) -> bool:
        return isinstance(value, self._ox.BlankNode)


def name_of(iri: str) -> str:
    """A property or class in short; `pair:Thema` as a whole IRI is one whose prefix somebody forgot to declare."""
    if iri.startswith("pair:"):
        return prefixed(PAIR + iri.removeprefix("pair:"))
    return prefixed(iri)


def _order(value: Any) -> tuple[int, str]:
    """Texts of no language or French first: where one is wanted, that is the one."""
    language = getattr(value, "language", None)
    return (0 if language in (None, "fr") else 1, str(value))
