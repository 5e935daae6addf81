# SPDX-License-Identifier: AGPL-3.0-or-later
"""The kinds of elements. Adding one is adding a file with a `KIND` in it, and its test; nothing lists them by hand.

`KINDS` is what this folder holds, by name, in the order of the names. Its files are found when the package is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from .field import Field, FieldType
from .kind import Fault, Kind, check, known_fields


def _found() -> dict[str, Kind]:
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    kinds = [module.KIND for module in modules if hasattr(module, "KIND")]
    return {kind.name: kind for kind in sorted(kinds, key=lambda kind: kind.name)}


KINDS: Mapping[str, Kind] = MappingProxyType(_found())

__all__ = ["KINDS", "Fault", "Field", "FieldType", "Kind", "check", "known_fields"]
