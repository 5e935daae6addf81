# SPDX-License-Identifier: AGPL-3.0-or-later
"""The power cut drill: a node is recorded at work and killed; then its plug is pulled at moments that dice choose.

Each recording ends with a SIGKILL, and what the kernel keeps then is judged first. Every other cut is at a place
between two writes, with a disk that has forgotten what dice say of what was not synced (disk.py).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from .disk import Disk, Op, ops
from .judge import Told, judge

SOURCE = Path(__file__).with_name("recorder.c")
ACTS_MAX = 60
"""Things done in one recording before it is killed: more cuts of a young archive teach more than few of an old one."""
RECORDING_S_MAX = 120.0
ROOM_BYTES = 1 << 30
"""A recording with its images takes a tenth of this."""


@dataclass
class Drill:
    """What was cut, and what was wrong."""

    kills: int = 0
    cuts: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def compiler() -> str | None:
    """A C compiler, without which nothing can be recorded."""
    return shutil.which("cc") or shutil.which("gcc")


async def drill(cuts: int, seed: int, recordings: int, tell: Callable[[Drill], None] = lambda drill: None) -> Drill:
    """So many cuts in all, spread over the recordings, each of them killed once."""
    done, dice = Drill(), Random(seed)
    with tempfile.TemporaryDirectory(prefix="convergences-drill-", dir=_memory()) as scratch:
        library = compiled(Path(scratch))
        for number in range(recordings):
            place = Path(scratch, str(number))
            recorded = _record(place, library, dice)
            share = (cuts - done.cuts) // (recordings - number)
            await _kill(done, place, recorded, seed)
            await _cut(done, place, recorded, share - 1, dice, tell)
            shutil.rmtree(place)
    return done


def _memory() -> str | None:
    """A folder in memory with room, if there is one: what is sure is worked out here, no disk need be waited for."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free >= ROOM_BYTES
    return str(memory) if roomy else None


def compiled(folder: Path) -> Path:
    """The recorder, as a library to be loaded before others (LD_PRELOAD)."""
    name = compiler()
    assert name is not None, "there is no C compiler here"
    library = folder / "recorder.so"
    subprocess.run(
        [name, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(SOURCE), "-ldl", "-lpthread"], check=True
    )
    return library


@dataclass(frozen=True, slots=True)
class Recording:
    """What a node did until it was killed."""

    root: Path
    ops: list[Op]
    began: int
    """The first moment at which somebody had been told that there is a node."""


def _record(place: Path, library: Path, dice: Random) -> Recording:
    root, log = place / "root", place / "log"
    root.mkdir(parents=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "RECORD_ROOT": str(root),
        "RECORD_LOG": str(log),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
    }
    command = [sys.executable, "-m", "tests.drills.workload", str(root), str(dice.randrange(1 << 30))]
    with (place / "errors").open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment)
    assert process.stdout is not None
    deadline = time.monotonic() + RECORDING_S_MAX
    for _ in range(ACTS_MAX):
        if not process.stdout.readline() or time.monotonic() > deadline:
            break
    time.sleep(dice.random() * 0.05)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL, (place / "errors").read_text("utf-8", errors="replace")[-2000:]
    recorded = list(ops(log))
    began = next(at for at, op in enumerate(recorded) if op.kind == "A") + 1
    return Recording(root, recorded, began)


async def _kill(done: Drill, place: Path, recorded: Recording, seed: int) -> None:
    """What a killed process leaves: all that it wrote."""
    disk = Disk()
    for op in recorded.ops:
        disk.do(op)
    await _judge(done, recorded.root, disk, f"SIGKILL, seed {seed}, recording {place.name}")
    done.kills += 1
    done.acts += Told.of(disk.acknowledged).acts


async def _cut(
    done: Drill, place: Path, recorded: Recording, count: int, dice: Random, tell: Callable[[Drill], None]
) -> None:
    disk, position = Disk(), 0
    for moment in sorted(dice.randrange(recorded.began, len(recorded.ops)) for _ in range(count)):
        for op in recorded.ops[position:moment]:
            disk.do(op)
        position = moment
        image = place / "image"
        disk.cut(recorded.root, image, dice)
        await _judge(done, image, disk, f"cut before {moment}: {_named(recorded.ops[moment])}")
        shutil.rmtree(image)
        tell(done)


async def _judge(done: Drill, root: Path, disk: Disk, what: str) -> None:
    told = Told.of(disk.acknowledged)
    done.cuts += 1
    try:
        # The program that starts again may be the next one already: it knows one migration more.
        await judge(root, told, told.steps + 1)
    except AssertionError as error:
        done.wrong.append(f"{what}: {error}; done before: {json.dumps(dict(told.acts))}")


def _named(op: Op) -> str:
    return f"{op.kind} {Path(op.path).name} {op.offset} {len(op.data)}"


def recordings_for(cuts: int) -> int:
    """How many recordings are worth so many cuts."""
    return max(1, min(cuts // 40, 25))
