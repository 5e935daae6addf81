# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is said at the terminal agrees with its numbers, in both languages; and so does the parser."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import convergences_cli
import convergences_node
import pytest
from convergences_cli.asking import confirm
from convergences_cli.main import run
from convergences_cli.words import LANGUAGES, say

from .test_commands import flat

MESSAGES = Path(convergences_cli.__file__).parent / "messages"
COUNTED = {"rows": 1, "created": 1, "changed": 0, "unchanged": 2, "refused_count": 0, "relations": 1, "themes": 2}


def test_one_line_is_one_line() -> None:
    """Not “1 lignes”; and none takes the singular in French alone."""
    assert say("import.done", "fr", **COUNTED) == (
        "1 ligne : 1 nouvelle, 0 modifiée, 2 inchangées, 0 refusée ; 1 relation, 2 nouveaux thèmes"
    )
    assert say("import.done", "en", **COUNTED | {"rows": 0, "themes": 1}) == (
        "0 rows: 1 new, 0 changed, 2 unchanged, 0 refused; 1 relation, 1 new theme"
    )


def test_a_word_that_is_counted_may_have_others_around_it() -> None:
    waiting = [say("status.erasures_waiting", "fr", count=count, origin="FR-1/a") for count in (1, 2)]
    assert waiting[0].startswith("1 effacement de FR-1/a attend une décision")
    assert waiting[1].startswith("2 effacements de FR-1/a attendent une décision")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_counts_in_the_plural_alone(language: str) -> None:
    """After a number stands no bare plural: `{count:line|lines}`, not `{count} lines`."""
    sentences = flat(tomllib.loads((MESSAGES / f"{language}.toml").read_text("utf-8")))
    counted = {name for sentence in sentences.values() for name in re.findall(r"\{(\w+):[^|}]*\|", sentence)}
    assert len(counted) > 15
    for key, sentence in sentences.items():
        after = re.findall(r"\{(\w+)\} ([^\W\d_]+s)\b", sentence)
        assert not [word for name, word in after if name in counted and word != "fois"], key


@pytest.mark.parametrize("catalogue", ["fr", "parser.fr", "help.fr"])
def test_french_is_set_as_on_the_pages(catalogue: str) -> None:
    """Spaces that do not break where French wants them, and its own apostrophe; lines to type are left alone."""
    for key, said in flat(tomllib.loads((MESSAGES / f"{catalogue}.toml").read_text("utf-8"))).items():
        for sentence in [said] if isinstance(said, str) else said:
            if not key.endswith(".example") and key != "example":
                assert not re.search(r"(^| )[:;!?»]|« |\w'\w", sentence), key


def test_whatever_goes_on_has_a_word() -> None:
    """Every event that a verb tells says what it is by a word of the catalogue."""
    told = set()
    for path in Path(convergences_node.__file__).parent.rglob("*.py"):
        told |= set(re.findall(r'"what": "(\w+)"', path.read_text("utf-8")))
    known = tomllib.loads((MESSAGES / "fr.toml").read_text("utf-8"))["progress"]
    assert told == set(known)


def test_an_archive_that_is_verified_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was counted, and each fault by its code (docs/archive.md) with what is there."""
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    folder = tmp_path / "node"
    assert run(["init", "93066", "--folder", str(folder)]) == 0
    capsys.readouterr()
    assert run(["verify", str(folder)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"intact : {folder}\nregistres") and "fautes             0" in said
    (folder / "head.guard").unlink()
    assert run(["verify", str(folder)]) == 1
    said = capsys.readouterr().out
    assert said.startswith(f"PAS intact : {folder}\n") and "verify.guard_missing (file head.guard)" in said


# ------------------------------------------------------------------------------------- the parser's own sentences
PARSER = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types")
LEFT_IN_ENGLISH = {
    # Help of an option: ours have theirs in help.*.toml.
    *("Show this message and exit.", "Show the version and exit.", "Confirm the action without prompting."),
    # Names of values, which have their words there, too; and what is the same in both languages.
    *("file", "directory", "path", "(dynamic)", "env var: {var}", "deprecated", "%(prog)s, version %(version)s"),
    # What only the author of a command can meet, or what no command of ours asks for.
    *("DeprecationWarning: The command {name!r} is deprecated.{extra_message}", "Value must be an iterable."),
    *("DeprecationWarning: The {param_type} {name!r} is deprecated.{extra_message}", "Choice({choices})"),
    "Could not determine name for option with declarations {decls!r}",
    "No options defined but a name was passed ({name}). Did you mean to declare an argument instead? Did you mean to"
    " pass '--{name}'?",
    "Arguments take exactly one parameter declaration, got {length}: {decls}.",
    *("Name '{name}' defined twice", "Boolean option {decl!r} cannot use the same flag for true/false."),
    *("Invalid start character for option ({option})", "Unknown color {colour!r}", "Press any key to continue..."),
    *("Repeat for confirmation", "Error: The two entered values do not match.", "Do you want to continue?"),
    *("Aborted!", "Error: invalid input", "{value!r} is not a valid UUID."),
}


def sentences_of_click() -> Iterator[str]:
    for name in PARSER:
        for node in ast.walk(ast.parse((Path(click.__file__).parent / f"{name}.py").read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
                # `required` is asked for by a value.
                yield str(node.args[0].value) if isinstance(node.args[0], ast.Constant) else "required"


def names_in(sentence: str) -> set[str]:
    return set(re.findall(r"\{(\w+)", sentence))


def test_each_sentence_of_the_parser_has_its_french() -> None:
    """Each that click has, but for those that are left; none that it has not; and with its values."""
    french = tomllib.loads((MESSAGES / "parser.fr.toml").read_text("utf-8"))
    assert set(french) | LEFT_IN_ENGLISH == set(sentences_of_click()) and not set(french) & LEFT_IN_ENGLISH
    # The plural of those that count has a name more.
    beside = {"possibilities", "nargs", "len", "choices", "formats"}
    for english, said in french.items():
        for each in [said] if isinstance(said, str) else said:
            assert names_in(each) <= names_in(english) | beside, english


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("import", "erreur : Il manque l’argument 'FICHIER'."),
        ("search --nope", "erreur : L’option --nope n’existe pas."),
        ("search --limit x", "ne convient pas : « x » n’est pas un nombre qui convienne ici."),
        ("search --limit 0", "0 n’est pas dans les limites"),
        ("add nobody name=x", "« nobody » n’est pas l’une de celles-ci : 'action', "),
        ("verify /nowhere/at/all", "La valeur de 'CHEMIN' ne convient pas : « /nowhere/at/all » n’existe pas."),
        ("nosuch", "La commande « nosuch » n’existe pas."),
        ("serve a b", "Ces arguments sont de trop : a b"),
    ],
)
def test_a_wrong_command_line_is_refused_in_french(
    typed: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert run(typed.split()) == 2
    seen = " ".join(capsys.readouterr().err.split())
    assert seen.startswith("Utilisation : convergences ") and "--help » en dit plus." in seen
    assert said in seen and "Error" not in seen


@pytest.mark.parametrize(
    ("locale", "heads"), [("fr_FR.UTF-8", ("Utilisation : ", "Options :", "Commandes :")), ("C.UTF-8", ("Usage: ",))]
)
def test_help_has_its_heads_in_the_reader_s_language(locale: str, heads: tuple[str, ...]) -> None:
    """In a process of its own: click keeps the help that it has put together."""
    code = "from convergences_cli.main import main; main(['--help'])"
    environment = {"LC_ALL": locale, "PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert all(head in done.stdout for head in heads)
    assert ("Usage: " in done.stdout) is (locale == "C.UTF-8")


@pytest.mark.parametrize(
    ("locale", "answer", "code"),
    [("fr_FR.UTF-8", "o", 0), ("fr_FR.UTF-8", "Oui", 0), ("fr_FR.UTF-8", "", 130), ("en_GB.UTF-8", "y", 0)],
)
def test_a_question_is_answered_in_the_language_that_it_is_asked_in(
    locale: str, answer: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """“o” is no English yes; what is neither is asked again, and nothing typed is a no."""
    monkeypatch.setenv("LC_ALL", locale)
    typed, asked = iter(["peut-être", answer]), []

    def at_the_terminal(prompt: str) -> str:
        asked.append(prompt)
        return next(typed)

    monkeypatch.setattr("click.termui.visible_prompt_func", at_the_terminal)
    try:
        confirm("Sûr ?")
    except click.Abort:
        assert code == 130
    else:
        assert code == 0
    shown = "".join(asked) + capsys.readouterr().err
    assert ("[o/N]" if locale.startswith("fr") else "[y/N]") in shown and len(asked) == 2
