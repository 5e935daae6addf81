# SPDX-License-Identifier: AGPL-3.0-or-later
"""`python -m tests.simulation --seeds N [--first S | --new]`: run seeds on all cores, say which failed, and how fast.

`--new` begins at a seed that the present commit decides: each commit tries others, and the line that is printed says
which, so that any failure can be run again on its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import traceback
from collections import Counter
from multiprocessing import Pool
from pathlib import Path

from .run import Result, run
from .world import TOWNS

WRONGS_SHOWN = 3
"""Of one failing seed: the first divergence, and what came with it."""
NEW_FROM = 100_000
"""New seeds begin beyond those that every test run tries."""


def main() -> int:
    """Exit status 1 if a seed failed, or if fewer were run than were asked for."""
    chosen = _arguments()
    first = _new_seed() if chosen.new else chosen.first
    print(f"seeds {first} to {first + chosen.seeds - 1}", flush=True)
    jobs = [(seed, chosen.towns, True if chosen.real else None) for seed in range(first, first + chosen.seeds)]
    began = time.perf_counter()
    done = failed = 0
    counts: Counter[str] = Counter()
    with Pool(chosen.jobs) as pool:
        for result in pool.imap(_run, jobs, chunksize=4):
            done += 1
            failed += bool(result.wrongs)
            counts.update(result.counts)
            _report(result, digests=chosen.digests)
            if time.perf_counter() - began > chosen.minutes * 60:
                break
    seconds = time.perf_counter() - began
    if done < chosen.seeds:
        print(f"time is up: {done} of {chosen.seeds} seeds were run in {chosen.minutes:g} minutes, which is too few")
    print(f"{done} seeds, {failed} failed, {done / seconds:.1f} seeds/s with {chosen.jobs} processes")
    print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    return 1 if failed or done < chosen.seeds else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one")
    parser.add_argument("--new", action="store_true", help="begin at a seed that the commit decides")
    parser.add_argument("--minutes", type=float, default=1e6, help="stop after so long")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--towns", type=int, default=TOWNS, help="towns in each cluster")
    parser.add_argument("--real", action="store_true", help="real signatures in every seed")
    parser.add_argument("--digests", action="store_true", help="print each seed's trace digest")
    return parser.parse_args()


def _new_seed() -> int:
    """From the commit; where there is none, as in an unpacked release, from the day."""
    command = ["git", "rev-parse", "HEAD"]
    asked = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    number = int(asked.stdout[:8], 16) if asked.returncode == 0 else int(time.time() // 86_400) * 10_000
    return NEW_FROM + number


def _run(job: tuple[int, int, bool | None]) -> Result:
    seed, towns, real = job
    try:
        return run(seed, towns=towns, real=real)
    except Exception as error:
        return Result(seed, "", 0, 0.0, {"exceptions": 1}, tuple(traceback.format_exception(error)[-3:]))


def _report(result: Result, *, digests: bool) -> None:
    if digests:
        print(result.seed, result.digest)
    for wrong in result.wrongs[:WRONGS_SHOWN]:
        print(f"seed {result.seed}: {wrong}")
    if result.wrongs:
        print(f"again: .venv/bin/python -m tests.simulation --seeds 1 --first {result.seed}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
