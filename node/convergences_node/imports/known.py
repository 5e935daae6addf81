# SPDX-License-Identifier: AGPL-3.0-or-later
"""The mappings that come with the node: for formats whose shape is known, nobody has to write one.

Each is a file in `known/`, named after its format. A mapping names its source; here that name is the file's or the
declared source's, and stands in where the document does not name itself.
"""

from importlib.resources import files

import msgspec

from .mapping import Column, Mapping, parse_mapping

FOLDER = files(__package__) / "known"


def known_formats() -> list[str]:
    """The formats that need no mapping."""
    return sorted(path.name.removesuffix(".toml") for path in FOLDER.iterdir() if path.name.endswith(".toml"))


def known_mapping(format: str, source: str | None = None, *, nameless: str | None = None) -> Mapping | None:
    """The mapping of a format, or None where the file's columns are anybody's.

    `source` is the name of a declared source; `nameless` is only for a document that should name itself and does not.
    """
    if format not in known_formats():
        return None
    mapping = parse_mapping((FOLDER / f"{format}.toml").read_bytes(), f"known/{format}.toml")
    named = mapping.source.name
    if isinstance(named, Column) and (value := source or nameless):
        named = msgspec.structs.replace(named, value=value)
    elif source is not None:
        named = source
    return msgspec.structs.replace(mapping, source=msgspec.structs.replace(mapping.source, name=named))
