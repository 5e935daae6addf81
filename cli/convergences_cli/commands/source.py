# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences source`: lists, agendas and news kept elsewhere, declared once and relayed by the node."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, print_said, printed
from convergences_cli.tables import print_facts, print_table
from convergences_cli.words import language, say, say_fault

SHOWN_MAX = 20
FAILED = ("held", "failed")


command = told.Group()


@command.command("preview")
@click.argument("what")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--rows", type=click.IntRange(1, 50), default=5, show_default=True)
@click.option("--private", is_flag=True)
@node_options
def source_preview(what: str, output: Path | None, rows: int, private: bool, folder: Path, as_json: bool) -> None:
    here = Path(what)
    is_place = what.startswith(("http://", "https://")) or here.exists()
    where = str(here.absolute()) if here.exists() else what
    params = {"where": where, "private": private} if is_place else {"name": what}
    answer = ask(folder, "source_preview", params | {"rows": rows}, quiet=as_json)
    if output is not None and answer["declaration"]:
        output.write_text(answer["declaration"], encoding="utf-8")
    _show_preview(answer, as_json)
    if output is None and answer["declaration"] and not as_json:
        click.echo(answer["declaration"])


@command.command("add")
@click.argument("name")
@click.argument("declaration", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--replace", is_flag=True)
@node_options
def source_add(name: str, declaration: Path, replace: bool, folder: Path, as_json: bool) -> None:
    text = declaration.read_text(encoding="utf-8", errors="replace")
    answer = ask(folder, "source_add", {"name": name, "text": text, "replace": replace}, quiet=as_json)
    print_said(answer, as_json, "source.added")


@command.command("remove")
@click.argument("name")
@node_options
def source_remove(name: str, folder: Path, as_json: bool) -> None:
    answer = ask(folder, "source_remove", {"name": name}, quiet=as_json)
    print_said(answer, as_json, "source.removed")


@command.command("stop")
@click.argument("name")
@click.option("--resume", is_flag=True)
@node_options
def source_stop(name: str, resume: bool, folder: Path, as_json: bool) -> None:
    answer = ask(folder, "source_stop", {"name": name, "resume": resume}, quiet=as_json)
    print_said(answer, as_json, f"source.{answer['state']}")


@command.command("settle")
@click.argument("name")
@click.argument("element")
@click.option("--take", multiple=True, metavar="FIELD")
@node_options
def source_settle(name: str, element: str, take: tuple[str, ...], folder: Path, as_json: bool) -> None:
    answer = ask(folder, "source_settle", {"name": name, "element": element, "take": list(take)}, quiet=as_json)
    print_said(answer, as_json, "source.settled", count=len(answer["taken"]))


@command.command("run")
@click.argument("name", required=False)
@click.option("--accept", is_flag=True)
@click.option("--whole", is_flag=True)
@click.option("--dry-run", "-n", is_flag=True)
@node_options
def source_run(name: str | None, accept: bool, whole: bool, dry_run: bool, folder: Path, as_json: bool) -> None:
    if accept and name is None:
        raise click.UsageError(say("usage.accept_one"))
    params = {"name": name, "accept": accept, "whole": whole, "dry_run": dry_run}
    answer = ask(folder, "source_run", params, quiet=as_json)
    _show_list(answer, as_json)
    if any(one["outcome"] in FAILED for one in answer["sources"]):
        raise click.exceptions.Exit(1)


@command.command("list")
@node_options
def source_list(folder: Path, as_json: bool) -> None:
    _show_list(ask(folder, "source_list", quiet=as_json), as_json)


@command.command("status")
@click.argument("name")
@node_options
def source_status(name: str, folder: Path, as_json: bool) -> None:
    _show_status(ask(folder, "source_status", {"name": name}, quiet=as_json), as_json)


def _list(answer: dict[str, Any]) -> None:
    if not answer["sources"]:
        click.echo(say("source.none"))
        return
    columns = [say(f"source.{name}") for name in ("name", "outcome", "rows", "created", "changed", "refused", "due")]
    print_table(columns, [_line(one) for one in answer["sources"]])
    for one in answer["sources"]:
        if one.get("sentence"):
            click.echo(f"{one['name']}: {one['sentence'][language()]}")


_show_list = printed(_list)


def _line(one: dict[str, Any]) -> list[Any]:
    counts = one.get("counts", {})
    # What is unchanged was not read again, and its counts are of the run that read it.
    brought = (0, 0) if one["outcome"] == "unchanged" else (counts.get("created"), counts.get("changed"))
    refused = counts.get("refused_count")
    return [one["name"], say(f"source.is.{one['outcome']}"), one.get("rows"), *brought, refused, one.get("due")]


@printed
def _show_status(answer: dict[str, Any]) -> None:
    _list({"sources": [answer]})
    facts = ("where", "licence", "actor", "gone", "tried", "succeeded", "failures")
    print_facts([(say(f"source.{name}"), answer.get(name)) for name in facts])
    for entry in answer["report"].get("refused", [])[:SHOWN_MAX]:
        click.echo(say("import.refused", line=entry["line"], what=say_fault(entry)))
    for one in answer["edited"][:SHOWN_MAX]:
        click.echo(say("source.edited", **one))
        for field, both in one["differences"].items():
            click.echo(say("source.beside", field=field, **both))


@printed
def _show_preview(answer: dict[str, Any]) -> None:
    click.echo(say("source.read", **answer))
    if answer["unplaced"]:
        click.echo(say("source.unplaced", count=answer["unplaced"]))
    if answer["guessed"]:
        columns = [say(f"source.{name}") for name in ("field", "columns", "confidence", "samples")]
        rows = [
            [one["field"], one["columns"], f"{one['confidence']:.0%}", " | ".join(one["samples"])]
            for one in answer["fields"]
        ]
        print_table(columns, rows)
    for one in answer["not_held"]:
        click.echo(say("import.not_held", **one))
    for one in answer["elements"]:
        if "refused" in one:
            what = "; ".join(say_fault(fault) for fault in one["refused"])
            click.echo(say("import.refused", line=one["line"], what=what))
        else:
            click.echo(say("source.element", **one))
            print_facts([(f"  {name}", value) for name, value in one["fields"].items()])
