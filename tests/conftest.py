# SPDX-License-Identifier: AGPL-3.0-or-later
"""What holds for every test: no property is judged by the time it takes, for machines are shared and slow, and the
thousands of nodes that are founded set little room aside each."""

from __future__ import annotations

from convergences_node.archive import spare
from hypothesis import HealthCheck, settings

settings.register_profile("convergences", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("convergences")

spare.SPARE_BYTES = 64 << 10
