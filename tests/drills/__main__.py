# SPDX-License-Identifier: AGPL-3.0-or-later
"""`python -m tests.drills --cuts 1000`: the power cut drill at length. Exits with 1 if anything told was lost."""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import sys
import time

from .power import Drill, drill, recordings_for


def main() -> int:
    """Run it, and say how many cuts, during what, and what was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("--cuts", type=int, default=1000, help="cuts in all (default 1000)")
    parser.add_argument("--seed", type=int, default=1, help="of the dice (default 1)")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began = time.monotonic()

    def tell(done: Drill) -> None:
        if done.cuts % 50 == 0:
            print(f"{done.cuts} cuts, {len(done.wrong)} wrong, {time.monotonic() - began:.0f} s", file=sys.stderr)

    done = asyncio.run(drill(asked.cuts, asked.seed, recordings_for(asked.cuts), tell))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{done.cuts} cuts, {done.kills} of them SIGKILL, {used.ru_utime + used.ru_stime:.0f} s of CPU")
    print("during: " + ", ".join(f"{count} {what}" for what, count in sorted(done.acts.items())))
    for line in done.wrong:
        print(f"WRONG {line}")
    return 1 if done.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
