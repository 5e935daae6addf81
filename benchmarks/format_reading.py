# SPDX-License-Identifier: AGPL-3.0-or-later
"""One file read in a process of its own, and what became of it; for `formats.py`.

The child is forked from a process that has the libraries already, so that three thousand small files take seconds. It
limits itself before it opens the file, and is killed if it is not done in time: both are outcomes, never errors.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from convergences_node.fault_sentences import fault_sentence
from convergences_node.imports.convert import BadRow, Converter
from convergences_node.imports.formats import FORMATS
from convergences_node.imports.known import known_mapping
from convergences_node.imports.rows import Row, sniff
from convergences_protocol.errors import ConvergencesError, Fault

ROWS_MAX = 5_000_000
LISTED_MAX = 5
"""Refusals told in full, a file; all are counted."""
ANSWER_BYTES_MAX = 1024 * 1024
NOTHING = frozenset({"feed_no_entry", "ics_no_event", "gpx_no_waypoint", "linked_nothing", "schema_org_nothing"})
"""Documents that are sound and say nothing that a town keeps."""
KILLED = {"format": "?", "outcome": "killed", "items": 0, "reasons": {}, "peak_mebibytes": 0.0, "refused": []}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost: seconds of wall and of processor, mebibytes of address space beyond the parent's."""

    seconds: int = 120
    mebibytes: int = 384


def preload() -> None:
    """Import what the readers import, once, for all the children."""
    import defusedxml.expatreader
    import feedparser
    import icalendar
    import pyld
    import pyoxigraph
    import python_calamine
    import recurring_ical_events

    assert all(
        (defusedxml.expatreader, feedparser, icalendar, pyld, pyoxigraph, python_calamine, recurring_ical_events)
    )
    for format in FORMATS.values():
        format.reader()
    fault_sentence(Fault("row", "json_cut"), "en")


def read_in_child(path: Path, folder: Path, limits: Limits) -> dict[str, Any]:
    """What became of a file; `outcome` says whether it was read, partly, refused, empty, or ended the child."""
    started = time.monotonic()
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        _run(path, limits, send)
    os.close(send)
    answer = _answer(receive, started + limits.seconds)
    os.close(receive)
    if answer is None:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    told = answer or dict(KILLED)
    wall = round(time.monotonic() - started, 3)
    return {"file": str(path.relative_to(folder)), "bytes": path.stat().st_size, "seconds": wall} | told


def _answer(pipe: int, until: float) -> dict[str, Any] | None:
    """The child's one line, or None if it ended or went on without a word."""
    data = b""
    while len(data) < ANSWER_BYTES_MAX and (left := until - time.monotonic()) > 0:
        if not select.select([pipe], [], [], left)[0]:
            return None
        chunk = os.read(pipe, 65536)
        if not chunk:
            break
        data += chunk
    try:
        found: dict[str, Any] = json.loads(data)
    except ValueError:
        return None
    return found


def _run(path: Path, limits: Limits, send: int) -> None:
    """What the child does, to its end."""
    try:
        _limit(limits)
        before = _memory("VmRSS")
        told = _read(path)
        told["peak_mebibytes"] = round(max(0, _memory("VmHWM") - before) / 1024, 1)
        os.write(send, json.dumps(told).encode("utf-8", "replace")[:ANSWER_BYTES_MAX])
    finally:
        os._exit(0)


def _limit(limits: Limits) -> None:
    held = _memory("VmSize") * 1024
    resource.setrlimit(resource.RLIMIT_AS, (held + limits.mebibytes * 1024**2,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds))
    # The greatest memory so far is forgotten: it is the parent's.
    Path("/proc/self/clear_refs").write_text("5")


def _memory(name: str) -> int:
    """Kibibytes, as the kernel counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def _read(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = {"format": "?", "items": 0, "reasons": {}, "refused": []}
    try:
        dialect = sniff(path)
        told["format"] = dialect.format
        mapping = known_mapping(dialect.format, path.stem[:100])
        if mapping is not None:
            dialect = sniff(path, dialect.format, timezone=mapping.file.timezone)
        converter = Converter(mapping) if mapping else None
        reader = FORMATS[dialect.format].reader()
        with path.open("rb") as file:
            _count(told, islice(reader(file, dialect), ROWS_MAX), converter)
    except ConvergencesError as error:
        told |= {
            "outcome": "refused",
            "reasons": {type(error).__name__: 1},
            "refused": [{"line": 1, "why": str(error)}],
        }
    except MemoryError:
        told |= {"outcome": "killed", "reasons": {"memory": 1}}
    except Exception:
        told |= {
            "outcome": "traceback",
            "reasons": {"traceback": 1},
            "refused": [{"why": traceback.format_exc()[-2000:]}],
        }
    return told


def _count(told: dict[str, Any], rows: Any, converter: Converter | None) -> None:
    reasons: Counter[str] = Counter()
    for row in rows:
        faults = _faults(row, converter)
        told["items"] += not faults
        reasons.update(fault.code for fault in faults)
        if faults and len(told["refused"]) < LISTED_MAX:
            told["refused"].append(
                {"line": row.line, "why": " ".join(fault_sentence(one, "en") for one in faults)[:500]}
            )
    told["reasons"] = dict(reasons.most_common())
    told["outcome"] = _outcome(told["items"], reasons)


def _outcome(items: int, reasons: Counter[str]) -> str:
    if items:
        return "partly" if reasons else "read"
    return "refused" if reasons.keys() - NOTHING else "empty"


def _faults(row: Row, converter: Converter | None) -> list[Fault]:
    if row.fault or converter is None:
        return [row.fault] if row.fault else []
    try:
        converter.convert(row)
    except BadRow as error:
        return error.faults
    return []
