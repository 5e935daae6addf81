# SPDX-License-Identifier: AGPL-3.0-or-later
"""The templates: everything that is put into a page is escaped, and a name that is not given is an error.

A page has some three hundred places where a text is put. Jinja escapes each with markupsafe's `escape`, which makes a
`Markup` of it, two calls of Python that no page needs: a template's pieces are joined and never escaped again. Texts
are escaped here by the standard library instead, at a fourth of the cost; all that is no plain text, by markupsafe.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from html import escape as escape_text
from types import CodeType
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import escape as escape_value

from convergences_node.web import static_files


def escape(value: object) -> str:
    """A value as the text of a page, or of an attribute in double or single quotes."""
    return escape_text(value) if type(value) is str else escape_value(value)


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


def make_environment() -> Environment:
    """The templates of the pages."""
    environment = Environment(
        loader=PackageLoader("convergences_node.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # templates do not change under a node that runs
    )
    environment.template_class = Page
    environment.globals["static"] = static_files.address
    environment.globals["built"] = static_files.address_if_built
    return environment
