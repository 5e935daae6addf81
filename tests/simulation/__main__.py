# SPDX-License-Identifier: AGPL-3.0-or-later
"""`python -m tests.simulation --seeds N [--first S]`: run seeds on all cores, say which failed, and how fast."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections import Counter
from multiprocessing import Pool

from .run import Result, run
from .world import TOWNS


def main() -> int:
    """Exit status 1 if a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--towns", type=int, default=TOWNS, help="towns in each cluster")
    parser.add_argument("--real", action="store_true", help="real signatures in every seed")
    parser.add_argument("--digests", action="store_true", help="print each seed's trace digest")
    chosen = parser.parse_args()
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    jobs = [(seed, chosen.towns, True if chosen.real else None) for seed in seeds]
    began = time.perf_counter()
    failed = 0
    counts: Counter[str] = Counter()
    with Pool(chosen.jobs) as pool:
        for result in pool.imap(_run, jobs, chunksize=4):
            failed += bool(result.wrongs)
            counts.update(result.counts)
            _report(result, digests=chosen.digests)
    seconds = time.perf_counter() - began
    print(f"{chosen.seeds} seeds, {failed} failed, {chosen.seeds / seconds:.1f} seeds/s with {chosen.jobs} processes")
    print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    return 1 if failed else 0


def _run(job: tuple[int, int, bool | None]) -> Result:
    seed, towns, real = job
    try:
        return run(seed, towns=towns, real=real)
    except Exception as error:
        return Result(seed, "", 0, 0.0, {"exceptions": 1}, tuple(traceback.format_exception(error)[-3:]))


def _report(result: Result, *, digests: bool) -> None:
    if digests:
        print(result.seed, result.digest)
    for wrong in result.wrongs[:5]:
        print(f"seed {result.seed}: {wrong}")


if __name__ == "__main__":
    sys.exit(main())
