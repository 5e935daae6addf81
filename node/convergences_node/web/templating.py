# SPDX-License-Identifier: AGPL-3.0-or-later
"""The templates: everything that is put into a page is escaped, and a name that is not given is an error.

A page has some three hundred places where a text is put, and what they need is done once, or is short:

- Jinja escapes each with markupsafe's `escape`, which makes a `Markup` of it, two calls of Python that no page needs: a
  template's pieces are joined and never escaped again. Texts are escaped here into texts, a quarter of the time.
- Each language has its templates. A sentence without places (`t('nav.skip')`) and the address of a file (`static`) are
  the same on every page of a language: they are written into the template when it is compiled, and a key that a
  catalogue does not have is an error then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from functools import cache
from types import CodeType
from typing import Any

import markupsafe
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, nodes
from jinja2.environment import TemplateModule
from jinja2.visitor import NodeTransformer
from markupsafe import Markup
from markupsafe import escape as escape_value

from convergences_node.web import static_files
from convergences_node.web.messages import Messages, catalogue


def _escaped_here(text: str) -> str:
    """The five signs, as markupsafe writes them. Most texts have none, and to look is quicker than to replace.

    The ampersand comes first, or those of the others would be escaped once more.
    """
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if '"' in text:
        text = text.replace('"', "&#34;")
    if "'" in text:
        text = text.replace("'", "&#39;")
    return text


escape_text: Callable[[str], str] = getattr(markupsafe, "_escape_inner", _escaped_here)
"""A text as the text of a page: by the part of markupsafe that is written in C, where this markupsafe has it apart."""


def escape(value: object) -> str:
    """A value as the text of a page, or of an attribute in double or single quotes. What a template has drawn is a
    part of a page already."""
    kind = type(value)
    return escape_text(value) if kind is str else value if kind is Markup else escape_value(value)  # type: ignore[arg-type, return-value]


class Page(Template):
    """A template whose code escapes with `escape`."""

    @classmethod
    def from_code(
        cls,
        environment: Environment,
        code: CodeType,
        globals: MutableMapping[str, Any],
        uptodate: Callable[[], bool] | None = None,
    ) -> Template:
        """What a loader makes of a compiled template: its functions look `escape` up among the names of its module."""
        made = super().from_code(environment, code, globals, uptodate)
        made.root_render_func.__globals__["escape"] = escape
        return made


class _Once(NodeTransformer):
    """Writes what is the same on every page into a template that is being compiled."""

    def __init__(self, known: Mapping[str, Callable[[str], str]]) -> None:
        self._known = known

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802  the visitor's own name for it
        call, plain = node.node, len(node.args) == 1 and not (node.kwargs or node.dyn_args or node.dyn_kwargs)
        if plain and isinstance(call, nodes.Name) and call.name in self._known:
            (about,) = node.args
            if isinstance(about, nodes.Const):
                return nodes.Const(self._known[call.name](about.value), lineno=node.lineno)
        return self.generic_visit(node)


class Spoken(Environment):
    """The templates of one language."""

    def __init__(self, messages: Messages) -> None:
        super().__init__(
            loader=PackageLoader("convergences_node.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,  # templates do not change under a node that runs
        )
        self.template_class = Page
        self.globals["static"] = static_files.address
        self.globals["built"] = static_files.address_if_built
        self._once = _Once({"t": messages.text, "static": static_files.address})

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """What a template sees besides what it is given: the same for all, and a plain dict, for what a page imports is
        compared with what it sees each time."""
        return {**self.globals, **(d or {})}

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        """The hook that Jinja leaves between reading a template and writing its code."""
        return super()._generate(self._once.visit(source), name, filename, defer_init)


@cache
def templates(language: str) -> Spoken:
    """The templates of a language of ours, each read when it is first asked for."""
    return Spoken(catalogue(language))


@cache
def parts(language: str) -> TemplateModule:
    """The macros that pages are made of."""
    return templates(language).get_template("parts.html").module
