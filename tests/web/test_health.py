# SPDX-License-Identifier: AGPL-3.0-or-later
"""What those who watch over a node read of it."""

from __future__ import annotations

from aiohttp.test_utils import TestClient
from convergences_node.web.town_door import TownStatus

from .asking import ask
from .small_town import START, SmallTown


async def test_health_and_metrics_say_how_the_node_is(client: TestClient, town: SmallTown) -> None:
    await town.cosign()
    town.state = TownStatus(True, "doubt", False, START, "backup-older", (("bytes_received", 12.0),))
    health = await ask(client, "/healthz")
    assert (health["status"], health["doubt"], health["clock_plausible"]) == ("doubt", "backup-older", False)
    await client.get("/api/v1/search")
    answer = await client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    text = await answer.text()
    assert text.endswith("# EOF\n")
    assert text.count("# EOF") == 1
    assert "convergences_doubt 1.0" in text
    assert "convergences_bytes_received 12.0" in text
    assert 'convergences_http_answers_total{route="search_list",status="2xx"} 1.0' in text
    assert 'convergences_log_entries{origin="convergences/FR-93066/0000000000000001"}' in text


async def test_the_metrics_are_openmetrics(client: TestClient, town: SmallTown) -> None:
    """Even if the town counts something that is said already."""
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    town.state = TownStatus(True, "well", True, START, None, (("peers_connected", 3.0), ("batches_refused", 0.0)))
    text = await (await client.get("/metrics")).text()
    names = {family.name for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    assert {"convergences_ready", "convergences_log_entries", "convergences_batches_refused"} <= names
    families = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
