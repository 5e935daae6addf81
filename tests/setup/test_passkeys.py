# SPDX-License-Identifier: AGPL-3.0-or-later
"""Passkeys of an operator: what opens the page, what does not, and a real browser with a pretended device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from convergences_node.accounts import Accounts, Session
from convergences_node.accounts.passkeys import ANSWER_CHARS_MAX, CHALLENGE_SECONDS, PASSKEYS_MAX, Site
from convergences_node.control import call
from convergences_protocol.errors import Refused
from playwright.async_api import Browser

from .authenticator import PRESENT, Authenticator
from .conftest import Operator
from .person import DESK, PHONE, at, in_a_browser

TOWN, START = "93066", 1_795_000_000
SITE = Site("stains.local", "https://stains.local", "Stains")
OTHER = Site("evil.local", "https://evil.local", "Stains")
PASSWORD = "quatre mots bien choisis"


@pytest.fixture
def clock() -> list[float]:
    return [float(START)]


@pytest.fixture
async def accounts(tmp_path: Path, clock: list[float]) -> AsyncIterator[Accounts]:
    opened = Accounts(tmp_path, lambda: clock[0])
    await opened.set_password("maya", PASSWORD)
    yield opened
    opened.close()


async def session_of(accounts: Accounts) -> Session:
    found = await accounts.session(await accounts.begin("maya", "Firefox"))
    assert found is not None
    return found


async def made(accounts: Accounts, site: Site = SITE) -> Authenticator:
    """A device whose passkey the node knows."""
    session, device = await session_of(accounts), Authenticator(site.host, site.origin)
    options = await accounts.passkeys.creation_options(session, site)
    await accounts.passkeys.add(session, site, device.create(options), " Téléphone\x00 ")
    return device


async def asked(accounts: Accounts, site: Site = SITE) -> str:
    options = await accounts.passkeys.request_options(site)
    assert options is not None
    return options


async def test_a_passkey_logs_its_owner_in_where_it_was_made(accounts: Accounts, clock: list[float]) -> None:
    assert await accounts.passkeys.request_options(SITE) is None, "there is none yet"
    device = await made(accounts)
    assert await accounts.passkeys.request_options(OTHER) is None
    clock[0] += 60
    device.count += 1
    chosen = await accounts.log_in_by_passkey(SITE, device.get(await asked(accounts)), "Firefox")
    assert chosen is not None
    session = await accounts.session(chosen)
    assert session is not None and session.name == "maya"
    (shown,) = await accounts.passkeys.of(session)
    assert (shown.name, shown.host, shown.made_at, shown.used_at) == ("Téléphone", SITE.host, START, START + 60)
    assert await accounts.passkeys.remove(session, shown.id)
    assert not await accounts.passkeys.remove(session, shown.id)
    assert await accounts.passkeys.request_options(SITE) is None


def _elsewhere(device: Authenticator) -> None:
    device.origin = "https://evil.local"


def _other_host(device: Authenticator) -> None:
    device.host = "evil.local"


def _nobody_there(device: Authenticator) -> None:
    device.flags = PRESENT


def _a_copy(device: Authenticator) -> None:
    device.count = 1


def _unknown(device: Authenticator) -> None:
    device.id = bytes(16)


@pytest.mark.parametrize(
    "wrong", [_elsewhere, _other_host, _nobody_there, _a_copy, _unknown], ids=lambda one: one.__name__
)
async def test_what_does_not_open(accounts: Accounts, wrong: Callable[[Authenticator], None]) -> None:
    """Signed for another page or host, without its owner, by a copy of the device, by one that nobody knows."""
    device = await made(accounts)
    device.count = 5
    assert await accounts.log_in_by_passkey(SITE, device.get(await asked(accounts)), "") is not None
    device.count = 6
    wrong(device)
    assert await accounts.log_in_by_passkey(SITE, device.get(await asked(accounts)), "") is None


async def test_a_challenge_is_answered_once_in_time_and_to_the_process_that_gave_it(
    accounts: Accounts, clock: list[float], tmp_path: Path
) -> None:
    device = await made(accounts)
    device.count += 1
    answer = device.get(await asked(accounts))
    device.count += 1
    late = device.get(await asked(accounts))
    assert await accounts.log_in_by_passkey(SITE, answer, "") is not None
    assert await accounts.log_in_by_passkey(SITE, answer, "") is None, "used"
    clock[0] += CHALLENGE_SECONDS
    assert await accounts.log_in_by_passkey(SITE, late, "") is None, "late"
    device.count += 1
    foreign = device.get(await asked(accounts))
    again = Accounts(tmp_path, lambda: clock[0])
    try:
        assert await again.log_in_by_passkey(SITE, foreign, "") is None, "of a process that is gone"
    finally:
        again.close()


@pytest.mark.parametrize("answer", ["", "{}", "[]", "null", '{"id": 1}', "x" * (ANSWER_CHARS_MAX + 1), "[" * 5_000])
async def test_nonsense_is_refused(accounts: Accounts, answer: str) -> None:
    await made(accounts)
    assert await accounts.log_in_by_passkey(SITE, answer, "") is None
    with pytest.raises(Refused):
        await accounts.passkeys.add(await session_of(accounts), SITE, answer, "")


async def test_they_are_bounded_and_a_reset_ends_them(accounts: Accounts) -> None:
    """Another password leaves them; a reset from the device itself is for when somebody else may have one."""
    for _ in range(PASSKEYS_MAX):
        await made(accounts)
    with pytest.raises(Refused, match="passkeys_many"):
        await made(accounts)
    session = await session_of(accounts)
    assert await accounts.change_password(session, PASSWORD, PASSWORD + " !")
    assert len(await accounts.passkeys.of(session)) == PASSKEYS_MAX
    await accounts.reset_password("maya", PASSWORD)
    assert await accounts.passkeys.of(session) == []


@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_pages_speak_of_passkeys_only_where_browsers_have_them(operator: Operator) -> None:
    """At a bare address over plain http there are none: the forms are not there, and nothing answers them."""
    await operator.log_in()
    status, _, page = await operator.get("/operateur/compte")
    assert status == 200 and "data-passkey" not in page and "Clés d" not in page
    assert (await operator.send("/operateur/compte/cle", answer="{}"))[0] == 403
    assert (await operator.send("/operateur/entrer/cle", answer="{}"))[0] == 403


@in_a_browser
@pytest.mark.parametrize("operator", [TOWN], indirect=True)
async def test_a_person_makes_one_and_logs_in_with_it(browser: Browser, operator: Operator) -> None:
    """On a phone; then, without a name or a password, on a desk. The pages are open to everyone."""
    address = operator.process.address().replace("127.0.0.1", "localhost")
    given = await asyncio.to_thread(call, operator.process.folder, "operator", {})
    person = await at(browser, f"{address}operateur/entrer", PHONE)
    page = person.page
    devices = await page.context.new_cdp_session(page)
    await devices.send("WebAuthn.enable")
    assert await page.locator("form[data-passkey]").count() == 0, "none was made yet"
    await person.fill("Nom d’utilisateur", given["name"])
    await person.fill("Mot de passe", given["password"])
    await person.press("Se connecter")
    await page.wait_for_url("**/operateur")
    await page.goto(f"{address}operateur/compte")
    await devices.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
            }
        },
    )
    await person.fill("Le nom de cet appareil", "Téléphone de la mairie")
    await person.press("Faire une clé d’accès")
    await page.get_by_text("La clé d’accès est prête").wait_for()
    await person.open_to_everyone("passkeys-phone")
    assert await page.get_by_text("Téléphone de la mairie", exact=True).count() == 1
    await page.context.clear_cookies()
    await page.goto(f"{address}operateur/entrer")
    await page.set_viewport_size(DESK)  # type: ignore[arg-type]
    await person.open_to_everyone("passkeys-log-in")
    await person.press("Entrer avec une clé d’accès")
    await page.wait_for_url("**/operateur")
    await page.goto(f"{address}operateur/compte")
    await person.press("Retirer la clé d’accès Téléphone de la mairie")
    await page.get_by_text("n’ouvre plus rien ici").wait_for()
    await page.context.close()
