# SPDX-License-Identifier: AGPL-3.0-or-later
"""Dates: as precise as their author knew, each with its seconds."""

import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

from convergences_protocol.edtf import EDTF_BYTES_MAX, is_edtf, span
from hypothesis import given
from hypothesis import strategies as st

DAY = 86_400

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=offsets)


@given(moments)
def test_a_moment_is_the_second_that_the_standard_library_reads(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    assert span(moment.isoformat()) == (int(moment.timestamp()),) * 2


@given(moments)
def test_a_minute_lasts_a_minute(moment: datetime) -> None:
    moment = moment.replace(second=0, microsecond=0)
    first, last = span(moment.isoformat(timespec="minutes"))
    assert (first, last - first) == (int(moment.timestamp()), 59)


@given(st.dates())
def test_a_day_lies_in_its_month_and_its_month_in_its_year(day: object) -> None:
    text = str(day)
    spans = [span(text[:length]) for length in (10, 7, 4)]
    for (first, last), (outer_first, outer_last) in pairwise(spans):
        assert outer_first <= first < last <= outer_last
    assert spans[0][1] - spans[0][0] == DAY - 1
    assert spans[1][0] % DAY == 0


@given(st.integers(1, 9998))
def test_years_follow_each_other_without_a_gap(year: int) -> None:
    assert span(f"{year:04}")[1] + 1 == span(f"{year + 1:04}")[0]


@given(st.text(alphabet="0123456789-:TZ+./?~٣\n ", max_size=26) | st.text(max_size=10))
def test_any_text_is_a_date_in_order_or_refused(text: str) -> None:
    if is_edtf(text):
        first, last = span(text)
        assert first <= last
        assert len(text) <= EDTF_BYTES_MAX
        assert re.fullmatch(r"[0-9]{4}[-0-9TZ:+]*", text)


def test_what_is_not_text_is_no_date() -> None:
    assert not is_edtf(2026)
    assert not is_edtf(None)
    assert not is_edtf(datetime.now(UTC))
