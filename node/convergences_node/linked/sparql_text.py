# SPDX-License-Identifier: AGPL-3.0-or-later
"""A query's words, as far as they must be known before it is run: what it asks of other machines, and of which graphs.

Not a parser: the store has one. A keyword is what is left of a query (SPARQL 1.1 section 19) once its comments,
strings, addresses, variables and prefixed names are passed over.
"""

from __future__ import annotations

import re

QUERY_CHARACTERS_MAX = 20_000
"""A query that a person wrote has a few hundred; one that a program made of a long list of values, thousands."""

_TOKEN = re.compile(
    r"""
      \#[^\n\r]*                                              # a comment
    | '''(?:[^\\']|\\.|'(?!''))*''' | \"\"\"(?:[^\\\"]|\\.|\"(?!\"\"))*\"\"\"
    | '(?:[^\\'\n\r]|\\.)*' | "(?:[^\\"\n\r]|\\.)*"           # strings
    | <[^<>"{}|^`\\\x00-\x20]*>                               # an address
    | [?$]\w+ | @[A-Za-z-]+                                   # a variable, a language
    | [\w.-]*:(?:\\.|[\w.:%-])*                               # a prefixed name
    | (?P<word>\w+)
    | .
    """,
    re.VERBOSE | re.DOTALL,
)


def keywords(query: str) -> frozenset[str]:
    """The keywords of a query, in capitals; names of functions are among them."""
    return frozenset(found["word"].upper() for found in _TOKEN.finditer(query) if found["word"])
