# SPDX-License-Identifier: AGPL-3.0-or-later
"""When things go wrong: who misbehaved decides the class, and the class decides the treatment.

`LocalError`: our own code used a function badly, or the node cannot do what it was asked; nobody outside is to blame.
`RemoteError`: a peer misbehaved; the node drops it and remembers.
`Unreadable`: an author's record cannot be projected; it is kept, proved and relayed all the same, for a newer program.
`Refused`: a person's input has faults; all of them are listed, so that a form can show every one at once.

A message names what was being done, with what, and what was found, in lower case and without a full stop: it is for
logs, and for whoever reads English. `fault` says the same as a code with values, where a person is often told it, so
that the sentence can be in their language. `hint` is the next step, when there is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in what a person gave: where (`themes.2`), what (a code), and with which values.

    The sentence is chosen where it is shown, in the reader's language.
    """

    path: str
    code: str
    params: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        values = ", ".join(f"{name} {value}" for name, value in self.params.items())
        return f"{self.path}: {self.code}" + (f" ({values})" if values else "")


class ConvergencesError(Exception):
    """The root of every error this project raises on purpose."""

    def __init__(self, message: str = "", *, hint: str | None = None, fault: Fault | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.fault = fault


class LocalError(ConvergencesError):
    """We called something with what it cannot take, or found our own house in disorder."""


class RemoteError(ConvergencesError):
    """A peer sent what no honest peer sends: a false proof, a body that does not match, a frame too long."""


class Unreadable(ConvergencesError, ValueError):  # noqa: N818 -- says what the record is
    """A record, or bytes claimed to be one, that the strict door does not let through; `reason` says why."""

    def __init__(self, reason: str, *, hint: str | None = None) -> None:
        super().__init__(reason, hint=hint)
        self.reason = reason


class Refused(ConvergencesError):  # noqa: N818 -- says what happened to the input
    """What a person gave cannot be accepted; `faults` lists everything that is wrong with it."""

    def __init__(self, faults: Sequence[Fault], message: str = "", *, hint: str | None = None) -> None:
        super().__init__(message or "; ".join(str(fault) for fault in faults), hint=hint)
        self.faults = list(faults)
