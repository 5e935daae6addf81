# SPDX-License-Identifier: AGPL-3.0-or-later
"""Licences as things with an address: records name them by a word, catalogues and mirrors look for an IRI.

The words are the identifiers of SPDX (https://spdx.org/licenses/) in small letters, as the sources' declarations have
them; each has its page there. Another word stays a word, an address stays one.
"""

from __future__ import annotations

from collections.abc import Mapping

SPDX = "https://spdx.org/licenses/"
_IDS = (
    "etalab-2.0", "ODbL-1.0", "ODC-By-1.0", "PDDL-1.0", "CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0",
    "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "CC-BY-NC-ND-4.0", "OGL-UK-3.0", "GFDL-1.3",
)  # fmt: skip
NAMES: Mapping[str, str] = {
    "etalab-2.0": "Licence Ouverte 2.0",
    "cc0-1.0": "CC0 1.0",
    **{each.lower(): f"{each[:-4]} {each[-3:]}" for each in _IDS if each.startswith(("ODbL", "ODC", "PDDL", "GFDL"))},
    **{each.lower(): f"CC {each[3:-4]} {each[-3:]}" for each in _IDS if each.startswith("CC-")},
}
"""By the word: what people call it."""
IRIS: Mapping[str, str] = {each.lower(): SPDX + each for each in _IDS}
"""By the word: where the licence is described."""
WORDS: Mapping[str, str] = {iri: word for word, iri in IRIS.items()}
