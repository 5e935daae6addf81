# SPDX-License-Identifier: AGPL-3.0-or-later
"""HTML as other systems hand it over, turned into the Markdown or the plain text that a record keeps.

nh3 goes first: scripts, styles, handlers and addresses of other schemes are gone before anything is read. What remains
is a handful of elements that Markdown has too; images, tables and layout leave their text. Nothing is fetched.
"""

import re
from html.parser import HTMLParser

import nh3

HTML_CHARS_MAX = 256 * 1024
"""A record's text is at most 50,000 signs; more markup than four times that is not read."""
LISTS_DEPTH_MAX = 20
OPEN_MAX = 500
"""Elements within elements. A cleaner's time grows with the square of that, and no author writes so; then only the
text is kept."""
TAGS = {
    "p", "br", "hr", "div", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote",
    "em", "i", "strong", "b", "a", "tr", "table", "section", "article",
}  # fmt: skip
BLOCKS = TAGS - {"br", "em", "i", "strong", "b", "a", "li", "hr"}
MARKS = {"em": "*", "i": "*", "strong": "**", "b": "**"}

_MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,2000}>|&(?:[a-zA-Z]{2,8}|#\d{1,7});")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>?")
_VOID = re.compile(r"<(?:br|hr|img|input|wbr|p|li|td|tr)\b", re.IGNORECASE)
_LINES = re.compile(r"\n{3,}")
_SPACES = re.compile(r"[^\S\n]+")


def looks_like_html(text: str) -> bool:
    """Whether a text that does not say so has elements or entities in it."""
    return _MARKUP.search(text) is not None


def markdown_of(html: str, chars_max: int) -> str:
    """The text with its paragraphs, lists, emphasis and links; cut after `chars_max`, at a word, with an ellipsis."""
    clean = nh3.clean(
        _sound(html),
        tags=TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto", "tel"},
        clean_content_tags={"script", "style"},
        link_rel=None,
    )
    reader = _Markdown()
    reader.feed(clean)
    reader.close()
    return shortened(_tidy("".join(reader.out)), chars_max)


def text_of(html: str, chars_max: int) -> str:
    """One line of plain text, without any markup."""
    reader = _Text()
    reader.feed(nh3.clean(_sound(html), tags=set(), clean_content_tags={"script", "style"}))
    reader.close()
    return shortened(" ".join("".join(reader.out).split()), chars_max)


def _sound(html: str) -> str:
    """As much as is read, without the lone halves of letters that JSON can say and no encoding carries."""
    sound = html[:HTML_CHARS_MAX].encode("utf-8", "replace").decode()
    return _TAG.sub(" ", sound) if _is_deep(sound) else sound


def _is_deep(html: str) -> bool:
    """Whether more elements are open at once than anybody writes; those that need no end are counted, too."""
    if html.count("<") <= OPEN_MAX:
        return False
    depth = 0
    for tag in _TAG.finditer(html):
        depth += -1 if tag[0].startswith("</") else 0 if _VOID.match(tag[0]) else 1
        if depth > OPEN_MAX:
            return True
    return False


def shortened(text: str, chars_max: int) -> str:
    """The text, or its beginning up to a word's end."""
    if len(text) <= chars_max:
        return text
    cut = text[: chars_max - 1]
    space = max(cut.rfind(" "), cut.rfind("\n"))
    return (cut[:space] if space > chars_max // 2 else cut).rstrip() + "…"


def _tidy(text: str) -> str:
    lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
    return _LINES.sub("\n\n", "\n".join(lines)).strip()


class _Text(HTMLParser):
    """What is left when the elements are gone."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []

    def handle_data(self, data: str) -> None:
        self.out.append(data)


class _Markdown(HTMLParser):
    """Clean HTML, as Markdown (CommonMark 0.31)."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._lists: list[int] = []
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BLOCKS:
            self.out.append("\n\n")
        if tag in MARKS:
            self.out.append(MARKS[tag])
        elif tag in ("ul", "ol"):
            self._lists = [*self._lists, 0 if tag == "ol" else -1][:LISTS_DEPTH_MAX]
        elif tag == "li":
            self._begin_item()
        elif tag == "br":
            self.out.append("  \n")
        elif tag == "hr":
            self.out.append("\n\n---\n\n")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self.out)))
        elif re.fullmatch("h[1-6]", tag):
            self.out.append("#" * int(tag[1]) + " ")

    def _begin_item(self) -> None:
        if self._lists and self._lists[-1] >= 0:
            self._lists[-1] += 1
            self.out.append(f"\n{self._lists[-1]}. ")
        else:
            self.out.append("\n- ")

    def handle_endtag(self, tag: str) -> None:
        if tag in MARKS:
            self._end_mark(MARKS[tag])
        elif tag in ("ul", "ol"):
            self._lists = self._lists[:-1]
            self.out.append("\n\n")
        elif tag == "a" and self._links:
            self._end_link(*self._links.pop())
        elif tag in BLOCKS:
            self.out.append("\n\n")

    def _end_mark(self, mark: str) -> None:
        """Emphasis of nothing would be read as a rule; emphasis ends before the space, as CommonMark wants it."""
        if self.out and self.out[-1] == mark:
            self.out.pop()
            return
        last = self.out[-1] if self.out else ""
        kept = last.rstrip()
        self.out[-1:] = [kept, mark, last[len(kept) :]]

    def _end_link(self, address: str, since: int) -> None:
        text = " ".join("".join(self.out[since:]).split())
        del self.out[since:]
        same = not text or text == address or address in (f"http://{text}", f"https://{text}", f"mailto:{text}")
        if not address or re.search(r"[\s<>()]", address):
            self.out.append(text)
        else:
            self.out.append(f"<{address}>" if same else f"[{text}]({address})")

    def handle_data(self, data: str) -> None:
        text = re.sub(r"\s+", " ", data)
        if text.startswith(" ") and self.out and self.out[-1] in MARKS.values():
            # Emphasis begins after the space, too.
            self.out.insert(-1, " ")
            text = text[1:]
        self.out.append(text)
