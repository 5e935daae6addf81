# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a machine and a node tell of themselves, as signs in words."""

from __future__ import annotations

import os
import re
import time
import tomllib
from pathlib import Path

import pytest
from convergences_node import checkup
from convergences_node.checkup import machine
from convergences_node.checkup.backups import OLD_BAD_S, OLD_CARE_S, backup_signs
from convergences_node.checkup.machine import machine_signs
from convergences_node.checkup.sign import BAD, CARE, GOOD, LEVELS, Sign
from convergences_node.clock import BUILT_AT
from convergences_node.faults import reason_of
from convergences_node.former import OLDER
from convergences_node.founding import create_town
from convergences_node.town import Town
from convergences_protocol.doubt import Reason
from convergences_protocol.errors import Fault, LocalError

SENTENCES = Path(checkup.__file__).parent / "sentences"
NOW = BUILT_AT + 1_000_000
PLACE = re.compile(r"\{(\w+)")


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def told(root: Path, now: float = NOW) -> dict[str, Sign]:
    return {sign.name: sign for sign in machine_signs(root, now, root)}


def test_a_machine_that_tells_nothing_has_few_signs(tmp_path: Path) -> None:
    assert set(told(tmp_path)) == {"card", "clock"}


@pytest.mark.parametrize(("text", "level"), [("48000\n", GOOD), ("71000\n", CARE), ("85123\n", BAD)])
def test_a_hot_pi(tmp_path: Path, text: str, level: str) -> None:
    put(tmp_path, machine.TEMPERATURE, text)
    assert told(tmp_path)["temperature"].level == level


@pytest.mark.parametrize(("text", "level"), [("0x0\n", GOOD), ("50000\n", CARE), ("0x50005\n", BAD)])
@pytest.mark.parametrize("soc", ["soc", "soc@107c000000"])
def test_a_weak_power_supply(tmp_path: Path, soc: str, text: str, level: str) -> None:
    put(tmp_path, f"sys/devices/platform/{soc}/{soc}:firmware/get_throttled", text)
    assert told(tmp_path)["power"].level == level


@pytest.mark.parametrize(("text", "level"), [("0\n", GOOD), ("1\n", BAD)])
def test_a_weak_power_supply_of_a_pi_5(tmp_path: Path, text: str, level: str) -> None:
    """Its firmware's bits are in no file; the kernel's sensor is, beside others."""
    for number, name in enumerate(("cpu_thermal", "rpi_volt")):
        put(tmp_path, f"sys/class/hwmon/hwmon{number}/name", f"{name}\n")
    assert "power" not in told(tmp_path)
    put(tmp_path, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", text)
    assert told(tmp_path)["power"].level == level


@pytest.mark.parametrize(("text", "level"), [("0x01 0x01\n", GOOD), ("0x02 0x09\n", CARE), ("0x0b 0x01\n", BAD)])
def test_a_worn_card(tmp_path: Path, text: str, level: str) -> None:
    put(tmp_path, "sys/block/mmcblk0/device/life_time", text)
    assert told(tmp_path)["wear"].level == level


def test_an_sd_card_tells_what_was_written_and_what_went_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing on the Pis that are named has an eMMC: without this, no sign would ever speak of their cards' age."""
    monkeypatch.setattr(machine, "FREE_BAD_MIB", 0)  # a machine that is full says that instead
    device, found = tmp_path.stat().st_dev, os.statvfs(tmp_path)
    put(tmp_path, "sys/block/mmcblk0/mmcblk0p2/dev", "")
    (tmp_path / machine.BLOCK).mkdir(parents=True)
    named = tmp_path / machine.BLOCK / f"{os.major(device)}:{os.minor(device)}"
    named.symlink_to(tmp_path / "sys/block/mmcblk0/mmcblk0p2")
    put(tmp_path, "sys/fs/ext4/mmcblk0p2/errors_count", "0\n")
    put(tmp_path, "sys/fs/ext4/sda1/errors_count", "7\n")
    whole = found.f_blocks * found.f_frsize
    put(tmp_path, "sys/fs/ext4/mmcblk0p2/lifetime_write_kbytes", f"{3 * whole // 1024 + 1}\n")
    wear = told(tmp_path)["wear"]
    assert (wear.level, wear.form, wear.values["times"]) == (GOOD, "written", 3)
    assert "3 fois sa capacité" in checkup.sentence(wear, "fr")
    put(tmp_path, "sys/fs/ext4/mmcblk0p2/lifetime_write_kbytes", f"{whole // 2048}\n")
    assert "moins d’une fois sa capacité" in checkup.sentence(told(tmp_path)["wear"], "fr")
    assert told(tmp_path)["card"].form != "errors", "another disk's are none of its own"
    put(tmp_path, "sys/fs/ext4/mmcblk0p2/errors_count", "2\n")
    card = told(tmp_path)["card"]
    assert (card.level, card.form) == (BAD, "errors") and checkup.what_to_do(card, "en").startswith("Make a backup")


def test_a_clock(tmp_path: Path) -> None:
    """Impossible, possible, and set by the network."""
    assert told(tmp_path, 0)["clock"].level == BAD
    assert told(tmp_path)["clock"].level == CARE
    put(tmp_path, machine.SYNCHRONISED, "")
    assert told(tmp_path)["clock"].level == GOOD


@pytest.mark.parametrize(
    ("last", "level", "form"),
    [
        ({}, CARE, "never"),
        ({"reason": "no stick"}, CARE, "failed_first"),
        ({"made_at": NOW - 3_600}, GOOD, GOOD),
        ({"made_at": NOW - OLD_CARE_S - 1}, CARE, CARE),
        ({"made_at": NOW - OLD_BAD_S - 1}, BAD, BAD),
        ({"made_at": NOW - 3_600, "reason": "no stick"}, CARE, "failed"),
        ({"made_at": NOW - OLD_CARE_S - 1, "reason": "no stick"}, BAD, "failed"),
        ({"made_at": NOW + 3_600}, GOOD, GOOD),
    ],
)
def test_a_backup_grows_old(last: dict[str, object], level: str, form: str) -> None:
    (sign,) = backup_signs(last, {}, NOW)
    assert (sign.name, sign.level, sign.form) == ("backup", level, form)
    assert checkup.sentence(sign, "fr") and checkup.sentence(sign, "en")


@pytest.mark.parametrize(("last", "form"), [({}, "never"), ({"reason": "no stick"}, "failed_first")])
def test_one_that_was_never_made_is_as_grave_as_an_old_one(last: dict[str, object], form: str) -> None:
    """Once the town is as old; of a town that began without a clock nobody knows how old it is."""
    for begun_at, level in ((NOW - OLD_BAD_S - 1, BAD), (NOW - OLD_BAD_S, CARE), (None, CARE)):
        (sign,) = backup_signs(last, {}, NOW, begun_at)
        assert (sign.level, sign.form) == (level, form)


async def test_a_town_that_never_had_a_backup_comes_to_ask_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_town(tmp_path / "sd", "FR-93066", "town", "Saint-Denis")
    async with Town.open(tmp_path / "sd") as town:
        for days, level in ((7, CARE), (9, BAD)):
            monkeypatch.setattr(town, "now", lambda days=days: int(time.time()) + days * 86_400)
            (found,) = [each for each in await checkup.signs(town) if each.name == "backup"]
            assert (found.level, found.form) == (level, "never")


@pytest.mark.parametrize(
    ("left", "level", "form"),
    [
        ({"reason": "too large"}, CARE, "failed_first"),
        ({"kept_at": NOW - 3_600}, GOOD, GOOD),
        ({"kept_at": NOW - OLD_CARE_S - 1}, CARE, CARE),
        ({"kept_at": NOW - OLD_BAD_S - 1}, BAD, BAD),
        ({"kept_at": NOW - OLD_CARE_S - 1, "reason": "nobody answers"}, BAD, "failed"),
    ],
)
def test_a_backup_at_the_agglomeration_grows_old_too(left: dict[str, object], level: str, form: str) -> None:
    """And who has one there is not asked for a stick."""
    sign, *others = backup_signs({}, left, NOW)
    assert (sign.name, sign.level, sign.form) == ("vault", level, form)
    assert checkup.sentence(sign, "fr") and checkup.sentence(sign, "en")
    assert [other.form for other in others] == ([] if "kept_at" in left else ["never"])
    assert [other.name for other in backup_signs({"made_at": NOW}, left, NOW)] == ["vault", "backup"]


def test_both_languages_say_the_same() -> None:
    """The same signs and states, with the same values; a title each, and what to do wherever something is wrong."""
    french, english = (tomllib.loads((SENTENCES / f"{lang}.toml").read_text("utf-8")) for lang in ("fr", "en"))
    assert french.keys() == english.keys()
    for name, sentences in french.items():
        assert sentences.keys() == english[name].keys(), name
        for form, text in sentences.items():
            assert set(PLACE.findall(text)) == set(PLACE.findall(english[name][form])), (name, form)
    for name in french.keys() - {"level", "age", "letter"}:
        assert "title" in french[name] and ("do" in french[name]), name
    assert set(LEVELS) <= french["level"].keys()


def test_french_spaces_do_not_break() -> None:
    found = re.findall(r'= ".*(?: [:;?!»]|« ).*"', (SENTENCES / "fr.toml").read_text("utf-8"))
    assert found == []


def test_an_age_is_said_in_the_unit_that_suits_it() -> None:
    said = [checkup.sentence(Sign("backup", GOOD, GOOD, {"age": age}), "en") for age in (5, 600, 10_000, 400_000)]
    assert [re.sub(r".* is (.*) old\.", r"\1", text) for text in said] == ["1 min", "10 min", "2 h", "4 days"]


@pytest.mark.parametrize(
    ("name", "level", "counted", "said"),
    [
        ("index", "whole", {"records": 1}, "1 fiche gardée ici, cherchable."),
        ("index", "whole", {"records": 2}, "2 fiches gardées ici, toutes cherchables."),
        ("network", CARE, {"known": 1}, "Aucun nœud relié, sur 1 connu."),
        ("agglomeration", GOOD, {"age": 600, "missing": 1}, "1 fiche reste à lui parvenir."),
        ("sources", "some", {"refused": 1, "names": "x"}, "1 ligne a été refusée (x)\u00a0; voir la page Sources."),
        ("sources", "many", {"source": "x", "refused": 9, "rows": 9}, "9 lignes refusées sur 9 à la dernière lecture."),
        ("erasures", BAD, {"origin": "FR-1/a", "count": 2}, "2 effacements de FR-1/a attendent une décision."),
    ],
)
def test_one_record_is_one_record(name: str, level: str, counted: dict[str, object], said: str) -> None:
    assert checkup.sentence(Sign(name, CARE, level, counted), "fr").endswith(said)


def test_why_a_backup_failed_is_said_in_the_reader_s_language() -> None:
    """Also long after, and by a reader of another language than the one who was there."""
    error = LocalError("not said", fault=Fault("", "backup_unwritable", {"folder": "/media/stick", "reason": "EIO"}))
    (sign,) = backup_signs({"made_at": 0, **reason_of(error)}, {}, 600)
    french, english = (checkup.sentence(sign, language) for language in ("fr", "en"))
    assert "n’a pas pu être écrite dans /media/stick" in french and not french.endswith("..")
    assert "could not be written to /media/stick" in english
    (older,) = backup_signs({"made_at": 0, "reason": "noted before"}, {}, 600)
    assert "noted before" in checkup.sentence(older, "fr")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_doubt_is_said_in_words(language: str) -> None:
    for reason in [*Reason, OLDER]:
        said = checkup.sentence(Sign("doubt", CARE, CARE, {"reason": str(reason)}), language)
        assert reason not in said and "_" not in said, said
