# SPDX-License-Identifier: AGPL-3.0-or-later
"""What `--help` promises, of every command and in both languages: a text, an example that can be typed, each option."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import convergences_cli
import pytest
from click.shell_completion import ZshComplete
from convergences_cli import told
from convergences_cli.main import cli, run
from convergences_cli.words import LANGUAGES

BRIEF_CHARS_MAX = 80
COMMANDS = Path(convergences_cli.__file__).parent / "commands"
WITHOUT_JSON = {(), ("serve",)}
"""What answers no question: the command itself, and the node that runs."""


def walk(command: click.Command = cli, above: click.Context | None = None) -> Iterator[click.Context]:
    """Every command in a context of its own, `convergences` itself first."""
    name = "convergences" if above is None else getattr(command, "path", ("?",))[-1]
    context = click.Context(command, above, name, terminal_width=100, **command.context_settings)
    yield context
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from walk(found, context)


def path_of(context: click.Context) -> tuple[str, ...]:
    assert isinstance(context.command, told.Command | told.Group), f"{context.command_path}: not one of `told`"
    return context.command.path


def options_of(context: click.Context) -> list[str]:
    params = context.command.get_params(context)
    return [max(param.opts, key=len) for param in params if isinstance(param, click.Option)]


def sentences(table: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Whose, which and what, of all that a catalogue says of commands."""
    for key, value in table.items():
        if isinstance(value, str):
            yield path, key, value
        elif (path, key) != ((), "words"):
            yield from sentences(value, (*path, key))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_has_its_text_its_examples_and_its_options(language: str) -> None:
    """In one line for the list, and whole; an example is of the command itself, or, of a group, of one in it."""
    for context in walk():
        path = path_of(context)
        said = told.help_of(path, language)
        where = (language, *path)
        assert said.text and said.examples, where
        assert not path or (said.brief.endswith(".") and len(said.brief) <= BRIEF_CHARS_MAX), where
        assert all(f"{line} ".startswith(f"{context.command_path} ") for line in said.examples), where
        for option in options_of(context):
            assert said.options.get(option), (*where, option)


def test_every_answer_may_be_had_as_json() -> None:
    for context in walk():
        asks = path_of(context) not in WITHOUT_JSON and not isinstance(context.command, click.Group)
        assert ("--json" in options_of(context)) is asks, context.command_path


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_said_of_what_is_not_there(language: str) -> None:
    """Of no command and of no option that has gone; what is said above is of an option of some command below."""
    known = {path_of(context): set(options_of(context)) for context in walk()}
    for path, key, _ in sentences(told.catalogue(language)):
        below = set().union(*(options for each, options in known.items() if each[: len(path)] == path))
        assert path in known and (key in ("brief", "text", "example") or key in below), (path, key)


def test_each_language_says_the_same_things_in_words_of_its_own() -> None:
    """The same keys, and never the same words; but a line to type may be one in both."""
    french, english = (
        {(path, key): text for path, key, text in sentences(told.catalogue(language))} for language in ("fr", "en")
    )
    assert french.keys() == english.keys()
    for path, key in french:
        assert key == "example" or french[path, key] != english[path, key], (path, key)
    for path in {path for path, _ in french}:
        numbers = [re.findall(r"\d+", texts[path, "text"]) for texts in (french, english)]
        assert numbers[0] == numbers[1], path


def test_what_is_shown_in_french_is_french(monkeypatch: pytest.MonkeyPatch) -> None:
    """Line by line as a terminal has it: none is the English one, but for what is typed."""
    shown: dict[str, list[set[str]]] = {}
    for language in LANGUAGES:
        monkeypatch.setenv("LC_ALL", f"{language}.UTF-8")
        for context in walk():
            shown.setdefault(context.command_path, []).append(set(context.get_help().splitlines()))
    for name, (french, english) in shown.items():
        same = {line for line in french & english if line.strip() and not line.startswith("    convergences ")}
        # A choice that fills its line: `--as [logo|banner]`.
        assert not {line for line in same if not re.fullmatch(r" +-[-\w, ]+ \[[\w|]+\]", line)}, name


def test_what_stands_for_a_value_has_its_word_in_french(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that is asked for, none that is not; and no word is again the name of another."""
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    asked: set[str] = set()
    french: dict[str, str] = {key: said for key, said in told.catalogue("fr")["words"].items() if key.isupper()}

    def word(key: str, lang: str) -> str:
        asked.add(key)
        return french.get(key, key)

    monkeypatch.setattr(told, "word", word)
    for context in walk():
        context.get_help()
    assert french.keys() <= asked
    # What is in its words already is asked for again; of a flag, click makes a name that it never shows.
    assert {key for key in asked if key.isupper()} <= french.keys() | set(french.values()) | {"BOOLEAN"}
    assert all(french.get(said, said) == said for said in french.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_names_values_as_the_usage_line_does(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads CIBLE in a text finds it in the line above."""
    monkeypatch.setenv("LC_ALL", f"{language}.UTF-8")
    names = {told.word(name, language) for name in told.catalogue("fr")["words"] if name.isupper()}
    for context in walk():
        usage, _, _ = context.get_help().partition("\n\n")
        told_of = names & set(re.findall(r"\b[A-ZÀÉ]{3,}\b", told.help_of(path_of(context), language).text))
        assert told_of <= set(re.findall(r"\b[A-ZÀÉ]{3,}\b", usage)), context.command_path


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_example_is_a_command_line_that_is_taken(
    language: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its options exist, its choices are among those that there are; files are taken to be there."""
    for kind in (click.Path, click.File):
        monkeypatch.setattr(kind, "convert", lambda self, value, param, ctx: value)
    for path, key, text in sentences(told.catalogue(language)):
        for line in text.splitlines() if key == "example" else []:
            _, *typed = shlex.split(line.partition(" > ")[0])
            context = click.Context(cli, info_name="convergences", **cli.context_settings)
            command: click.Command = cli
            while isinstance(command, click.Group):
                found = command.get_command(context, typed[0])
                assert found is not None, (path, line)
                command, name, typed = found, typed[0], typed[1:]
                context = click.Context(command, context, name)
            command.make_context(context.info_name, typed, parent=context.parent)


def test_a_command_that_may_end_in_one_says_when() -> None:
    """Beside what every command may end in, which `convergences --help` says."""
    for path in COMMANDS.glob("*.py"):
        if "Exit(1)" in path.read_text("utf-8"):
            for language, said in (("fr", r"Sort avec (0 ou )?1"), ("en", r"Exits (with|0 or) 1")):
                table = told.catalogue(language)[path.stem.rstrip("_")]
                assert re.search(said, " ".join(text for _, _, text in sentences(table))), (path.stem, language)


def test_a_command_at_work_opens_no_help(capsys: pytest.CaptureFixture[str]) -> None:
    """It would cost every start of the command; the same of a version."""
    told.catalogue.cache_clear()
    assert run(["--version"]) == 0
    assert run(["status", "--folder", "/nowhere"]) != 0
    assert told.catalogue.cache_info().currsize == 0


@pytest.mark.parametrize(
    ("language", "list_is", "folder_is"),
    [("fr", "Les sources de ce nœud.", "Le dossier du nœud"), ("en", "The sources of this node.", "The node's folder")],
)
def test_completions_speak_the_reader_s_language(
    language: str, list_is: str, folder_is: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", f"{language}.UTF-8")
    completing = ZshComplete(cli, {}, "convergences", "_CONVERGENCES_COMPLETE")
    commands = {item.value: item.help for item in completing.get_completions(["source"], "")}
    assert commands["list"] == list_is
    begun = [item.value for item in completing.get_completions([], "so")]
    assert begun == ["source"]
    options = {item.value: item.help or "" for item in completing.get_completions(["source", "list"], "--")}
    assert options["--folder"].startswith(folder_is)
