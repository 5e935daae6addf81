# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an agglomeration writes into its charter by itself, when a town knocks; all else waits for a person.

Two things need nobody: an invitation that is answered in time, and a new epoch that continues a log which the charter
names, under the same keys, without leaving out anything that the agglomeration holds. A town's recovery key counts as
a person's word. The functions say which control records to append, in order and in one go; those that stand already
are left out, so that asking again after a pulled plug completes the work.
"""

from .charter import Charter
from .enrolment import END, ENROL, End, Enrolment, read_end
from .errors import Fault, Refused
from .header import Header
from .invitation import Answer, refused
from .opening import Opening

Control = tuple[str, dict[str, object]]
"""The kind of a control record and its content."""

_REASONS = {
    "another_key": "its keys are not those of the log that it continues",
    "continues_nothing": "it names no log that it continues",
    "continues_no_ongoing_log": "the log that it continues is not in the charter, has ended, or is disputed",
    "wrong_recovery": "the end beside it is not the recovery key's, or names another log",
    "does_not_extend": "it leaves out records that are kept here",
}


def admit_answer(charter: Charter, answer: Answer, now: int) -> list[Control]:
    """The enrolment for an answered invitation; nothing if this key has used it already. Refused otherwise."""
    invitation, opening = answer.invitation, answer.opening
    if invitation.agglomeration not in charter.chain:
        raise refused("foreign", origin=invitation.agglomeration.origin)
    used = charter.nonce_used(invitation.nonce_digest)
    if used:
        if used.key == opening.key:
            return []
        raise refused("used", origin=used.origin)
    if opening.territory != invitation.territory:
        raise refused("other_territory", territory=opening.territory, invited=invitation.territory)
    if now >= invitation.expires:
        raise refused("expired", expires=invitation.expires, now=now)
    ongoing = charter.ongoing(opening.territory)
    if ongoing and ongoing.origin != opening.origin:
        hint = f"convergences charter end {ongoing.origin} --why …"
        raise refused("territory_taken", hint, territory=opening.territory, origin=ongoing.origin)
    if charter.enrolled(opening.origin):
        raise refused("log_known", origin=opening.origin)
    return [_enrol(opening, now, invitation.nonce_digest)]


def admit_epoch(
    charter: Charter, opening: Opening, now: int, *, extends: bool, recovery_end: Header | None = None
) -> list[Control]:
    """`end` and `enrol` for a log that continues one which the charter names. Refused if a person has to decide.

    `extends`: the agglomeration's own copy of the old log is a part of the tree that `opening.previous` is the head of.
    `recovery_end`: an `end` of the old log that was found beside the opening, its signature checked.
    """
    known = charter.enrolled(opening.origin)
    if known and known.identity != opening.identity:
        raise _for_a_person("another_key", opening)
    end = _end_of_old(charter, opening, extends, recovery_end)
    old = charter.enrolled(end.last.origin)
    records: list[Control] = []
    if old and (old.end is None or old.end.successor != opening.origin):
        records.append((END, end.content()))
    if known is None or known.presumed:
        records.append(_enrol(opening, now))
    return records


def _end_of_old(charter: Charter, opening: Opening, extends: bool, recovery_end: Header | None) -> End:
    if opening.previous is None:
        raise _for_a_person("continues_nothing", opening)
    old = charter.enrolled(opening.previous.origin)
    if old is None or old.disputed or (old.end and old.end.successor != opening.origin):
        raise _for_a_person("continues_no_ongoing_log", opening)
    if recovery_end is not None:
        end = read_end(recovery_end)
        signed = recovery_end.author == old.identity.recovery_key and end.last.origin == old.origin
        if not signed or (end.successor, end.successor_key) != (opening.origin, opening.key):
            raise _for_a_person("wrong_recovery", opening)
        return End(end.last, end.successor, end.why)
    if (opening.key, opening.recovery_key) != (old.identity.key, old.identity.recovery_key):
        raise _for_a_person("another_key", opening)
    if not extends:
        raise _for_a_person("does_not_extend", opening)
    return End(opening.previous, opening.origin, "epoch")


def _enrol(opening: Opening, now: int, nonce_digest: bytes | None = None) -> Control:
    enrolment = Enrolment(opening.origin, opening.key, opening.recovery_key, now, nonce_digest)
    return ENROL, enrolment.content()


def _for_a_person(code: str, opening: Opening) -> Refused:
    fault = Fault("epoch", f"epoch_{code}", {"origin": opening.origin, "territory": opening.territory})
    message = f"{opening.origin} is not enrolled by itself: {_REASONS[code]}"
    return Refused([fault], message, hint="convergences charter show")
