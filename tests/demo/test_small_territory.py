# SPDX-License-Identifier: AGPL-3.0-or-later
"""A small territory played for real: three processes on loopback, from founding to merger, and nothing left behind."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from convergences_cli.main import run
from convergences_node.demo.example import EXAMPLES
from convergences_node.demo.processes import Processes
from convergences_protocol.errors import LocalError

WITHIN = 60.0


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """Two towns of Plaine Commune and its agglomeration, a few records each."""
    source, small = EXAMPLES / "plaine-commune", tmp_path / "examples" / "small"
    (small / "records").mkdir(parents=True)
    for name in ("example.toml", "themes.ndjson", "themes.toml", "mapping.toml", "contours.geojson"):
        (small / name).write_bytes((source / name).read_bytes())
    for code in ("93059", "93066", "200057867"):
        lines = (source / "records" / f"{code}.ndjson").read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if "organisateur" not in line and '"lieu":' not in line][:12]
        (small / "records" / f"{code}.ndjson").write_text("".join(kept), "utf-8")
    return tmp_path / "examples"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_small_territory_is_played_to_the_end(
    examples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every record is found at the agglomeration, under either name after the merger; the summary says so."""
    folder = tmp_path / "d"
    line = ["demo", "--territory", "small", "--examples", str(examples), "--folder", str(folder), "--check", "--json"]
    code = run([*line, "--seconds", "120"])
    summary: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert code == 0, summary
    assert summary["complete"]
    assert summary["records"] == summary["searchable"] > 36 + 92
    assert summary["merge"] == {
        "ended": "FR-93059",
        "successor": "FR-93066",
        "size": summary["merge"]["size"],
        "found_under_either_name": True,
    }
    assert [town["territory"] for town in summary["towns"]] == ["FR-200057867", "FR-93059", "FR-93066"]
    assert all(town["behind"] == 0 and town["lag_seconds"] is not None for town in summary["towns"])
    assert all(town["received_bytes"] > 0 for town in summary["towns"][1:])
    assert not list(folder.glob("*/node.sock")), "every node has stopped cleanly"


def test_what_is_missing_is_said(examples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row that cannot be imported ends the check with 1 and the reason."""
    path = examples / "small" / "records" / "93066.ndjson"
    path.write_text(path.read_text("utf-8") + '{"source": "x", "id": "1", "type": "lieu", "licence": "x"}\n', "utf-8")
    line = ["demo", "--territory", "small", "--examples", str(examples), "--check", "--json", "--seconds", "120"]
    assert run(line) == 1
    summary = json.loads(capsys.readouterr().out)
    assert not summary["complete"]
    assert "93066.ndjson: 1 rows refused" in summary["missing"]


def test_nothing_outlives_a_demo_that_was_killed(tmp_path: Path) -> None:
    """The nodes notice that whoever started them is gone, however that happened."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom convergences_cli.main import run\n"
        "from convergences_node.demo.processes import Processes\n"
        "run(['init', '93066', '--folder', 'sd', '--port', '0', '--json'])\n"
        "Path('sd/convergences.toml').write_text(Path('sd/convergences.toml').read_text()"
        ".replace('enabled = true', 'enabled = false').replace('zeroconf = true', 'zeroconf = false'))\n"
        "print('pid', Processes(Path('.')).start([Path('sd')]), flush=True)\ntime.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        child = next(int(line.split()[1]) for line in parent.stdout if line.startswith("pid"))
        until(lambda: (tmp_path / "sd" / "node.sock").exists())
    finally:
        parent.kill()
        parent.wait()
    until(lambda: not alive(child))


def test_a_node_that_ends_by_itself_is_noticed(tmp_path: Path) -> None:
    """With its last words, and where to read the others."""
    with Processes(tmp_path) as processes:
        processes.start([tmp_path / "nowhere"])
        ended: list[LocalError] = []

        def has_ended() -> bool:
            try:
                processes.check()
            except LocalError as error:
                ended.append(error)
            return bool(ended)

        until(has_ended)
    assert "convergences.toml is not there" in str(ended[0])
    assert ended[0].hint == f"its log: {tmp_path / 'nowhere.log'}"


def until(true: Any) -> None:
    """Wait for what cannot be awaited: another process's state."""
    deadline = time.monotonic() + WITHIN
    while not true():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
