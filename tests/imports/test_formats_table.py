# SPDX-License-Identifier: AGPL-3.0-or-later
"""`make formats`: whatever lies in the folder, the table is made, and says of each file what became of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_file_of_a_folder_has_its_outcome(tmp_path: Path) -> None:
    """Good, broken, empty, and one that would not end: a line each, and no reader's exception among them."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "good.csv").write_text("nom;ville\nLe 6b;Saint-Denis\n")
    (folder / "cut.json").write_text('[{"a": 1}, {"a"')
    (folder / "agenda.ics").write_text(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:x\nDTSTART:20260101\nEND:VEVENT\n"
    )
    (folder / "nothing.xml").write_text("<rss version='2.0'><channel><title>t</title></channel></rss>")
    (folder / "kml.xml").write_text("<kml/>")
    (folder / "README.md").write_text("# not data")
    with (folder / "large.csv").open("wb") as file:
        file.write(b"a;b\n")
        file.truncate(1024**3)
    os.mkfifo(folder / "pipe.csv")
    out = tmp_path / "formats.json"
    command = [sys.executable, "-m", "benchmarks.formats", str(folder), "--out", str(out)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    report = json.loads(out.read_text())
    assert {one["file"]: one["outcome"] for one in report["files"]} == {
        "good.csv": "read",
        "cut.json": "partly",
        "agenda.ics": "read",
        "nothing.xml": "empty",
        "kml.xml": "refused",
        "large.csv": "refused",
    }
    assert all(one["peak_mebibytes"] < 64 for one in report["files"])
    large = next(one for one in report["files"] if one["file"] == "large.csv")
    assert large["refused"][0]["line"] == 2
