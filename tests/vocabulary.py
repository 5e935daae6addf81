# SPDX-License-Identifier: AGPL-3.0-or-later
"""The whole IRI of a word, by the prefixes that kinds map to: what a document's own prefixes must come to."""

from convergences_protocol.kinds.prefixes import PREFIXES


def iri(curie: str) -> str:
    """Of `pair:label`. Raises `KeyError` for a prefix that kinds do not know."""
    prefix, _, name = curie.partition(":")
    return PREFIXES[prefix] + name
