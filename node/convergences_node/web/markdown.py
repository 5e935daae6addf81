# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an author wrote in Markdown, as HTML that is safe whoever wrote it.

Two walls: the parser takes no raw HTML (CommonMark with `html=False`), and what it made is cleaned once more by nh3
against the short list below. Images are shown as links: a page never makes a reader's browser ask another host.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import unescape

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

# A body is at most 64 KiB; what is shown of one text stops here, so that a page stays a page.
TEXT_CHARACTERS_MAX = 50_000
# The page's own headings go down to h2 where a text begins: the author's begin below, whatever level they were given.
HEADING_ABOVE = 2

TAGS = frozenset(
    {"p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "em", "strong", "s", "code", "pre", "a"}
)
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
SCHEMES = frozenset({"http", "https", "mailto", "tel"})


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 20}).disable("image")


def render(text: str) -> Markup:
    """Safe HTML of a text."""
    parser = _parser()
    tokens = parser.parse(text[:TEXT_CHARACTERS_MAX])
    _lower_headings(tokens)
    html = parser.renderer.render(tokens, parser.options, {})
    clean = nh3.clean(
        html, tags=set(TAGS), attributes=ATTRIBUTES, url_schemes=set(SCHEMES), link_rel="noopener noreferrer nofollow"
    )
    return Markup(clean)  # noqa: S704  cleaned on the line above, which is the point of this module


def plain(text: str) -> str:
    """Its words alone, on one line, for places too small for headings and lists."""
    words = nh3.clean(_parser().render(text[:TEXT_CHARACTERS_MAX]), tags=set())
    return " ".join(unescape(words).split())


def _lower_headings(tokens: Sequence[Token]) -> None:
    """Nest the author's headings under the page's without a jump: a screen reader walks them as a table of contents."""
    open_levels: list[int] = []
    for token in tokens:
        if token.type == "heading_open":
            level = int(token.tag[1:])
            while open_levels and open_levels[-1] >= level:
                open_levels.pop()
            open_levels.append(level)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, HEADING_ABOVE + len(open_levels))}"


def safe_link(address: str) -> str | None:
    """A record's own address if it may be put behind a link, else None: never `javascript:`."""
    return address if address.lower().startswith(("https://", "http://")) else None
