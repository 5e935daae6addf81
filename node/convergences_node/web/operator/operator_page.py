# SPDX-License-Identifier: AGPL-3.0-or-later
"""The operator's page: how the node is, what waits for a person, and the few things that a person does.

The signs are those of `convergences status`; the buttons do what the commands do. At an agglomeration, the page also
shows each town: when it was last heard, and how far what is kept here is behind what it has signed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web
from convergences_protocol.errors import ConvergencesError, LocalError

from convergences_node import checkup
from convergences_node.accounts import Session
from convergences_node.backup.stick import usual_target
from convergences_node.checkup.signs import worst
from convergences_node.checkup.wording import overall
from convergences_node.config import load_config
from convergences_node.faults import NotNow
from convergences_node.operating import Ending
from convergences_node.setup.joining_later import INVITATION_NOTE, REFUSED_NOTE
from convergences_node.territories import UnknownTerritory, find
from convergences_node.web import dates
from convergences_node.web.operator.drawing import Faults, answer_private, faults_of, words
from convergences_node.web.operator.log_in import operating_of
from convergences_node.web.operator.towns import LAMPS, towns_of
from convergences_node.web.operator.vault_part import vault_part
from convergences_node.web.pages import reading_of
from convergences_node.web.qr import code_of

RESTART_SECONDS = 8
"""After which the page asks again: a start takes about three, on a Pi."""


@dataclass(frozen=True, slots=True)
class Light:
    """A sign, ready to be drawn."""

    level: str
    lamp: str
    title: str
    text: str
    what_to_do: str


async def operator_page(request: web.Request, session: Session) -> web.StreamResponse:
    """How the node is, and what can be done."""
    return await draw_operator(request, session)


async def draw_operator(
    request: web.Request,
    session: Session,
    *,
    faults: Faults | None = None,
    told: str = "",
    invitation: dict[str, object] | None = None,
) -> web.StreamResponse:
    """The page, with what came of the last button."""
    operating, reading = operating_of(request), reading_of(request)
    town, language = operating.town, reading.messages.language
    signs = await checkup.signs(town)
    is_agglomeration = town.config.node.kind == "agglomeration"
    values = {
        "session": session,
        "told": told,
        "invitation": invitation,
        "overall": overall(worst(signs), language),
        "lights": [_light(each, language) for each in signs],
        "looked_at": dates.instant(reading.messages, reading.now, reading.zone),
        "joined": town.membership.joined,
        "waiting": await operating.accounts.note(INVITATION_NOTE) is not None,
        "refused": await operating.accounts.note(REFUSED_NOTE),
        "erasures": sorted((await town.erasures.waiting()).items()),
        "agglomeration": is_agglomeration,
        "towns": await towns_of(town, reading) if is_agglomeration else (),
        "vault": await vault_part(town, reading),
        "has_backup": operating.knows("backup"),
        "backup_folder": usual_target(town.config.backup.folder),
        "letters_to": ", ".join(town.config.alerts.to),
        "can_power_off": operating.can_power_off(),
    }
    return answer_private(request, "operator.html", values, faults=faults)


def _light(sign: checkup.Sign, language: str) -> Light:
    return Light(
        sign.level,
        LAMPS[sign.level],
        checkup.title(sign, language),
        checkup.sentence(sign, language),
        checkup.what_to_do(sign, language),
    )


# ------------------------------------------------------------------------------------- the buttons
async def node_restart(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Start again: after new settings, or a new version. Not with settings that no node starts with: this page would be
    gone, and with it whatever says why."""
    try:
        await asyncio.to_thread(load_config, operating_of(request).town.folder)
    except ConvergencesError as error:
        return await draw_operator(request, session, faults=faults_of(error, words(request)))
    response = answer_private(request, "operator_ending.html", {"comes_back": True})
    response.headers["Refresh"] = f"{RESTART_SECONDS}; url={reading_of(request).link('/operateur')}"
    response.force_close()
    operating_of(request).life.end(Ending.RESTART)
    return response


async def node_stop(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Stop so that the card may be taken out; where the machine lets us, it switches itself off."""
    operating = operating_of(request)
    response = answer_private(request, "operator_ending.html", {"comes_back": False})
    response.force_close()
    if operating.can_power_off():
        try:
            await asyncio.to_thread(operating.power_off)
        except LocalError as error:
            return await draw_operator(request, session, faults=faults_of(error, words(request)))
    else:
        operating.life.end(Ending.STOP)
    return response


async def agglomeration_join(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Take up an invitation: now, or as soon as the agglomeration answers."""
    text = fields.get("invitation", "").strip()
    if not text.startswith(("conv1", "convs1")):
        return await draw_operator(
            request, session, faults={"invitation": words(request).text("operator.join.not_one")}
        )
    try:
        await operating_of(request).joining.take(text)
    except NotNow as error:
        return await draw_operator(request, session, faults=faults_of(error, words(request)))
    return await draw_operator(request, session, told=words(request).text("operator.join.taken"))


async def town_invite(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """At an agglomeration: an invitation for one town, to copy, scan or print."""
    reading = reading_of(request)
    try:
        facts = await asyncio.to_thread(find, fields.get("territory", ""))
        made = await operating_of(request).perform("invite", {"territory": facts.code})
    except UnknownTerritory:
        unknown = {"territory": reading.messages.text("operator.invite.unknown")}
        return await draw_operator(request, session, faults=unknown)
    except ConvergencesError as error:
        return await draw_operator(request, session, faults=faults_of(error, reading.messages, "territory"))
    shown = {
        "text": made["invitation"],
        "code": code_of(made["invitation"]),
        "territory": f"{facts.name} ({facts.code})",
        "until": dates.instant(reading.messages, made["expires"], reading.zone),
    }
    return await draw_operator(request, session, invitation=shown)


async def erasures_release(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Somebody has looked: the erasures of this log are meant."""
    messages = words(request)
    try:
        done = await operating_of(request).perform("release", {"origin": fields.get("origin", "")})
    except ConvergencesError as error:
        return await draw_operator(request, session, faults=faults_of(error, messages))
    return await draw_operator(request, session, told=messages.count("operator.erasures.released", done["count"]))


async def backup_make(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """A backup now, into the folder of the settings or another one."""
    messages, target = words(request), fields.get("target", "").strip()
    try:
        done = await operating_of(request).perform("backup", {"target": target} if target else {})
    except ConvergencesError as error:
        return await draw_operator(request, session, faults=faults_of(error, messages, "target"))
    told = messages.text("operator.backup.made", path=done["path"], size=max(1, done["bytes"] // 1024))
    return await draw_operator(request, session, told=told)


async def letter_try(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """A letter now, to see whether the alerts would arrive."""
    messages = words(request)
    try:
        done = await operating_of(request).perform("letter", {})
    except ConvergencesError as error:
        return await draw_operator(request, session, faults=faults_of(error, messages))
    return await draw_operator(request, session, told=messages.text("operator.letters.done", to=", ".join(done["to"])))
