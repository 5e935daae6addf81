# SPDX-License-Identifier: AGPL-3.0-or-later
"""Operators and their sessions: what is kept, what is not, and when it ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from convergences_node.accounts import Accounts
from convergences_node.accounts.accounts import IDLE_SECONDS_MAX, SESSION_SECONDS_MAX, SESSIONS_MAX
from convergences_node.accounts.migrations import PRIVATE_NAME, SCHEMA, STEPS, migrate
from convergences_node.accounts.passwords import MEMORY_KIB, PASSES
from convergences_node.faults import NotNow
from convergences_node.migrating import statements
from convergences_protocol.errors import LocalError, Refused

PASSWORD = "quatre mots bien choisis"
START = 1_795_000_000


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock) -> Iterator[Accounts]:
    opened = Accounts(tmp_path, clock)
    yield opened
    opened.close()


def laid_out(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT sql FROM sqlite_schema WHERE name NOT LIKE '\\_%' ESCAPE '\\' AND sql <> ''")
    return sorted(" ".join(sql.split()) for (sql,) in rows if "_sqlite_migrations" not in sql)


def test_the_steps_lead_to_the_schema_that_a_person_reads() -> None:
    migrated, read = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    migrate(migrated)
    for statement in statements(SCHEMA.read_text("utf-8")):
        read.execute(statement)
    assert laid_out(migrated) == laid_out(read)
    assert migrated.execute("PRAGMA user_version").fetchone() == (len(STEPS),)


def all_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob(f"{PRIVATE_NAME}*"))


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    Accounts(tmp_path, Clock()).close()
    with sqlite3.connect(tmp_path / PRIVATE_NAME) as connection:
        connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    with pytest.raises(LocalError, match="newer program"):
        Accounts(tmp_path, Clock())


async def test_who_has_the_password_gets_in_and_nobody_else(accounts: Accounts) -> None:
    await accounts.set_password("zoé", PASSWORD)
    assert await accounts.log_in("zoé", PASSWORD + ".", "Firefox") is None
    assert await accounts.log_in("nobody", PASSWORD, "Firefox") is None
    chosen = await accounts.log_in("zoé", PASSWORD, "Firefox")
    assert chosen is not None
    session = await accounts.session(chosen)
    assert session is not None and (session.name, session.agent) == ("zoé", "Firefox")
    assert await accounts.session(chosen + "x") is None
    await accounts.log_out(session)
    assert await accounts.session(chosen) is None


async def test_the_file_holds_neither_password_nor_session(accounts: Accounts, tmp_path: Path) -> None:
    """Argon2id with 19 MiB and two passes; of a session, its digest. For its owner's eyes alone."""
    await accounts.set_password("zoé", PASSWORD)
    chosen = await accounts.log_in("zoé", PASSWORD, "")
    assert chosen is not None
    data = all_of(tmp_path)
    assert PASSWORD.encode() not in data and chosen.encode() not in data
    assert f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1$".encode() in data
    assert (tmp_path / PRIVATE_NAME).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "password", ["court", "motdepasse123", "aaaaaaaaaaaaaa", "x" * 201, "Convergences 2026!", "zoé-zoé-zo"]
)
async def test_what_would_be_tried_first_is_refused(accounts: Accounts, password: str) -> None:
    with pytest.raises(Refused):
        await accounts.set_password("zoé", password)


async def test_a_session_ends_when_it_is_not_used_and_after_a_week(accounts: Accounts, clock: Clock) -> None:
    await accounts.set_password("zoé", PASSWORD)
    idle = await accounts.begin("zoé", "")
    clock.now += IDLE_SECONDS_MAX
    assert await accounts.session(idle) is None
    used = await accounts.begin("zoé", "")
    for _ in range(SESSION_SECONDS_MAX // (IDLE_SECONDS_MAX // 2) - 1):
        clock.now += IDLE_SECONDS_MAX // 2
        assert await accounts.session(used) is not None
    clock.now += IDLE_SECONDS_MAX // 2
    assert await accounts.session(used) is None


async def test_a_clock_that_falls_back_logs_nobody_out(accounts: Accounts, clock: Clock) -> None:
    await accounts.set_password("zoé", PASSWORD)
    chosen = await accounts.begin("zoé", "")
    clock.now = 1_000
    assert await accounts.session(chosen) is not None


async def test_another_password_ends_every_session(accounts: Accounts) -> None:
    await accounts.set_password("zoé", PASSWORD)
    here, there = await accounts.begin("zoé", "here"), await accounts.begin("zoé", "there")
    session = await accounts.session(here)
    assert session is not None
    assert await accounts.log_out_others(session) == 1
    assert await accounts.session(there) is None
    assert not await accounts.change_password(session, "wrong" * 3, "un autre bien choisi")
    assert await accounts.change_password(session, PASSWORD, "un autre bien choisi")
    assert await accounts.session(here) is None
    assert await accounts.log_in("zoé", PASSWORD, "") is None


async def test_sessions_do_not_pile_up(accounts: Accounts, clock: Clock) -> None:
    await accounts.set_password("zoé", PASSWORD)
    first = await accounts.begin("zoé", "")
    for _ in range(SESSIONS_MAX):
        clock.now += 1
        last = await accounts.begin("zoé", "")
    assert await accounts.session(first) is None
    session = await accounts.session(last)
    assert session is not None and len(await accounts.sessions(session)) == SESSIONS_MAX


async def test_a_clock_that_falls_back_keeps_nobody_out(accounts: Accounts, clock: Clock) -> None:
    """A town that comes back on a new card without the internet: all that the backup remembers began later than now."""
    await accounts.set_password("zoé", PASSWORD)
    for _ in range(SESSIONS_MAX):
        clock.now += 1
        await accounts.begin("zoé", "")
    clock.now = 1_000
    here = await accounts.log_in("zoé", PASSWORD, "")
    clock.now += 60
    there = await accounts.log_in("zoé", PASSWORD, "")
    assert here is not None and await accounts.session(here) is not None
    assert there is not None and await accounts.session(there) is not None


async def test_a_session_in_use_is_written_down_rarely(accounts: Accounts, clock: Clock, tmp_path: Path) -> None:
    """Each click would be a write on the card."""
    await accounts.set_password("zoé", PASSWORD)
    chosen = await accounts.begin("zoé", "")
    log = tmp_path / f"{PRIVATE_NAME}-wal"
    before = log.stat().st_size
    for _ in range(100):
        clock.now += 5
        assert await accounts.session(chosen) is not None
    assert log.stat().st_size == before


async def test_bytes_that_are_no_text_open_nothing_and_break_nothing(accounts: Accounts) -> None:
    """As aiohttp gives them where a cookie or a browser's name has some (PEP 383)."""
    await accounts.set_password("zoé", PASSWORD)
    assert await accounts.session("\udcff\udcfe") is None
    chosen = await accounts.begin("zoé", "Firefox \udcff")
    session = await accounts.session(chosen)
    assert session is not None and session.agent == "Firefox ?"


@contextmanager
def refusing(accounts: Accounts) -> Iterator[None]:
    """The file takes no write for a while, as SQLite says it of a card that has turned so, or has no room left."""
    database = accounts._store._database
    database.execute("PRAGMA query_only = ON")
    try:
        yield
    finally:
        database.execute("PRAGMA query_only = OFF")


async def test_who_has_the_password_gets_in_where_the_card_refuses(accounts: Accounts, clock: Clock) -> None:
    """To read that it does; and stays in. It lasts as long as the process, or as that password."""
    await accounts.set_password("zoé", PASSWORD)
    before = await accounts.log_in("zoé", PASSWORD, "Firefox")
    assert before is not None
    clock.now += 1
    with refusing(accounts):
        chosen = await accounts.log_in("zoé", PASSWORD, "Chrome")
        assert chosen is not None
        for seconds in (1, IDLE_SECONDS_MAX - 2, IDLE_SECONDS_MAX - 2):
            clock.now += seconds
            session = await accounts.session(chosen)
            assert session is not None and session.name == "zoé"
        assert session is not None
        assert await accounts.session(before) is None, "it was not used meanwhile"
        assert [each.agent for each in await accounts.sessions(session)] == ["Chrome"]
    assert await accounts.session(chosen) is not None
    await accounts.set_password("zoé", PASSWORD + " !")
    assert await accounts.session(chosen) is None


async def test_who_logs_out_is_out_where_the_card_refuses(accounts: Accounts, clock: Clock) -> None:
    await accounts.set_password("zoé", PASSWORD)
    kept = [await accounts.log_in("zoé", PASSWORD, "") for _ in range(3)]
    with refusing(accounts):
        kept += [await accounts.log_in("zoé", PASSWORD, "") for _ in range(SESSIONS_MAX + 1)]
        first, *_, last = [session for each in kept if (session := await accounts.session(each or ""))]
        assert len(await accounts.sessions(last)) == 3 + SESSIONS_MAX
        await accounts.log_out(first)
        assert await accounts.session(kept[0] or "") is None
        assert await accounts.log_out_others(last) == 1 + SESSIONS_MAX
        assert [await accounts.session(each or "") is not None for each in kept] == [False] * (len(kept) - 1) + [True]


async def test_what_the_card_refuses_is_told_in_words(accounts: Accounts) -> None:
    """A password that is not the new one, an invitation that is not noted: the page says so."""
    await accounts.set_password("zoé", PASSWORD)
    session = await accounts.session(await accounts.log_in("zoé", PASSWORD, "") or "")
    assert session is not None
    with refusing(accounts):
        with pytest.raises(NotNow) as refused:
            await accounts.change_password(session, PASSWORD, PASSWORD + " !")
        assert refused.value.fault is not None and refused.value.fault.code == "card_read_only"
        assert await accounts.log_in("zoé", PASSWORD, "") is not None
    (pages,) = accounts._store._database.execute("PRAGMA page_count").fetchone()
    accounts._store._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(NotNow) as refused:
        await accounts.set_note("invitation", "conv1" + "x" * 100_000)
    assert refused.value.fault is not None and refused.value.fault.code == "card_full"
    assert await accounts.note("invitation") is None
