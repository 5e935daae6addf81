# SPDX-License-Identifier: AGPL-3.0-or-later
"""The operator's table of contents. A page is for whoever is logged in; a form does nothing without a session's token.

These addresses are no part of the node's public description: they are for one person and a browser.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from convergences_node.operating import Operating
from convergences_node.same.waiting import Waiting
from convergences_node.sources.under_way import UnderWay
from convergences_node.web.operator import (
    account_page,
    log_in,
    operator_page,
    same_page,
    sources_page,
    update_page,
)
from convergences_node.web.operator.drawing import go_to
from convergences_node.web.operator.log_in import (
    ATTEMPTS_BURST,
    ATTEMPTS_OF_ALL_BURST,
    ATTEMPTS_OF_ALL_PER_SECOND,
    ATTEMPTS_PER_SECOND,
    Done,
    Shown,
)
from convergences_node.web.operator.vault_part import vault_leave
from convergences_node.web.security import TokenBuckets


def _when_asked(name: str, module: str = "source_new") -> Callable[..., Awaitable[web.StreamResponse]]:
    """A handler of a file that is imported when somebody asks for its pages."""

    async def handler(request: web.Request, *given: Any) -> web.StreamResponse:
        found = importlib.import_module(f"convergences_node.web.operator.{module}")
        answer: web.StreamResponse = await getattr(found, name)(request, *given)
        return answer

    return handler


PAGES: tuple[tuple[str, Shown], ...] = (
    ("/operateur", operator_page.operator_page),
    ("/operateur/compte", account_page.account_page),
    (same_page.SAME, same_page.same_page),
    (sources_page.SOURCES, sources_page.sources_page),
    (sources_page.SOURCES + "/{name}", sources_page.source_page),
    ("/operateur/source-nouvelle", _when_asked("source_new_page")),
    ("/operateur/source-nouvelle/{draft}", _when_asked("source_draft_page")),
    ("/operateur/images", _when_asked("media_page", "media_page")),
    ("/operateur/images/{element}", _when_asked("element_media_page", "media_page")),
    (update_page.UPDATE, update_page.update_page),
)
SETUP_PAGES = "/installation/{step}"
"""Where the setup's pages were, before there was a town."""
FORMS: tuple[tuple[str, Done], ...] = (
    ("/operateur/sortir", log_in.log_out),
    ("/operateur/compte/passe", account_page.password_change),
    ("/operateur/compte/autres", account_page.others_log_out),
    ("/operateur/compte/cle", _when_asked("passkey_add", "passkey_page")),
    ("/operateur/compte/cle/retirer", _when_asked("passkey_remove", "passkey_page")),
    ("/operateur/redemarrer", operator_page.node_restart),
    ("/operateur/arreter", operator_page.node_stop),
    ("/operateur/rejoindre", operator_page.agglomeration_join),
    ("/operateur/inviter", operator_page.town_invite),
    ("/operateur/effacements", operator_page.erasures_release),
    ("/operateur/courriel", operator_page.letter_try),
    ("/operateur/coffre", vault_leave),
    ("/operateur/sauvegarder", operator_page.backup_make),
    ("/operateur/memes/chercher", same_page.same_search),
    ("/operateur/memes/decider", same_page.same_decide),
    ("/operateur/memes/annuler", same_page.same_undo),
    (sources_page.SOURCES + "/{name}/lancer", sources_page.source_run),
    (sources_page.SOURCES + "/{name}/apercu", sources_page.source_preview),
    (sources_page.SOURCES + "/{name}/accepter", sources_page.source_accept),
    (sources_page.SOURCES + "/{name}/arreter", sources_page.source_stop),
    (sources_page.SOURCES + "/{name}/choisir", sources_page.source_settle),
    ("/operateur/source-nouvelle", _when_asked("source_new_address")),
    ("/operateur/source-nouvelle/{draft}", _when_asked("source_draft_form")),
    ("/operateur/images/{element}/retirer", _when_asked("media_remove", "media_page")),
    (update_page.UPDATE + "/chercher", update_page.update_look),
    (update_page.UPDATE + "/preparer", update_page.update_prepare),
    (update_page.UPDATE + "/installer", update_page.update_install),
    (update_page.UPDATE + "/revenir", update_page.update_back),
    (update_page.UPDATE + "/lu", update_page.update_seen),
    (update_page.UPDATE + "/proposer", update_page.update_offer),
)


def add_operator(app: web.Application, operating: Operating, clock: Callable[[], float]) -> None:
    """Put the operator's pages beside the town's."""
    update_page.keep_preparing(app)
    app[log_in.OPERATING] = operating
    app[log_in.ATTEMPTS] = (
        TokenBuckets(ATTEMPTS_PER_SECOND, ATTEMPTS_BURST, clock),
        TokenBuckets(ATTEMPTS_OF_ALL_PER_SECOND, ATTEMPTS_OF_ALL_BURST, clock),
    )
    app[same_page.WAITING] = Waiting(operating.town)
    app[sources_page.UNDER_WAY] = UnderWay(operating.town)
    app.on_cleanup.append(_end_work)
    app.router.add_get(log_in.LOG_IN, log_in.log_in_page)
    app.router.add_post(log_in.LOG_IN, log_in.log_in)
    app.router.add_route("*", SETUP_PAGES, _after_the_setup)
    app.router.add_post(log_in.LOG_IN + "/cle", _when_asked("passkey_log_in", "passkey_page"))
    # A form with a file is read in another way, by the handler itself, and asks for session and token as they all do.
    app.router.add_post("/operateur/source-fichier", _when_asked("source_new_file"))
    app.router.add_post(sources_page.SOURCES + "/{name}/fichier", _when_asked("source_newer", "source_newer"))
    app.router.add_post("/operateur/images/{element}", _when_asked("media_add", "media_page"))
    for path, page in PAGES:
        app.router.add_get(path, log_in.shown_to_operator(page))
    for path, act in FORMS:
        app.router.add_post(path, log_in.done_by_operator(act))


async def _after_the_setup(request: web.Request) -> web.StreamResponse:
    """Its last button pressed twice, or a page of it that the browser goes back to: the town knows nothing of its
    session, and whoever has just chosen the password may give it."""
    return go_to(request, PAGES[0][0])


async def _end_work(app: web.Application) -> None:
    await app[same_page.WAITING].close()
    await app[sources_page.UNDER_WAY].close()
