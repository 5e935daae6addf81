# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences same`: what several sources or towns have both written down; a person says what is one."""

from collections.abc import Callable
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say

command = told.Group()


@command.command("list")
@click.option("--min-score", type=click.IntRange(40, 200))
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True)
@node_options
def same_list(min_score: int | None, limit: int, folder: Any, as_json: bool) -> None:
    _show_pairs(ask(folder, "same_list", {"min_score": min_score, "limit": limit}, quiet=as_json), as_json)


def _decided(name: str) -> Callable[[Callable[[Any], str]], click.Command]:
    """A command that says something of ONE and OTHER; the function tells its answer in a sentence."""

    def made(tell: Callable[[Any], str]) -> click.Command:
        @command.command(name)
        @click.argument("one")
        @click.argument("other")
        @node_options
        def decide(one: str, other: str, folder: Any, as_json: bool) -> None:
            show(ask(folder, f"same_{name}", {"one": one, "other": other}, quiet=as_json), as_json)

        show = printed(lambda answer: click.echo(tell(answer)))
        return decide

    return made


@_decided("accept")
def same_accept(answer: Any) -> str:
    key = "same.accepted" if answer["state"] == "accepted" else "same.already"
    return say(key, relation=answer["relation"], **_names(answer))


@_decided("reject")
def same_reject(answer: Any) -> str:
    return say("same.rejected", **_names(answer))


@_decided("undo")
def same_undo(answer: Any) -> str:
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
