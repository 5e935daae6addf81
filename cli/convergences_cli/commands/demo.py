# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences demo`: a whole territory on this machine."""

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from convergences_protocol.errors import ConvergencesError

from convergences_cli import told
from convergences_cli.asking import json_option, print_json
from convergences_cli.demo_table import live_table, table_text
from convergences_cli.words import say


@told.command()
@click.option("--territory", default="plaine-commune", show_default=True, metavar="TERRITORY")
@click.option("--examples", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--folder", "-f", type=click.Path(path_type=Path, file_okay=False))
@click.option("--check", is_flag=True)
@click.option("--seconds", type=click.IntRange(10, 3600), default=300, show_default=True)
@json_option
def command(
    territory: str, examples: Path | None, folder: Path | None, check: bool, seconds: int, as_json: bool
) -> None:
    from convergences_node.demo.example import EXAMPLES, load_example
    from convergences_node.demo.scenario import Scenario

    example = load_example(territory, examples or EXAMPLES)
    # Whoever ends the demo by a signal ends it as Ctrl-C does: every node stopped, the folders gone.
    # A shell starts what it puts in the background with SIGINT ignored, which would ignore both.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    started = time.monotonic()
    quiet = check or as_json or not sys.stdout.isatty()
    with _folder(folder) as root, Scenario(example, root, seconds, _teller(as_json)) as scenario:
        try:
            with live_table(scenario.watch.rows, shown=not quiet):
                scenario.play()
        except ConvergencesError as error:
            if not check:
                raise
            _report(_summary(scenario, started, str(error)), as_json)
            raise click.exceptions.Exit(1) from None
        if check or as_json:
            _report(_summary(scenario, started, None), as_json)
        if not check:
            _stay(scenario, root)


def _stay(scenario: Any, root: Path) -> None:
    """Show where to look, and look after the nodes until Ctrl-C."""
    if not sys.stdout.isatty():
        click.echo(table_text(scenario.watch.rows))
    click.echo(say("demo.open"))
    for name, address in scenario.addresses():
        click.echo(f"  {name:24} {address}")
    click.echo(say("demo.folders", folder=root))
    click.echo(say("demo.stop"))
    try:
        while True:
            time.sleep(1)
            scenario.check()
    except KeyboardInterrupt:
        click.echo(say("demo.stopping"))


def _teller(as_json: bool) -> Any:
    def tell(stage: str, values: dict[str, Any]) -> None:
        if not as_json:
            click.echo(say(f"demo.{stage}", **values), err=True)

    return tell


def _summary(scenario: Any, started: float, missing: str | None) -> dict[str, Any]:
    rows = scenario.watch.rows
    return {
        "complete": missing is None,
        "missing": missing,
        "territory": scenario.example.name,
        "seconds": round(time.monotonic() - started, 1),
        "records": sum(row.records for row in rows),
        "searchable": sum(row.searchable for row in rows),
        "processes": len(scenario.pids()),
        "merge": scenario.merge,
        "towns": [asdict(row) | {"behind": row.behind} for row in rows],
    }


def _report(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(summary)
        return
    from convergences_node.demo.watching import Row

    rows = [Row(**{name: value for name, value in town.items() if name != "behind"}) for town in summary["towns"]]
    click.echo(table_text(rows))
    click.echo(say("demo.missing", what=summary["missing"]) if summary["missing"] else say("demo.ready"))


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """The nodes' folders: where they were asked for and kept, or somewhere short-lived."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    root = Path(tempfile.mkdtemp(prefix="conv-"))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)
