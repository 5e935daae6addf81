# SPDX-License-Identifier: AGPL-3.0-or-later
"""Errors that an operator's question can meet, and how they cross the control socket as data.

The kinds of `convergences_protocol.errors` keep their meaning; three are added here: what was asked for is not there,
an edit that began from a state which is no longer current, and a node that can write nothing for now. The code of each
is what the command line turns into an exit code.
"""

from __future__ import annotations

from typing import Any

from convergences_protocol.errors import ConvergencesError, Fault, LocalError, Refused, RemoteError, Unreadable


class NotFound(LocalError):  # noqa: N818 - as in the sentence that tells it
    """What was named is not in this node's archive."""


class NotNow(LocalError):  # noqa: N818 - as in the sentence that tells it
    """This node can write nothing for now, whatever it is asked: who asks comes back."""


class Conflict(LocalError):  # noqa: N818 - as in the sentence that tells it
    """The element changed since it was read: `current` and `given` are header digests in hex (`None`: none yet)."""

    def __init__(self, message: str, *, current: str | None, given: str | None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.current = current
        self.given = given


def why_of(error: BaseException) -> str:
    """Why something failed: the system's own sentence without numbers and paths (strerror(3)), where it is one of its
    errors."""
    return getattr(error, "strerror", None) or words_of(error)


def words_of(error: BaseException) -> str:
    """What an error says; its kind where it says nothing, as a timeout does."""
    return str(error) or type(error).__name__


def error_to_json(error: ConvergencesError | Unreadable) -> dict[str, Any]:
    """`{code, message, hint, …}`, from which `error_from_json` makes the same error again."""
    data: dict[str, Any] = {"code": code_of(error), "message": str(error), "hint": getattr(error, "hint", None)}
    if isinstance(error, Refused):
        data["faults"] = [fault_to_json(fault) for fault in error.faults]
    elif error.fault is not None:
        data["fault"] = fault_to_json(error.fault)
    if isinstance(error, Conflict):
        data |= {"current": error.current, "given": error.given}
    return data


def reason_of(error: ConvergencesError) -> dict[str, Any]:
    """`{reason, fault}`: why something failed, to be noted and told later; `fault` is what its sentence is made of in
    any language (`fault_sentences.reason_sentence`), None where the error has no code."""
    fault = next(iter(error.faults), None) if isinstance(error, Refused) else error.fault
    return {"reason": str(error), "fault": fault_to_json(fault) if fault is not None else None}


def fault_to_json(fault: Fault) -> dict[str, Any]:
    """`{path, code, params}`; its sentence is chosen where it is shown."""
    return {"path": fault.path, "code": fault.code, "params": dict(fault.params)}


def fault_from_json(data: dict[str, Any]) -> Fault:
    """The fault that the other side found."""
    return Fault(data["path"], data["code"], data["params"])


def error_from_json(data: dict[str, Any]) -> ConvergencesError | Unreadable:
    """The error that the other side raised."""
    code, message, hint = data["code"], str(data["message"]), data.get("hint")
    if code == "refused":
        return Refused([fault_from_json(fault) for fault in data["faults"]], message, hint=hint)
    fault = fault_from_json(data["fault"]) if data.get("fault") else None
    if code == "conflict":
        return Conflict(message, current=data["current"], given=data["given"], hint=hint)
    if code == "unreadable":
        return Unreadable(message)
    kinds: dict[str, type[ConvergencesError]] = {"not found": NotFound, "remote": RemoteError}
    return kinds.get(code, LocalError)(message, hint=hint, fault=fault)


def code_of(error: BaseException) -> str:
    """`refused`, `conflict`, `not found`, `unreadable`, `remote` or `local`."""
    for kind, code in (
        (Refused, "refused"),
        (Conflict, "conflict"),
        (NotFound, "not found"),
        (Unreadable, "unreadable"),
        (RemoteError, "remote"),
    ):
        if isinstance(error, kind):
            return code
    return "local"
