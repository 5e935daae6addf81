# SPDX-License-Identifier: AGPL-3.0-or-later
"""Times as a record tells them: ISO text that says its offset (`edtf.py`), or that says none because nobody knows."""

from datetime import datetime
from zoneinfo import ZoneInfo

ZONE_NAME_MAX = 50


def zone_named(name: str | None) -> ZoneInfo | None:
    """The time zone of that name in the IANA database, or None."""
    if not name or len(name) > ZONE_NAME_MAX:
        return None
    try:
        return ZoneInfo(name)
    # A name with `..`, a NUL or a folder's name is no zone either.
    except (KeyError, ValueError, OSError):
        return None


def told(moment: datetime, timezone: str | None = None) -> str:
    """The moment with its offset; one that has none is local time of `timezone`. Seconds are said if there are any."""
    if moment.tzinfo is None and (zone := zone_named(timezone)):
        moment = moment.replace(tzinfo=zone)
    text = moment.replace(microsecond=0).isoformat(timespec="seconds" if moment.second else "minutes")
    offset = moment.utcoffset()
    if offset is not None and offset.seconds % 60:
        # Local mean time, before there were time zones; no calendar writes its seconds.
        return text[:-3]
    return text.replace("+00:00", "Z")
