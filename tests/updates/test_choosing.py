# SPDX-License-Identifier: AGPL-3.0-or-later
"""A release that is there and may not be installed is never said to be absent: what is wrong, where, what next."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from convergences_cli.main import run
from convergences_node.updates.choosing import Found, choose, judged, refusal
from convergences_node.updates.finding import Offer, offers
from convergences_node.updates.places import installed
from convergences_protocol.errors import ConvergencesError, LocalError
from convergences_protocol.release import open_release

from .pretending import NEW, OLD, STRANGER, put_release, put_system, release_of

OPEN = Path("/proc/self/fd")
"""What this process has open (proc(5))."""


def code(error: ConvergencesError) -> str:
    assert error.fault is not None, error
    return error.fault.code


def refused(found: Found, version: str | None = None) -> ConvergencesError:
    with pytest.raises(ConvergencesError) as error:
        choose(found, version, installed())
    return error.value


def on_sticks() -> Found:
    return Found(offers(None, installed()))


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "fr_FR.UTF-8",
            f"erreur : {{path}} : La version {NEW} n’est signée par aucune des clés que ce nœud connaît : elle n’est "
            "pas installée.\npiste : demandez-la à qui publie Convergences, ou à votre agglomération ; n’installez pas "
            "celle-ci d’une autre façon\n",
        ),
        (
            "en_GB.UTF-8",
            f"error: {{path}}: Version {NEW} is signed by none of the keys that this node knows: it is not "
            "installed.\nhint: ask those who publish Convergences for it, or your agglomeration; do not install this "
            "one in another way\n",
        ),
    ],
)
def test_a_stranger_s_release_is_said_to_be_there(
    system: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    language: str,
    said: str,
) -> None:
    """Asked for by its number, or as the only one; typed at the terminal, in the reader's language."""
    monkeypatch.setenv("LC_ALL", language)
    node = str(tmp_path / "node")
    assert run(["init", "93066", "--folder", node]) == 0
    path = put_release(system / "media/anne/STICK", key=STRANGER)
    for more in (["--version", NEW], [], [str(path.parent)], [str(path), "--version", NEW]):
        capsys.readouterr()
        assert run(["update", "stage", *more, "--folder", node]) == 5
        assert capsys.readouterr().err.replace("\u00a0", " ") == said.format(path=path), more
    assert not (tmp_path / "node/update").exists()


def test_a_stick_that_gives_nothing_back_hides_no_other(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worn one, in two places where sticks are mounted; what is asked for there is not there."""
    good = put_release(system / "media/anne/good")
    dead = system / "media/anne/dead", system / "media/dead"
    for each in dead:
        put_release(each)
    for name in ("stat", "scandir", "listdir"):
        monkeypatch.setattr(os, name, _failing_below(dead, getattr(os, name)))
    assert [each.where for each in offers(None, installed())] == [good]
    for each in (*dead, dead[0] / good.name):
        with pytest.raises(LocalError) as error:
            offers(each, installed())
        assert code(error.value) == "stick_absent"


def _failing_below(dead: Sequence[Path], real: Callable[..., Any]) -> Callable[..., Any]:
    def failing(path: Any, *args: Any, **named: Any) -> Any:
        if isinstance(path, str | Path) and any(Path(path).is_relative_to(each) for each in dead):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, *args, **named)

    return failing


def test_folders_under_such_names_leave_nothing_open(system: Path) -> None:
    """A stick with many of them would use up what a process may open; and one that is held is not let go of."""
    put_release(system / "media/good")
    for number in range(20):
        (system / "media/good" / f"convergences-7.7.{number}.release").mkdir()
    before = len(list(OPEN.iterdir()))
    assert len(offers(None, installed())) == 21
    assert len(list(OPEN.iterdir())) == before


def test_a_pipe_on_a_stick_keeps_nobody_waiting(system: Path) -> None:
    """Each look at the sticks would have kept a thread of the node for ever."""
    good = put_release(system / "media/good")
    os.mkfifo(system / "media/good" / "convergences-7.7.7.release")
    (pipe,) = (each for each in offers(None, installed()) if each.where != good)
    assert pipe.release is None and pipe.claims("7.7.7")


def test_one_that_may_be_installed_goes_before(system: Path) -> None:
    """A stranger's copy of the same version on another stick changes nothing, wherever it stands in the list."""
    put_release(system / "media/a", key=STRANGER)
    good = put_release(system / "media/b")
    put_release(system / "media/c", release_of("0.9.9"), key=STRANGER)
    for version in (NEW, None):
        assert choose(on_sticks(), version, installed())[0].where == good
    put_release(system / "media/d", release_of("0.3.0"))
    assert choose(on_sticks(), NEW, installed())[0].where == good


def test_each_reason_says_where(system: Path) -> None:
    """Also of a file that holds nothing of the kind, asked for by the number in its name, and of an old version."""
    path = system / "mnt/convergences-9.9.9.release"
    path.parent.mkdir(parents=True)
    path.write_text("install me\n")
    for version in (None, "9.9.9"):
        error = refused(on_sticks(), version)
        assert error.fault is not None and error.fault.code == "update_refused_at"
        assert error.fault.params == {"code": "release_unreadable", "where": str(path)}
    older = put_release(system / "media/old", release_of(OLD))
    error = refused(on_sticks(), OLD)
    assert error.fault is not None and error.fault.params["code"] == "update_not_newer"
    assert error.fault.params["where"] == str(older)


def test_a_package_that_knows_no_key_says_that_it_is_not_the_file_s_fault(system: Path) -> None:
    put_release(system / "mnt")
    put_system(system, keys=False)
    error = refused(on_sticks())
    assert error.fault is not None and error.fault.params["code"] == "update_no_keys"


def test_what_an_agglomeration_offers_is_called_so(system: Path) -> None:
    data = put_release(system / "elsewhere", key=STRANGER).read_bytes()
    with pytest.raises(ConvergencesError) as unsigned:
        open_release(data, installed().keys)
    offer = Offer(Path("/update/release"), data, None, unsigned.value, from_peer=True)
    assert code(refused(Found([offer]), NEW)) == code(refusal(offer, installed())) == "update_refused_offered"
    assert judged(offer, installed())[0] is None


def test_what_is_absent_is_said_to_be_absent(system: Path) -> None:
    """And what is there instead; and that nobody knows what the agglomeration would have offered."""
    assert code(refused(Found([]))) == "update_none"
    assert code(refused(Found([], where=system))) == "update_none_at"
    assert code(refused(Found([], unreachable="it sleeps"))) == "update_none_reached"
    put_release(system / "mnt")
    put_release(system / "media/x", release_of("0.3.0"))
    error = refused(on_sticks(), "7.7.7")
    assert error.fault is not None and error.fault.code == "update_other_version"
    assert error.fault.params["others"] == f"{NEW}, 0.3.0"
