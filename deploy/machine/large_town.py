# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town of a size that an emulated machine does not take in within a night: made here, moved to the machine's card.

What is measured there is the machine's own: the whole index is made at the first start, and then nothing happens.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import time
from pathlib import Path

import image
from agglomeration import CONVERGENCES
from drilled import FOLDER, UNITS, Drill
from first_day import TOWN
from service import MEMORY_MIB_MAX, Peak, at_rest

RECORDS = 100_000
STICK_MIB = 256
INDEXED_WITHIN_S = 3_600
LOOK_EVERY_S = 10


def a_large_town(drill: Drill) -> None:
    """A town of 100,000 records: its index is made, then it rests, within the same memory"""
    machine, stick = drill.machine, _on_a_stick(drill.machine.folder)
    machine.tell(f"systemctl stop {UNITS}; mv {FOLDER} {FOLDER}.small; install -d -m 700 -o convergences {FOLDER}")
    machine.plug_in(stick)
    machine.until("systemctl is-active --quiet media-stick.automount")
    machine.tell(f"tar -xf /media/stick/town.tar -C {FOLDER} && chown -R convergences: {FOLDER}", 900)
    machine.pull_out()
    began = time.monotonic()
    with Peak(drill) as peak:
        machine.tell(f"systemctl start {UNITS}")
        drill.wait_for_node()
        while (status := drill.status())["index"]["behind"] or status["index"]["state"] != "following":
            drill.expect(time.monotonic() - began < INDEXED_WITHIN_S, f"indexed so far: {status['index']['applied']}")
            time.sleep(LOOK_EVERY_S)
    drill.note("records of the town, its index made", f"{status['log']['size']:,}")
    drill.note("from its first start to its whole index", f"{(time.monotonic() - began) / 60:.0f} min emulated")
    drill.at_most("resident while it makes that index", peak.resident, MEMORY_MIB_MAX, "MiB")
    at_rest(drill)
    drill.expect(status["log"]["size"] > RECORDS and drill.get("api/v1/search?q=entraide")["items"], "it is searched")
    machine.tell(f"systemctl stop {UNITS}; rm -r {FOLDER}; mv {FOLDER}.small {FOLDER}; systemctl start {UNITS}")
    drill.wait_for_node()


def _on_a_stick(folder: Path) -> Path:
    """The town's folder as a tar file, without the index; kept from one drill of the machine to the next."""
    made, stick = folder / "large", folder / "large.img"
    if stick.exists():
        return stick
    shutil.rmtree(made, ignore_errors=True)
    (made / "on-stick").mkdir(parents=True)
    with (made / "table.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "name", "type", "description"])
        for n in range(RECORDS):
            rows.writerow([n, f"Association {n} des riverains", "association", f"Entraide dans le quartier {n % 97}"])
    town = ["--folder", str(made / "town")]
    for line in (["init", TOWN.removeprefix("FR-")], ["import", str(made / "table.csv"), "--kind", "actor"]):
        subprocess.run([*CONVERGENCES, *line, *town], check=True, stdout=subprocess.DEVNULL)
    left_out = [f"--exclude={name}" for name in ("index.db*", "node.lock")]
    packed = made / "on-stick" / "town.tar"
    subprocess.run(["tar", "-cf", str(packed), *left_out, "-C", str(made / "town"), "."], check=True)
    image.into_fat(image.stick(stick, STICK_MIB), packed.parent)
    shutil.rmtree(made)
    return stick
