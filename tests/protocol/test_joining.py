# SPDX-License-Identifier: AGPL-3.0-or-later
"""Invitations, answers, and what an agglomeration admits without a person."""

import base64
import itertools
from dataclasses import replace

import pytest
from convergences_protocol import admission, invitation, opening, recovery
from convergences_protocol.charter import Charter
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.enrolment import END, ENROL
from convergences_protocol.errors import LocalError, Refused, RemoteError
from convergences_protocol.header import read_header
from convergences_protocol.origin import LogIdentity
from convergences_protocol.record import author_control
from hypothesis import given
from hypothesis import strategies as st

from .logs import identity_of, key_of, opening_of

PLAINE, SAINT_DENIS, STAINS = "FR-200057867", "FR-93066", "FR-93072"
HOME, LOG = identity_of(PLAINE), identity_of(SAINT_DENIS, 1, SAINT_DENIS)
INVITATION = invitation.Invitation(
    SAINT_DENIS, HOME, "Plaine Commune", ("https://plaine.example", "/ip4/192.0.2.1/tcp/4001"), 2000, b"n" * 16
)
TEXT = invitation.write_invitation(INVITATION, key_of(PLAINE))
PLACES = itertools.count(1)
"""Numbers in the agglomeration's log: they only have to grow."""


def opened(log: LogIdentity, keys: str, previous: Checkpoint | None = None) -> bytes:
    return opening.author_opening(opening_of(log, previous), key_of(keys), 1000)


def answer(log: LogIdentity = LOG, keys: str = SAINT_DENIS, text: str = TEXT) -> invitation.Answer:
    return invitation.read_answer(invitation.write_answer(text, opened(log, keys), key_of(keys), ("http://pi.local",)))


def written(charter: Charter, records: list[admission.Control]) -> Charter:
    """The charter once the agglomeration has appended these."""
    for kind, content in records:
        header = read_header(author_control(key_of(PLAINE), kind, content, 1000))
        assert charter.apply(HOME.origin, next(PLACES), header)
    return charter


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [fault.code for fault in refused.value.faults]


def test_an_invitation_is_read_as_it_was_written() -> None:
    assert TEXT.startswith("conv1")
    assert TEXT.isascii() and TEXT.isalnum()
    assert invitation.read_invitation(TEXT) == INVITATION


def test_an_invitation_survives_capitals_and_line_breaks() -> None:
    folded = "\n  ".join(TEXT[at : at + 60] for at in range(0, len(TEXT), 60)).upper()
    assert invitation.read_invitation(f" {folded}\n") == INVITATION
    assert answer(text=folded).invitation == INVITATION


@given(st.integers(5, len(TEXT) - 2), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_an_invitation_with_a_letter_changed_is_refused(at: int, letter: str) -> None:
    if TEXT[at] != letter:
        with pytest.raises(Refused):
            invitation.read_invitation(TEXT[:at] + letter + TEXT[at + 1 :])


@pytest.mark.parametrize(
    "text", ["", "conv1", "hello", "conv1" + "a" * 20, TEXT[:-8], TEXT[4:], "conv1" + "a" * 20000, "conv1é"]
)
def test_what_is_no_invitation_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(Refused) as refused:
        invitation.read_invitation(text)
    assert codes(refused) == ["invitation_unreadable"]


def test_an_invitation_is_signed_by_its_agglomeration() -> None:
    with pytest.raises(LocalError):
        invitation.write_invitation(INVITATION, key_of("a stranger"))


def test_an_answer_enrols_the_log_it_opens_once() -> None:
    charter = Charter(HOME)
    records = admission.admit_answer(charter, answer(), 1999)
    assert [kind for kind, _ in records] == [ENROL]
    written(charter, records)
    found = charter.enrolled(LOG.origin)
    assert found is not None and (found.identity, found.since) == (LOG, 1999)
    assert charter.nonce_used(INVITATION.nonce_digest)
    assert admission.admit_answer(charter, answer(), 5000) == [], "the same key again, even after it expired"


def test_an_invitation_serves_one_key() -> None:
    charter = written(Charter(HOME), admission.admit_answer(Charter(HOME), answer(), 1000))
    with pytest.raises(Refused) as refused:
        admission.admit_answer(charter, answer(identity_of(SAINT_DENIS, 2, "another"), "another"), 1000)
    assert codes(refused) == ["invitation_used"]


@pytest.mark.parametrize(
    ("given_answer", "now", "code"),
    [
        (answer(), 2000, "invitation_expired"),
        (answer(identity_of(STAINS), STAINS), 1000, "invitation_other_territory"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(given_answer: invitation.Answer, now: int, code: str) -> None:
    with pytest.raises(Refused) as refused:
        admission.admit_answer(Charter(HOME), given_answer, now)
    assert codes(refused) == [code]


def test_an_invitation_of_another_agglomeration_is_refused() -> None:
    """Anyone can sign an invitation with a key of their own; it names itself, and nobody here."""
    forged = replace(INVITATION, agglomeration=replace(HOME, key=key_of("a stranger").public))
    text = invitation.write_invitation(forged, key_of("a stranger"))
    with pytest.raises(Refused) as refused:
        admission.admit_answer(Charter(HOME), answer(text=text), 1000)
    assert codes(refused) == ["invitation_foreign"]


def test_a_territory_that_has_a_log_needs_a_person() -> None:
    charter = written(Charter(HOME), admission.admit_answer(Charter(HOME), answer(), 1000))
    again = invitation.write_invitation(replace(INVITATION, nonce=b"m" * 16), key_of(PLAINE))
    with pytest.raises(Refused) as refused:
        admission.admit_answer(charter, answer(identity_of(SAINT_DENIS, 2, "another"), "another", again), 1000)
    assert codes(refused) == ["invitation_territory_taken"]
    assert str(refused.value) == f"FR-93066 has a log already: {LOG.origin}"
    assert refused.value.hint == f"convergences charter end {LOG.origin} --why …"


@given(st.data())
def test_an_answer_with_a_bit_changed_is_refused(data: st.DataObject) -> None:
    whole = invitation.write_answer(TEXT, opened(LOG, SAINT_DENIS), key_of(SAINT_DENIS))
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(RemoteError):
        invitation.read_answer(bytes(changed))


@given(st.binary(max_size=400))
def test_an_answer_of_any_bytes_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteError):
        invitation.read_answer(data)


def test_an_answer_is_signed_by_the_key_that_the_log_names() -> None:
    """The opening is public once the log is: who copies it cannot answer with it."""
    copied = invitation.write_answer(TEXT, opened(LOG, SAINT_DENIS), key_of("a copyist"))
    with pytest.raises(RemoteError):
        invitation.read_answer(copied)


def test_an_invitation_fits_a_code_that_a_telephone_reads() -> None:
    """A QR code of alphanumerics holds 4,296; half of it still reads well on a screen."""
    assert len(TEXT) < 1000
    assert len(base64.b32decode(TEXT[5:].upper() + "=" * (-(len(TEXT) - 5) % 8))) < 500


# --- a new epoch ---

HEAD = Checkpoint(LOG.origin, 5, bytes(32))
NEW = identity_of(SAINT_DENIS, 2, SAINT_DENIS)


def enrolled() -> Charter:
    return written(Charter(HOME), admission.admit_answer(Charter(HOME), answer(), 1000))


def test_a_new_epoch_under_the_same_keys_that_leaves_nothing_out_is_enrolled_by_itself() -> None:
    charter = enrolled()
    records = admission.admit_epoch(charter, opening_of(NEW, HEAD), 1500, extends=True)
    assert [kind for kind, _ in records] == [END, ENROL]
    written(charter, records)
    assert charter.counts(SAINT_DENIS) == [(LOG.origin, 5), (NEW.origin, None)]
    assert admission.admit_epoch(charter, opening_of(NEW, HEAD), 1500, extends=True) == []


def test_a_half_written_admission_is_completed() -> None:
    records = admission.admit_epoch(enrolled(), opening_of(NEW, HEAD), 1500, extends=True)
    for first in records:
        charter = written(enrolled(), [first])
        rest = admission.admit_epoch(charter, opening_of(NEW, HEAD), 1500, extends=True)
        assert rest == [record for record in records if record != first]
        assert written(charter, rest).counts(SAINT_DENIS) == [(LOG.origin, 5), (NEW.origin, None)]


STOLEN = replace(NEW, recovery_key=key_of("a thief").public)
REKEYED = identity_of(SAINT_DENIS, 2, "a new card")


@pytest.mark.parametrize(
    ("opens", "extends", "code"),
    [
        (opening_of(NEW, HEAD), False, "epoch_does_not_extend"),
        (opening_of(NEW), True, "epoch_continues_nothing"),
        (opening_of(STOLEN, HEAD), True, "epoch_another_key"),
        (opening_of(REKEYED, HEAD), True, "epoch_another_key"),
        (
            opening_of(NEW, Checkpoint(identity_of(SAINT_DENIS, 9).origin, 5, bytes(32))),
            True,
            "epoch_continues_no_ongoing_log",
        ),
    ],
)
def test_all_other_epochs_wait_for_a_person(opens: opening.Opening, extends: bool, code: str) -> None:
    with pytest.raises(Refused) as refused:
        admission.admit_epoch(enrolled(), opens, 1500, extends=extends)
    assert codes(refused) == [code]
    assert opens.origin in str(refused.value)
    assert refused.value.hint


def test_an_epoch_of_a_log_that_ended_elsewhere_waits_for_a_person() -> None:
    charter = written(enrolled(), admission.admit_epoch(enrolled(), opening_of(NEW, HEAD), 1500, extends=True))
    second = identity_of(SAINT_DENIS, 3, SAINT_DENIS)
    with pytest.raises(Refused) as refused:
        admission.admit_epoch(charter, opening_of(second, HEAD), 1600, extends=True)
    assert codes(refused) == ["epoch_continues_no_ongoing_log"]


def test_the_recovery_key_of_a_town_speaks_for_it_with_a_new_key() -> None:
    charter = enrolled()
    sheet = key_of(f"{SAINT_DENIS} recovery")
    signed = recovery.author_end(sheet, HEAD, opening_of(REKEYED, HEAD), "card stolen", 1400)
    records = admission.admit_epoch(
        charter, opening_of(REKEYED, HEAD), 1500, extends=False, recovery_end=read_header(signed)
    )
    written(charter, records)
    assert charter.counts(SAINT_DENIS) == [(LOG.origin, 5), (REKEYED.origin, None)]
    assert LOG.key not in charter.allowed_keys()
    assert REKEYED.key in charter.allowed_keys()


def test_no_other_key_passes_for_the_recovery_key() -> None:
    for signer, successor in (("a thief", REKEYED), (f"{SAINT_DENIS} recovery", NEW)):
        signed = recovery.author_end(key_of(signer), HEAD, opening_of(successor, HEAD), "card stolen", 1400)
        with pytest.raises(Refused) as refused:
            admission.admit_epoch(
                enrolled(), opening_of(REKEYED, HEAD), 1500, extends=True, recovery_end=read_header(signed)
            )
        assert codes(refused) == ["epoch_wrong_recovery"]
