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
_ELSEWHERE = {
    "https://opendatacommons.org/licenses/odbl": "odbl-1.0",
    "https://opendatacommons.org/licenses/odbl/1-0": "odbl-1.0",
    "https://www.etalab.gouv.fr/licence-ouverte-open-licence": "etalab-2.0",
    "https://creativecommons.org/publicdomain/zero/1.0": "cc0-1.0",
    **{f"https://creativecommons.org/licenses/{each[3:-4].lower()}/{each[-3:]}": each.lower() for each in _IDS
       if each.startswith("CC-")},
}  # fmt: skip
"""Other addresses at which the same licences are, without a slash at the end."""


def name_of(said: str) -> str:
    """What people call a licence that is said by its word or its address; one that is not known, as it was said."""
    word = WORDS.get(said) or _ELSEWHERE.get(said.rstrip("/")) or said.lower()
    return NAMES.get(word, said)
