# SPDX-License-Identifier: AGPL-3.0-or-later
"""The simulation in the test run: a hundred seeds, those that once failed, and the sameness of two runs.

CI runs two thousand besides: `make seeds`; `make new-seeds` tries others at each commit.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .run import run

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("SIMULATION_SEEDS", "100"))
"""How many seeds a test run tries."""
CHUNK = 10


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_when_the_faults_stop_all_agree(first: int) -> None:
    """Every honest node holds each author's undisputed log byte for byte and shows the same; nothing is lost."""
    for seed in range(first, min(first + CHUNK, SEEDS)):
        result = run(seed)
        assert not result.wrongs, f"seed {seed}: {result.wrongs[:5]}"


@pytest.mark.parametrize(
    ("seed", "was"),
    [
        pytest.param(seed, was, id=was.replace(" ", "_"))
        for seed, was in [
            (50, "a copy of the losing branch forgot who could rewind it"),
            (105, "a fork compared with itself made a liar of an honest peer"),
            (106, "a restored author banned its agglomeration"),
            (147, "a divided copy waited for a claim that it had dropped"),
            (156, "a false verdict cost acknowledged records"),
            (255, "a town merged while its clone was enrolled"),
            (51, "a body was counted twice on its way to the card"),
            (1120, "a charter went on counting what had been rewound"),
            (2053, "a merged town with an old card never took its tail back"),
            (2115, "an agglomeration let its own branch stand and lost the others"),
            (3322, "a town merged before it had brought its own along"),
            (272, "a clone was switched on after the faults had stopped"),
            (118, "a town wrote on in a log that the charter had passed over"),
            (392, "an erasure heard again after a restore was counted from before"),
            (5012, "a town and its agglomeration were put back, and a third had more"),
            (5102, "a town merged before its other branch was set aside"),
            (5207, "a holder that was put back had to be asked again"),
            (6078, "a town forgot an epoch of its own"),
            (6439, "one holder never had what another was asked to forget"),
            (1551373753, "an agglomeration went on asking for the rest of a history that nobody had"),
            (3002084, "a proof of two heads of one size named the wrong one of their roots"),
            (8000672, "an heir that cosigned before it was enrolled was taken for a liar"),
            (1551373617, "a log that its town left before anybody enrolled it counted nowhere"),
            (1551374996, "a record beyond an end was two steps away from the town that wrote it"),
            (5000548, "an erasure by number named one record here and another there, where a log had two histories"),
            (1551374470, "a town that was handing itself over left a branch of its own behind"),
        ]
    ],
)
def test_what_once_failed_holds(seed: int, was: str) -> None:
    """Seeds that found a fault. What they do may drift as the simulation grows; they are cheap to keep."""
    result = run(seed)
    assert not result.wrongs, was


def test_the_same_seed_is_the_same_run_whatever_python_hashes() -> None:
    """Two processes with different hash seeds leave the same trace: nothing loops over a set unsorted."""
    traces = {_trace("0"), _trace("4242")}
    assert len(traces) == 1


def _trace(hash_seed: str) -> str:
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "6", "--first", "40", "--jobs", "1", "--digests"]
    environment = _environment(hash_seed)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True)
    return "\n".join(line for line in done.stdout.splitlines() if "seeds/s" not in line)


def _environment(hash_seed: str) -> dict[str, str]:
    path = os.pathsep.join(str(ROOT / floor) for floor in (".", "protocol"))
    return {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}


def test_a_run_that_ends_early_is_a_failure() -> None:
    """Fewer seeds than were asked for prove less than was asked: it is said, with how many, and the status is not 0."""
    command = [
        sys.executable,
        "-m",
        "tests.simulation",
        "--seeds",
        "50",
        "--towns",
        "3",
        "--jobs",
        "1",
        "--minutes",
        "0",
    ]
    done = subprocess.run(command, cwd=ROOT, env=_environment("0"), capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and "1 of 50 seeds were run" in done.stdout
