# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pictures on elements by the verbs, and their files when an element is forgotten: gone with the last, never before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive.options import Options
from convergences_node.blobs.store import Readers
from convergences_node.clock import BUILT_AT
from convergences_node.faults import NotFound
from convergences_node.founding import Settings, create_town
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_protocol.erasure import GRACE_SECONDS
from convergences_protocol.errors import LocalError, Refused

from .pictures import PDF, drawn, from_a_telephone, written


class Clock:
    now = float(BUILT_AT + 1000)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def town(tmp_path: Path, clock: Clock) -> AsyncIterator[Town]:
    facts = {"name": "Saint-Denis", "code": "FR-93066", "type": "commune"}
    settings: Settings = {"http": {"port": 0}, "discovery": {"zeroconf": False}, "blobs": {"free_mib": 0}}
    await create_town(tmp_path / "node", "FR-93066", "town", "Saint-Denis", facts=facts, settings=settings)
    async with Town.open(tmp_path / "node", clock=clock, options=Options(clock=clock)) as opened:
        yield opened


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "photo.jpg").write_bytes(from_a_telephone())
    (folder / "other.png").write_bytes(written(drawn(700, 500), "PNG"))
    (folder / "rapport.pdf").write_bytes(PDF)
    (folder / "drawing.svg").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    return folder


async def ask(town: Town, verb: str, **params: Any) -> Any:
    return await perform(town, verb, params, lambda event: None)


async def actor(town: Town, name: str) -> str:
    return str((await ask(town, "add", kind="actor", fields={"name": name, "type": "association"}))["element"])


async def content(town: Town, name: str) -> str:
    return str((await ask(town, "add", kind="content", fields={"name": name, "type": "article"}))["element"])


def here(town: Town) -> set[str]:
    return {blob.digest.hex() for blob in town.blobs.store.blobs()}


def on_disk(town: Town) -> set[str]:
    return {path.name for path in town.blobs.store.folder.rglob("*") if path.is_file()}


async def test_pictures_and_documents_are_put_on_and_taken_off(town: Town, files: Path) -> None:
    """A second logo takes the place of the first; contents gather; what is said of each is in the record."""
    club, article = await actor(town, "Atelier"), await content(town, "Fête")
    await ask(town, "media_add", element=club, path=str(files / "photo.jpg"), use="logo", alt="Un vélo")
    second = await ask(town, "media_add", element=club, path=str(files / "other.png"), use="logo", alt="Un vélo bleu")
    (logo,) = (await ask(town, "media_list", element=club))["media"]
    assert (logo["digest"], logo["alt"], logo["here"]) == (second["digest"], "Un vélo bleu", True)
    said = {"credit": "Zoé", "licence": "https://example.org/by"}
    picture = await ask(
        town, "media_add", element=article, path=str(files / "photo.jpg"), use="picture", alt="La foule", **said
    )
    assert picture["field"] == "media" and [size["width"] for size in picture["sizes"]] == [144, 400, 900]
    await ask(town, "media_add", element=article, path=str(files / "rapport.pdf"), use="document", alt="Le rapport")
    listed = (await ask(town, "media_list", element=article))["media"]
    assert [(one["type"], one["credit"]) for one in listed] == [("image/webp", "Zoé"), ("application/pdf", "")]
    await ask(town, "media_remove", element=article, file=picture["digest"][:8])
    (left,) = (await ask(town, "media_list", element=article))["media"]
    assert left["type"] == "application/pdf"
    await ask(town, "media_remove", element=article, file=left["digest"])
    assert (await ask(town, "media_list", element=article))["media"] == []


async def test_words_change_without_the_file(town: Town, files: Path) -> None:
    """Of one among several, of a logo; an empty credit is taken away, and what changes nothing writes nothing."""
    article = await content(town, "Un article")
    photo, other = (str(files / name) for name in ("photo.jpg", "other.png"))
    one = await ask(town, "media_add", element=article, path=photo, use="picture", alt="La foule", credit="Zoé")
    await ask(town, "media_add", element=article, path=other, use="picture", alt="La place")
    told = await ask(
        town, "media_describe", element=article, file=one["digest"][:8], alt="La foule, de loin", credit=""
    )
    shown = (await ask(town, "media_list", element=article))["media"]
    assert [(each["alt"], each["credit"]) for each in shown] == [("La foule, de loin", ""), ("La place", "")]
    assert told["digest"] == one["digest"] == shown[0]["digest"]
    again = await ask(town, "media_describe", element=article, file=one["digest"], alt="La foule, de loin")
    assert again["index"] == told["index"]
    club = await actor(town, "Atelier")
    logo = await ask(town, "media_add", element=club, path=photo, use="logo", alt="Un vélo", licence="CC0-1.0")
    await ask(town, "media_describe", element=club, file=logo["digest"], alt="Un vélo rouge")
    (shown_logo,) = (await ask(town, "media_list", element=club))["media"]
    assert (shown_logo["alt"], shown_logo["licence"], shown_logo["here"]) == ("Un vélo rouge", "CC0-1.0", True)
    with pytest.raises(Refused):
        await ask(town, "media_describe", element=club, file=logo["digest"], alt="")
    with pytest.raises(NotFound):
        await ask(town, "media_describe", element=club, file="abcdef", alt="Rien")


async def test_what_cannot_be_put_on_is_refused_with_a_reason(town: Town, files: Path) -> None:
    """Before anything is kept: wrong words, wrong kind, wrong file."""
    club = await actor(town, "Atelier")
    photo = str(files / "photo.jpg")
    cases = [
        ({"path": str(files / "drawing.svg"), "use": "logo", "alt": "x"}, "not_a_picture"),
        ({"path": str(files / "rapport.pdf"), "use": "logo", "alt": "x"}, "not_a_picture"),
        ({"path": str(files / "none.jpg"), "use": "logo", "alt": "x"}, "file_unreadable"),
        ({"path": photo, "use": "picture", "alt": "x"}, "media_not_of_kind"),
    ]
    for params, code in cases:
        with pytest.raises(LocalError) as refused:
            await ask(town, "media_add", element=club, **params)
        assert refused.value.fault is not None and refused.value.fault.code == code, params
    with pytest.raises(Refused):
        await ask(town, "media_add", element=club, path=photo, use="logo", alt=" ")
    with pytest.raises(NotFound):
        await ask(town, "media_remove", element=club, file="abcdef")
    assert on_disk(town) == set()


async def test_files_go_with_the_last_element_that_names_them(town: Town, files: Path, clock: Clock) -> None:
    """Put aside at once, gone after seven days, an earlier picture of its history too; the neighbour's stays."""
    one, two = await content(town, "Une"), await content(town, "Deux")
    photo, other = (str(files / name) for name in ("photo.jpg", "other.png"))
    shared = await ask(town, "media_add", element=one, path=photo, use="picture", alt="La foule")
    await ask(town, "media_add", element=two, path=photo, use="picture", alt="La même foule")
    former = await ask(town, "media_add", element=one, path=other, use="picture", alt="Un essai")
    await ask(town, "media_remove", element=one, file=former["digest"])
    every = here(town)
    await ask(town, "erase", element=one, reason="asked by the person")
    assert shared["digest"] in here(town) and former["digest"] not in here(town)
    assert on_disk(town) == every
    clock.now += GRACE_SECONDS + 1
    await town.erasures.drop_due()
    assert on_disk(town) == here(town) == {shared["digest"], *(size["digest"] for size in shared["sizes"])}
    await ask(town, "erase", element=two, reason="asked by the person", now=True)
    assert on_disk(town) == set()


async def test_a_record_cannot_have_another_rooms_file_deleted(town: Town) -> None:
    """Whoever names a backup or a package as its picture, and is erased, takes nothing with it."""
    vault = await town.blobs.add_bytes(b"sealed", Readers.PEERS)
    package = await town.blobs.add_bytes(b"!<arch>\ndebian-binary")
    claims = [
        {"digest": blob.digest.hex(), "type": "image/webp", "bytes": blob.size, "alt": "x", "width": 1, "height": 1}
        for blob in (vault, package)
    ]
    fields = {"name": "Piège", "type": "photo", "media": claims}
    element = (await ask(town, "add", kind="content", fields=fields))["element"]
    await ask(town, "erase", element=element, reason="asked by the person", now=True)
    assert here(town) == {vault.digest.hex(), package.digest.hex()}
