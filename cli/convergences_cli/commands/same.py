# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences same`: what several sources or towns have both written down; a person says what is one."""

from collections.abc import Callable
from typing import Any

import click

from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say


@click.group("same", short_help="What was written down twice: find it, and decide.")
def command() -> None:
    """Find actors, places and actions that several sources or towns have both written down, and say which are one.

    Nothing is merged by itself. What you accept is a signed relation of this node, and can be undone.

    \b
    Example:
      convergences same list --folder saint-denis
      convergences same accept FR-93066:0193… FR-93066:0194… --folder saint-denis
    """


@command.command("list", short_help="Pairs that may be one, with the reasons.")
@click.option("--min-score", type=click.IntRange(40, 200), help="Points from which a pair is shown.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="Pairs to show.")
@node_options
def same_list(min_score: int | None, limit: int, folder: Any, as_json: bool) -> None:
    """List pairs that may be one, the surest first, and why. What was decided before is not shown again.

    \b
    Example:
      convergences same list --min-score 80 --folder saint-denis
    """
    _show_pairs(ask(folder, "same_list", {"min_score": min_score, "limit": limit}, quiet=as_json), as_json)


def _decided(name: str, short_help: str) -> Callable[[Callable[[Any], str]], click.Command]:
    """A command that says something of ONE and OTHER; the function tells its answer in a sentence."""

    def made(tell: Callable[[Any], str]) -> click.Command:
        @command.command(name, short_help=short_help, help=tell.__doc__)
        @click.argument("one")
        @click.argument("other")
        @node_options
        def decide(one: str, other: str, folder: Any, as_json: bool) -> None:
            show(ask(folder, f"same_{name}", {"one": one, "other": other}, quiet=as_json), as_json)

        show = printed(lambda answer: click.echo(tell(answer)))
        return decide

    return made


@_decided("accept", "Say that two are one.")
def same_accept(answer: Any) -> str:
    """Write a signed relation: ONE and OTHER, two elements, are the same. Searches then show one and name the other.

    \b
    Example:
      convergences same accept FR-93066:0193… FR-93066:0194… --folder saint-denis
    """
    key = "same.accepted" if answer["state"] == "accepted" else "same.already"
    return say(key, relation=answer["relation"], **_names(answer))


@_decided("reject", "Say that two are two.")
def same_reject(answer: Any) -> str:
    """Remember, on this node alone, that ONE and OTHER are two. They are proposed again only if one of them changes.

    \b
    Example:
      convergences same reject FR-93066:0193… FR-93066:0194… --folder saint-denis
    """
    return say("same.rejected", **_names(answer))


@_decided("undo", "Take back what was decided of two.")
def same_undo(answer: Any) -> str:
    """Withdraw the relation that says that ONE and OTHER are one, or forget that they were rejected.

    \b
    Example:
      convergences same undo FR-93066:0193… FR-93066:0194… --folder saint-denis
    """
    return say(f"same.{answer['state']}", relation=answer["relation"])


def _names(answer: Any) -> dict[str, str]:
    return {"one": answer["one"]["name"], "other": answer["other"]["name"]}


@printed
def _show_pairs(answer: Any) -> None:
    if not answer["pairs"]:
        click.echo(say("same.none", compared=answer["compared"]))
    for pair in answer["pairs"]:
        click.echo(say("same.pair", score=pair["score"], reasons=_reasons(pair["reasons"])))
        for end in (pair["one"], pair["other"]):
            source = end["source"] or say("same.here")
            click.echo(say("same.end", id=end["id"], name=end["name"], source=source, town=end["town"]))
    if answer["more"]:
        click.echo(say("same.more", more=answer["more"]))
    if answer["left_out"]:
        click.echo(say("same.left_out", count=answer["left_out"]))


def _reasons(reasons: Any) -> str:
    return ", ".join(f"{say('same.reason.' + each['reason'])} {each['points']:+d}" for each in reasons)
