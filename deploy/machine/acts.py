# SPDX-License-Identifier: AGPL-3.0-or-later
"""The acts of a drill, in the order of a node's life; each ends the drill if something is not as promised."""

from __future__ import annotations

from collections.abc import Callable

from card import a_cut, a_slow_card, full_and_read_only
from dead_card import a_dead_card, a_dead_device
from drilled import Drill
from first_day import first_boot, first_day, joined
from https import https
from large_town import a_large_town
from service import archive_of_a_town, at_rest, later_each_time, sandbox, watchdog
from sticks import a_stick, pulled_out_half_way
from updates import a_wrong_update, an_update, an_update_that_fails

ACTS: tuple[Callable[[Drill], None], ...] = (
    first_boot,
    first_day,
    joined,
    sandbox,
    a_stick,
    pulled_out_half_way,
    archive_of_a_town,
    at_rest,
    a_slow_card,
    watchdog,
    later_each_time,
    a_cut,
    a_wrong_update,
    an_update_that_fails,
    an_update,
    https,
    a_dead_card,
    a_dead_device,
    a_large_town,
    full_and_read_only,
)
