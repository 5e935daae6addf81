# SPDX-License-Identifier: AGPL-3.0-or-later
"""The card: slow, full, refusing; and the plug pulled out. What was acknowledged is there, and the town is answered."""

from __future__ import annotations

import time
from pathlib import Path

import https
import image
from drilled import FOLDER, SERVICE, Drill
from machine import BOOT_SECONDS_MAX
from sticks import BACKED_UP_WITHIN_S, STICK_MIB, let_go

SLOW_WRITES = 180
"""A second: with a file system's journal, a synced write then takes some 20 ms, as on a bad card."""
SAVES = 20
SAVE_MS_MAX = 300
LEFT_FREE_KIB = 256

_SAVES = f"""
import sys, time
from pathlib import Path
from convergences_node.control import call
took = []
for n in range({SAVES}):
    began = time.monotonic()
    call(Path({FOLDER!r}), "add", {{"kind": "actor", "fields": {{"name": f"Habitante {{n}}", "type": "association"}}}})
    took.append((time.monotonic() - began) * 1000)
took.sort()
print(took[len(took) // 2], took[int(len(took) * 0.95) - 1], took[-1])
"""


def a_slow_card(drill: Drill) -> None:
    """A card that takes some 20 ms for a synced write: a resident's save"""
    machine = drill.machine
    machine.slow_down(SLOW_WRITES)
    try:
        line = (
            "dd if=/dev/zero of=/root/synced bs=4k count=50 oflag=dsync 2>&1 | tail -1 | sed 's/.*, \\(.*\\) s,.*/\\1/'"
        )
        drill.note("a synced write of 4 KiB", f"{float(machine.tell(line).replace(',', '.')) / 50 * 1000:.0f} ms")
        code = _SAVES.replace("'", '"')
        middle, late, last = map(float, machine.tell(_as_the_node(code), 900).split())
        drill.note(
            "a resident's save, emulated processor", f"{middle:.0f} ms, 95 % {late:.0f}, at most {last:.0f}", "300"
        )
    finally:
        machine.slow_down(0)
        machine.run("rm -f /root/synced")
    drill.size = drill.status()["log"]["size"]


def _as_the_node(code: str) -> str:
    own = "cpython-$(python3 -c 'import sys; print(\"%d%d\" % sys.version_info[:2])')"
    paths = f"PYTHONPATH=/usr/lib/convergences/{own}:/usr/lib/convergences/common"
    return f"sudo -u convergences env {paths} PYTHONDONTWRITEBYTECODE=1 python3 -c '{code}'"


def a_cut(drill: Drill) -> None:
    """The plug is pulled out while it writes, and put back"""
    machine = drill.machine
    adds = f"convergences add actor name=Coupure type=association --folder {FOLDER}"
    machine.tell(f"systemd-run --quiet --uid=convergences sh -c 'while :; do {adds}; done'")
    time.sleep(30)
    drill.size = drill.status()["log"]["size"]
    machine.cut_power()
    began = time.monotonic()
    drill.switch_on()
    drill.wait_for_node()
    drill.note("from power to the town's pages", f"{(time.monotonic() - began) / 60:.1f} min emulated")
    status = drill.status()
    drill.expect(status["log"]["size"] >= drill.size, "every record that was acknowledged is there")
    drill.expect(not status["doubts"], "and the node does not doubt itself")
    drill.size = status["log"]["size"]


def full_and_read_only(drill: Drill) -> None:
    """The card is full, then refuses every write: the town is still answered, and the operator is told"""
    machine = drill.machine
    free = int(machine.tell("df --output=avail / | tail -1"))
    machine.tell(f"fallocate -l {free - LEFT_FREE_KIB}K /root/ballast; dd if=/dev/zero of=/root/rest bs=4k; true")
    refused = machine.run(f"sudo -u convergences convergences add actor name=Trop type=association --folder {FOLDER}")
    drill.expect(refused.code and "Traceback" not in refused.text, f"full: {refused.text.strip()[:200]}")
    _still_answers(drill)
    machine.tell("rm -f /root/ballast /root/rest")
    drill.node("add actor name=Ouf type=association")
    trust = https.switched_on(drill)
    machine.tell("sync; echo u >/proc/sysrq-trigger; sleep 2")  # what ext4 does by itself when a card fails
    refused = machine.run(f"sudo -u convergences convergences add actor name=Non type=association --folder {FOLDER}")
    drill.expect(refused.code and "Traceback" not in refused.text, f"read-only: {refused.text.strip()[:200]}")
    _still_answers(drill)
    machine.tell(f"systemctl restart {SERVICE} {https.UNIT}", BOOT_SECONDS_MAX)
    drill.wait_for_node()
    _serves_read_only(drill)
    https.is_on(drill, trust)
    _a_stick_then(drill)


def _serves_read_only(drill: Drill) -> None:
    drill.expect(drill.get("healthz")["status"] == "degraded", "started again on it, the node says that it is degraded")
    _still_answers(drill)
    line = f"sudo -u convergences convergences add actor name=Non type=association --folder {FOLDER}"
    refused = drill.machine.run(line)
    drill.expect(refused.code and "Traceback" not in refused.text, f"and refuses: {refused.text.strip()[:200]}")
    told = [each for each in drill.status()["signs"] if each["name"] == "card"]
    drill.expect(told and told[0]["level"] == "bad", f"its operator is told: {told}")


def _a_stick_then(drill: Drill) -> None:
    """What the sentence of a refused write advises. Nothing is noted on such a card: the stick itself is looked at."""
    machine, stick = drill.machine, image.stick(drill.machine.folder / "last-stick.img", STICK_MIB)
    machine.plug_in(stick)
    machine.until("ls /media/stick/*.age", BACKED_UP_WITHIN_S)
    listed = drill.node("backup /media/stick --list --json")
    let_go(drill)
    machine.pull_out()
    names = image.names_in_fat(stick)
    made = [name for name in names if name.endswith(".age")]
    drill.expect(
        made and Path(made[0]).name in listed, f"a stick plugged in then has the backup on it, read back: {names}"
    )


def _still_answers(drill: Drill) -> None:
    drill.expect(drill.get("api/v1/search?q=association")["items"], "residents still search")
