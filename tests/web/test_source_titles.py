# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where an entry is from is told in words, where this node knows some; the code stays for who asks for it."""

from __future__ import annotations

from pathlib import Path

from convergences_node.imports.titles import FILE_BYTES_MAX, TITLES_MAX, TITLES_NAME, keep_titles, read_titles
from convergences_node.territories.facts import SOURCE, SOURCE_TITLE
from convergences_node.web.source_titles import source_title

from .small_town import SmallTown, asking, small_town


async def source_told(town: SmallTown, language: str = "fr") -> str:
    async with asking(town) as client:
        answer = await client.get("/e/" + town.elements["Maison des associations"], params={"lang": language})
        return (await answer.text()).split('id="source"')[1].split("</section>")[0]


async def test_a_source_is_called_by_its_words_once_they_are_known(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    async with small_town(folder, source_titles=folder / TITLES_NAME) as town:
        assert "<p>annuaire" in await source_told(town)
        keep_titles(folder, {"annuaire": "L’annuaire des <lieux>\n de la ville", "autre": " "})
        for language in ("fr", "en"):
            told = await source_told(town, language)
            assert '<span title="annuaire">L’annuaire des &lt;lieux&gt; de la ville</span>' in told
        keep_titles(folder, {"annuaire": "L’annuaire"})
        assert ">L’annuaire</span>" in await source_told(town)


def test_what_comes_with_a_node_has_its_words_too(tmp_path: Path) -> None:
    for path in (None, tmp_path / "none.json"):
        assert source_title(path, SOURCE) == SOURCE_TITLE
        assert (source_title(path, "annuaire"), source_title(path, "")) == ("annuaire", "")


def test_the_words_that_are_kept_are_bounded_and_what_is_not_ours_is_none(tmp_path: Path) -> None:
    path = tmp_path / TITLES_NAME
    keep_titles(tmp_path, {f"source-{number}": "x" * 500 for number in range(TITLES_MAX + 5)})
    kept = read_titles(path)
    assert (len(kept), path.stat().st_size < FILE_BYTES_MAX) == (TITLES_MAX, True)
    assert {len(words) for words in kept.values()} == {200}
    for torn in (b"", b"[1]", b'{"a": 1}', b"\xff"):
        path.write_bytes(torn)
        assert read_titles(path) == {}
