# SPDX-License-Identifier: AGPL-3.0-or-later
"""The sheet in the drawer: what is printed is what is typed, and a slip of the pen is found."""

import pytest
from convergences_protocol import opening, recovery
from convergences_protocol.charter import Charter
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.errors import LocalError, Refused, RemoteError
from hypothesis import given
from hypothesis import strategies as st

from .logs import identity_of, key_of, opening_of

SEED = bytes(range(32))
SHEET = recovery.write_sheet(SEED)
PLAINE = "FR-200057867"
HOME, OURS = identity_of(PLAINE), identity_of(PLAINE, 2, "a new key")
HEAD = Checkpoint(HOME.origin, 2, bytes(32))


def test_the_sheet_is_four_lines_of_four_groups_of_four() -> None:
    assert [[len(group) for group in line.split(" ")] for line in SHEET] == [[4] * 4] * 4


@given(st.binary(min_size=32, max_size=32))
def test_every_seed_comes_back(seed: bytes) -> None:
    assert recovery.read_sheet("\n".join(recovery.write_sheet(seed))) == seed


def test_what_a_hand_changes_without_meaning_it_is_understood() -> None:
    text = "\n".join(SHEET)
    for typed in (text.lower(), text.replace(" ", "").replace("\n", ""), text.replace(" ", "-"), f"  {text}\r\n\n"):
        assert recovery.read_sheet(typed) == SEED
    assert recovery.read_sheet(text.replace("0", "O").replace("1", "l")) == SEED


@given(st.integers(0, 63), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_a_wrong_letter_is_found_in_its_line(at: int, letter: str) -> None:
    chars = "".join(SHEET).replace(" ", "")
    if chars[at] == letter:
        return
    with pytest.raises(Refused) as refused:
        recovery.read_sheet(chars[:at] + letter + chars[at + 1 :])
    assert [(fault.path, fault.params["line"]) for fault in refused.value.faults] == [
        (f"sheet.{at // 16 + 1}", at // 16 + 1)
    ]


def test_lines_in_another_order_are_found_and_all_named() -> None:
    with pytest.raises(Refused) as refused:
        recovery.read_sheet("\n".join([SHEET[1], SHEET[0], *SHEET[2:]]))
    assert [fault.params["line"] for fault in refused.value.faults] == [1, 2]


@pytest.mark.parametrize("text", ["", SHEET[0], "\n".join([*SHEET, "0"]), "\n".join(SHEET)[:-1] + "!", "0" * 2000])
def test_a_sheet_of_another_length_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        recovery.read_sheet(text)
    assert [fault.code for fault in refused.value.faults] == ["sheet_length"]


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["", "1. ", "2) ", " 3 "]), st.sampled_from(["\n", "\r\n"]))
def test_a_sheet_is_found_in_what_was_copied_around_it(seed: bytes, number: str, end: str) -> None:
    """With its title and the numbers of its lines, as paper and page have them, whatever ends a line."""
    copied = end.join(["FICHE DE SECOURS", *(number + line.lower() for line in recovery.write_sheet(seed)), "sous clé"])
    assert recovery.read_sheet(recovery.find_sheet(copied)) == seed
    assert recovery.find_sheet("no sheet at all") == "no sheet at all"


def test_a_seed_is_thirty_two_bytes() -> None:
    with pytest.raises(LocalError):
        recovery.write_sheet(bytes(31))


def succession(signer: str = f"{PLAINE} recovery") -> recovery.Succession:
    opens = opening_of(OURS, HEAD)
    return recovery.Succession(
        opening.author_opening(opens, key_of("a new key"), 1000),
        recovery.author_end(key_of(signer), HEAD, opens, "node stolen", 1000),
    )


def test_a_succession_moves_the_charter() -> None:
    read = recovery.read_succession(succession().encode())
    assert (read.opening.origin, read.end.last, read.end.why) == (OURS.origin, HEAD, "node stolen")
    charter = Charter(HOME)
    assert charter.consider(read.opening_header, read.end_header)
    assert charter.agglomeration == OURS


def test_a_succession_can_be_pasted() -> None:
    text = succession().to_text()
    assert text.startswith("convs1")
    folded = "\n".join(text[at : at + 70].upper() for at in range(0, len(text), 70))
    assert recovery.read_succession_text(folded) == recovery.read_succession(succession().encode())
    for wrong in ("", "convs1", text[:-1], text[:200] + "8" + text[201:], "conv1" + text[6:], "convs1" + "a" * 40000):
        with pytest.raises(Refused):
            recovery.read_succession_text(wrong)


def test_a_succession_that_anyone_could_sign_moves_nothing() -> None:
    read = recovery.read_succession(succession("a thief").encode())
    with pytest.raises(RemoteError):
        Charter(HOME).consider(read.opening_header, read.end_header)


@given(st.data())
def test_a_succession_with_a_bit_changed_is_refused(data: st.DataObject) -> None:
    whole = succession().encode()
    changed = bytearray(whole)
    changed[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(RemoteError):
        recovery.read_succession(bytes(changed))


@given(st.binary(max_size=100))
def test_a_succession_of_any_bytes_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteError):
        recovery.read_succession(data)


def test_no_log_succeeds_itself() -> None:
    with pytest.raises(LocalError):
        recovery.author_end(key_of("x"), Checkpoint(OURS.origin, 1, bytes(32)), opening_of(OURS), "why", 1)
