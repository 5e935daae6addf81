# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is wrong in what a person gave, as a sentence in the reader's language.

A fault travels as its place, its code and its values: over the control socket, in an import's report, in an answer of
the API. Whoever shows it, a page or the command line, asks here for the words. `sentences/*.toml` has them, French
first, the same codes in each.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from convergences_protocol.errors import ConvergencesError, Fault, Refused

from convergences_node.faults import fault_from_json
from convergences_node.quantities import said
from convergences_node.system_words import system_code


def fault_sentence(fault: Fault, language: str) -> str:
    """The sentence of a fault. Of a code that is not known here, a newer program's, the code itself is shown: to say
    less is better than to fail while refusing. KeyError for a language that there is not."""
    sentences = fault_sentences(language)
    try:
        return sentences[fault.code].format_map(_Values(fault, language)).strip()
    except KeyError:
        return sentences["other"].format(path=fault.path, code=fault.code)


def said_in(error: ConvergencesError, language: str) -> str:
    """What an error says, in this language where it has a fault; else in the words that are for the log."""
    faults = error.faults if isinstance(error, Refused) else [error.fault] if error.fault is not None else []
    return " ".join(fault_sentence(fault, language) for fault in faults) or str(error)


def reason_sentence(noted: Mapping[str, Any], language: str) -> str:
    """Why something failed, as `faults.reason_of` noted it; in the words for the log where no fault was noted."""
    if fault := noted.get("fault"):
        return fault_sentence(fault_from_json(fault), language)
    return in_words(str(noted.get("reason", "")), language)


def in_words(reason: str, language: str) -> str:
    """A reason in that language where it is one of the system's; else as it is."""
    code = system_code(reason)
    return reason if code is None else fault_sentences(language)[code]


def hint_sentence(fault: Fault, language: str) -> str | None:
    """What to do about it, in that language, or about the fault that it tells of; None where the next step is a
    command, which needs no translation."""
    sentences = fault_sentences(language)
    sentence = sentences.get(f"hint_{fault.code}") or sentences.get(f"hint_{fault.params.get('code')}")
    return sentence.format_map(_Values(fault, language)) if sentence else None


class _Values(dict[str, Any]):
    """What a fault's sentence may name: `path`, its values, said as `quantities.py` does, and `why`, the sentence of
    the fault of which it tells the `code`, where it is (`at`) and the values; nothing, if it tells of none."""

    def __init__(self, fault: Fault, language: str) -> None:
        super().__init__({name: said(value, language) for name, value in fault.params.items()}, path=fault.path)
        if isinstance(reason := self.get("reason"), str):
            self["reason"] = in_words(reason, language)
        self._fault = fault
        self._language = language

    def __missing__(self, name: str) -> str:
        if name != "why":
            raise KeyError(name)
        if "code" not in self:
            return ""
        path = str(self.get("at", self["path"]))
        return fault_sentence(Fault(path, str(self["code"]), self._fault.params), self._language)


@cache
def fault_sentences(language: str) -> Mapping[str, str]:
    """Every sentence of a language (`fr`, `en`), by its fault's code."""
    path = resources.files(__package__).joinpath("sentences", f"{language}.toml")
    if not path.is_file():
        raise KeyError(language)
    return tomllib.loads(path.read_text("utf-8"))
