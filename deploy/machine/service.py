# SPDX-License-Identifier: AGPL-3.0-or-later
"""The service as systemd runs it: its sandbox, its watchdog, its memory, and what it writes when nothing happens."""

from __future__ import annotations

import json
import re
import time
from itertools import pairwise
from pathlib import Path

from drilled import CGROUP, FOLDER, MIB, SERVICE, Drill

EXPOSURE_MAX = 1.5
WATCHDOG_S = 180
FED_WITHIN_S = 90
ROWS = 3_000
"""Of the table that is imported. More is a matter of patience: an emulated machine takes in some tens a second."""
MEMORY_MIB_MAX, MEMORY_AT_REST_MIB_MAX = 400, 140
SETTLE_S = 420
"""Longer than a new index takes to be merged, and than the pause between two small writes."""
REST_S = 600
"""A whole period of what a node does by the clock (`clockwork.COSIGN_EVERY_S`)."""
OWN_KIB_A_MINUTE_MAX = 64
PEEK_S = 2.0
TRIES, LONGER = 6, 3
"""After five pauses the last is eight times the first, less what an emulated machine takes for each start."""
TRIES_WITHIN_S = 900


def sandbox(drill: Drill) -> None:
    """The unit runs as it is written: user, sandbox, notification"""
    machine = drill.machine
    said = machine.tell(f"systemd-analyze security --no-pager {SERVICE} | tail -1")
    found = re.search(r"(\d+\.\d+)", said)
    drill.expect(found, f"systemd has an opinion: {said}")
    assert found is not None
    drill.at_most("systemd-analyze security", float(found[1]), EXPOSURE_MAX, "of 10")
    known = machine.properties(SERVICE, "ActiveState", "User", "WatchdogUSec", "StatusText", "Result", "MainPID")
    drill.expect((known["ActiveState"], known["User"]) == ("active", "convergences"), "it is active, as its own user")
    owners = machine.tell(f"find {FOLDER} ! -user convergences | head -3")
    drill.expect(not owners, "everything in its folder is its own")
    drill.expect(machine.run(f"test $(stat -c %a {FOLDER}) = 700").code == 0, "nobody else reads its folder")
    denied = machine.run("journalctl -b --no-pager -u convergences | grep -i 'denied\\|not permitted\\|Traceback'")
    drill.expect(denied.code, f"the sandbox has refused it nothing{denied.text[:600]}")


def archive_of_a_town(drill: Drill) -> None:
    """A table of associations is imported and the index made again, within the memory of the unit"""
    machine = drill.machine
    machine.tell(
        f"install -d -o convergences {FOLDER}/tables; python3 -c {_quoted(_TABLE)} {ROWS} >{FOLDER}/tables/t.csv"
    )
    began = time.monotonic()
    with Peak(drill) as peak:
        answer = json.loads(drill.node(f"import {FOLDER}/tables/t.csv --kind actor --json", 3_600))
    taken = time.monotonic() - began
    machine.tell(f"rm -r {FOLDER}/tables")
    before, drill.size = drill.size, drill.status()["log"]["size"]
    drill.expect(drill.size >= before + ROWS, f"{ROWS} rows are in the log: {str(answer)[:120]}")
    drill.note("import", f"{ROWS / taken:.0f} rows a second, emulated")
    drill.at_most("resident while it imports", peak.resident, MEMORY_MIB_MAX, "MiB")
    with Peak(drill) as peak:
        drill.node("reindex", 3_600)
    drill.at_most("resident while it makes its index again", peak.resident, MEMORY_MIB_MAX, "MiB")
    drill.at_most("the unit's own memory, not the card's cache, at most", peak.anonymous, MEMORY_MIB_MAX, "MiB")
    drill.note("charged to the unit at most, cache of the card included", f"{drill.memory()['peak']:.0f} MiB")
    drill.expect(_oom_kills(drill) == 0, "nothing was killed for want of memory")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_TABLE = """
import sys
print("id,name,type,description")
for n in range(int(sys.argv[1])):
    print(f"{n},Association {n} des riverains,association,Entraide et culture dans le quartier {n % 97}")
"""


def _oom_kills(drill: Drill) -> int:
    return int(drill.machine.tell(f"awk '/^oom_kill / {{print $2}}' {CGROUP}/memory.events"))


class Peak:
    """The most that the node's processes hold together while something is done: written down in the machine itself."""

    def __init__(self, drill: Drill) -> None:
        self._drill = drill
        self.resident = self.anonymous = 0.0

    def __enter__(self) -> Peak:
        self._drill.machine.tell(f"rm -f /run/peak; systemd-run --quiet --unit=peak sh -c {_quoted(_WATCH)}")
        return self

    def __exit__(self, *_: object) -> None:
        text = self._drill.machine.tell(
            "systemctl stop peak; sort -n /run/peak-resident | tail -1; sort -n /run/peak-anon | tail -1"
        )
        resident, anonymous = text.split()
        self.resident, self.anonymous = float(resident) / 1024, float(anonymous) / MIB


_WATCH = f"""
: >/run/peak-resident; : >/run/peak-anon
while sleep {PEEK_S}; do
    t=0
    for p in $(cat {CGROUP}/cgroup.procs); do
        r=$(awk '/^VmRSS/ {{print $2}}' /proc/$p/status); t=$((t + ${{r:-0}}))
    done
    echo $t >>/run/peak-resident
    awk '/^anon / {{print $2}}' {CGROUP}/memory.stat >>/run/peak-anon
done
"""


def at_rest(drill: Drill) -> None:
    """Nothing happens: what it holds, and what the whole machine writes to its card"""
    machine = drill.machine
    machine.tell("sync")
    time.sleep(SETTLE_S)
    machine.tell("touch /run/at-rest")
    operations, count = machine.written()
    own, commits = _own_writes(drill), _commits(drill)
    time.sleep(REST_S)
    operations, count = (now - before for now, before in zip(machine.written(), (operations, count), strict=True))
    minutes = REST_S / 60
    changed = machine.tell("find / -xdev -type f -newer /run/at-rest")
    drill.note("files of the card that changed at rest", " ".join(changed.split()) or "none")
    drill.at_most("writes at rest, as its file system has them", (_commits(drill) - commits) / minutes, 1, "a minute")
    drill.at_most(
        "written by the node at rest", (_own_writes(drill) - own) / 1024 / minutes, OWN_KIB_A_MINUTE_MAX, "KiB a minute"
    )
    drill.note(
        "writes of the whole machine at rest", f"{operations / minutes:.1f} a minute, {count / 1024 / minutes:.0f} KiB"
    )
    memory = drill.memory()
    drill.note("the unit's own memory at rest", f"{memory['anonymous']:.0f} MiB")
    drill.note("of its files, the pages that are in memory", f"{memory['files']:.1f} MiB")
    drill.at_most("resident at rest", memory["resident"], MEMORY_AT_REST_MIB_MAX, "MiB")


def _commits(drill: Drill) -> int:
    """Transactions of the root file system's journal: all that becomes durable together (jbd2, `/proc/fs/jbd2`)."""
    return int(drill.machine.tell("cut -d' ' -f1 /proc/fs/jbd2/*/info | head -1"))


def _own_writes(drill: Drill) -> int:
    """Bytes that the node's process has sent to the card (proc(5), `write_bytes`)."""
    pid = drill.machine.properties(SERVICE, "MainPID")["MainPID"]
    return int(drill.machine.tell(f"sed -n 's/^write_bytes: //p' /proc/{pid}/io"))


def later_each_time(drill: Drill) -> None:
    """A node that cannot start is tried again, later each time; once it can, it is there by itself"""
    machine, broken = drill.machine, f"/run/systemd/system/{SERVICE}.d/broken.conf"
    line = "[Service]\\nExecStart=\\nExecStart=/bin/false\\n"
    machine.tell(f"mkdir -p {Path(broken).parent}; printf '{line}' >{broken}; systemctl daemon-reload; sync")
    since = machine.tell("cut -d' ' -f1 /proc/uptime")
    machine.run(f"systemctl restart {SERVICE}")
    ends = f"journalctl -b -o short-monotonic --no-pager -u {SERVICE} | grep 'Main process exited, code=exited'"
    machine.until(f"test $({ends} | grep -c 'status=1/FAILURE') -ge {TRIES}", TRIES_WITHIN_S)
    times = [float(at) for at in re.findall(r"(?m)^\[ *(\d+\.\d+)\]", machine.tell(ends)) if float(at) > float(since)]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    drill.note("pauses between its starts", ", ".join(f"{pause:.0f}" for pause in pauses) + " s")
    drill.expect(pauses[-1] > LONGER * pauses[0], "each is tried later than the one before")
    machine.tell(f"rm {broken}; systemctl daemon-reload")
    drill.wait_for_node()
    drill.expect(drill.restarts(), "and the one that can start was started by systemd")


def watchdog(drill: Drill) -> None:
    """The watchdog is fed; a node that hangs is started again"""
    machine = drill.machine
    before = machine.properties(SERVICE, "WatchdogTimestampMonotonic")["WatchdogTimestampMonotonic"]
    time.sleep(FED_WITHIN_S)
    after = machine.properties(SERVICE, "WatchdogTimestampMonotonic")["WatchdogTimestampMonotonic"]
    drill.expect(int(after) > int(before), "the watchdog is fed")
    restarts, began = drill.restarts(), time.monotonic()
    machine.tell(f"systemctl kill --kill-whom=main -s STOP {SERVICE}")
    machine.until(f"test $(systemctl show -P NRestarts {SERVICE}) -gt {restarts}", 2 * WATCHDOG_S + 120)
    drill.at_most("from hanging to being started again", time.monotonic() - began, 2 * WATCHDOG_S, "s")
    drill.wait_for_node()
    drill.expect(drill.status()["log"]["size"] == drill.size, "it is the same town, with all its records")
