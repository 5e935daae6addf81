# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whatever a person is refused for has a sentence, in every language, with the values that come with it."""

from __future__ import annotations

import ast
import errno
import os
import re
from pathlib import Path

import pytest
from convergences_node.fault_sentences import fault_sentence, fault_sentences, in_words
from convergences_node.regular_files import NOT_REGULAR
from convergences_node.system_words import MET
from convergences_protocol import admission, invitation
from convergences_protocol.errors import Fault
from convergences_protocol.kinds.kind import FAULT_CODES

ROOT = Path(__file__).parents[1]
PLACE = re.compile(r"\{(\w+)(?::[^{}]*)?\}")
LANGUAGES = ("fr", "en")
# Of codes that the program puts together.
_COMPOSED = {
    *(f"invitation_{code}" for code in invitation._SENTENCES),
    *(f"epoch_{code}" for code in admission._REASONS),
    *(f"row_{gone}" for gone in ("erased", "withdrawn")),
    *(f"system_{errno.errorcode[number]}" for number in MET),
    "system_EFTYPE",
}


def _codes_named() -> set[str]:
    """The second argument of each `Fault(…)`, the first of each `BadCell(…)`, where it is written out."""
    found = set()
    for path in [*ROOT.glob("protocol/convergences_protocol/**/*.py"), *ROOT.glob("node/convergences_node/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                at = {"Fault": 1, "BadCell": 0}.get(node.func.id)
                code = node.args[at] if at is not None and len(node.args) > at else None
                if isinstance(code, ast.Constant):
                    found.add(str(code.value))
    return found


def test_every_code_has_its_sentence() -> None:
    named = _codes_named()
    assert len(named) > 30
    assert named | _COMPOSED | FAULT_CODES.keys() <= fault_sentences("fr").keys()


def test_both_languages_say_the_same() -> None:
    """The same codes, and the values that one shows, the other shows too."""
    french, english = (fault_sentences(language) for language in LANGUAGES)
    assert french.keys() == english.keys()
    for code, text in french.items():
        assert set(PLACE.findall(text)) == set(PLACE.findall(english[code])), code


@pytest.mark.parametrize("code", sorted(FAULT_CODES))
def test_a_record_s_fault_is_said_with_its_values(code: str) -> None:
    """No sentence wants a value that the judge does not give."""
    assert set(PLACE.findall(fault_sentences("fr")[code])) <= FAULT_CODES[code] | {"path"}


def test_a_code_that_is_not_known_here_is_said_all_the_same() -> None:
    """A newer program's, or one whose values did not come along."""
    assert fault_sentence(Fault("name", "too_loud"), "en") == "“name”: too_loud."
    assert fault_sentence(Fault("name", "too_long"), "en") == "“name”: too_long."


def test_a_size_is_said_in_units_that_people_know() -> None:
    fault = Fault("row", "zip_too_large", {"limit": 256 * 1024**2})
    assert "256\u00a0Mio" in fault_sentence(fault, "fr") and "256\u00a0MiB" in fault_sentence(fault, "en")
    assert "1,5\u00a0Kio" in fault_sentence(Fault("", "file_large", {"file": "a", "bytes_max": 1536}), "fr")
    assert "12\u00a0octets" in fault_sentence(Fault("", "file_large", {"file": "a", "bytes_max": 12}), "fr")


def test_a_fault_that_tells_of_another_says_that_one() -> None:
    """Of a source that breaks off, why, in a person's words; where its values did not come along, the code."""
    fault = Fault("source", "source_broken_off", {"code": "zip_too_large", "limit": 1024**2})
    assert fault_sentence(fault, "en").endswith("This compressed file holds more than 1\u00a0MiB: it is not opened."
                                                " Ask for the sheet as CSV.")  # fmt: skip
    assert "zip_too_large" in fault_sentence(Fault("source", "source_broken_off", {"code": "zip_too_large"}), "fr")


def test_french_spaces_do_not_break() -> None:
    for code, text in fault_sentences("fr").items():
        assert not re.search(r" [:;?!»]|« ", text), code


def test_what_is_counted_agrees_with_its_number() -> None:
    """One line, two lines; none is one in French, and many in English."""
    unsigned = [Fault("", "release_undersigned", {"version": "1.0.0", "count": n, "needed": 3}) for n in (0, 1, 2)]
    french, english = ([fault_sentence(fault, language) for fault in unsigned] for language in LANGUAGES)
    assert ["signatures connues" in said for said in french] == [False, False, True]
    assert ["signatures of" in said for said in english] == [True, False, True]


def test_what_the_system_refuses_is_said_in_the_reader_s_words() -> None:
    """However deep the reason is; a reason that is not the system's stays as it is."""
    full = os.strerror(errno.ENOSPC)
    fault = Fault("", "backup_unwritable", {"folder": "/media/stick", "reason": full})
    assert "/media/stick\u00a0: il n’y a plus de place." in fault_sentence(fault, "fr")
    assert "there is no room left" in fault_sentence(fault, "en")
    assert all(in_words(os.strerror(number), language) for number in MET for language in LANGUAGES)
    assert all(in_words(NOT_REGULAR, language) != NOT_REGULAR for language in LANGUAGES)
    assert in_words("the server is on holiday", "fr") == "the server is on holiday"
