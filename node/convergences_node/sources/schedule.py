# SPDX-License-Identifier: AGPL-3.0-or-later
"""When a source is due: by its declaration, by how it went lately, and never all of them at the same second; pure."""

from datetime import datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from .declaration import When

RETRY_SECONDS = 900
"""After the first failure; twice as long after each further one, up to a day or the source's own interval."""
RETRY_SECONDS_MAX = 86_400
DOUBLINGS_MAX = 10
SPREAD_SECONDS = 300
"""Sources of many towns at one address do not all come at half past three."""


def next_due(when: When, name: str, now: int, zone: str) -> int:
    """The moment (Unix seconds) at which a source that has just been run is due again."""
    if when.at is None:
        return now + when.hours * 3600
    hour, minute = map(int, when.at.split(":"))
    here = datetime.fromtimestamp(now, ZoneInfo(zone))
    due = here.replace(hour=hour, minute=minute, second=0, microsecond=0) + timedelta(seconds=spread(name))
    if due.timestamp() <= now:
        due += timedelta(days=1)
    return int(due.timestamp())


def next_try(when: When, name: str, now: int, zone: str, failures: int, asked: int | None = None) -> int:
    """The moment of the next try after `failures` in a row; `asked` are the seconds that the server asked to wait."""
    wait = min(RETRY_SECONDS << min(failures - 1, DOUBLINGS_MAX), RETRY_SECONDS_MAX)
    later = now + max(wait, min(asked or 0, RETRY_SECONDS_MAX))
    return min(later, next_due(when, name, now, zone)) if asked is None else later


def spread(name: str) -> int:
    """Some seconds that are always the same for one source."""
    return int.from_bytes(sha256(name.encode()).digest()[:4], "big") % SPREAD_SECONDS
