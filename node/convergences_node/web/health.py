# SPDX-License-Identifier: AGPL-3.0-or-later
"""How the node is, for those who watch over it: `/healthz` for a supervisor, `/metrics` in OpenMetrics.

Figures are gathered when they are asked for; only answers are counted as they pass. The labels are bounded: routes by
their names, logs by those kept here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from convergences_node.archive.model import LogState
from convergences_node.archive.reader import ArchiveReader
from convergences_node.web.answers import HealthAnswer
from convergences_node.web.asking import answer_json, town_of
from convergences_node.web.etag import CACHE_NEVER
from convergences_node.web.town_door import PeerSeen, Town, TownStatus

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """What is counted as it passes; a registry of its own, so that two nodes in one process do not add up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = Counter(
            "convergences_http_answers",
            "Answers by route and class of status.",
            ("route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "convergences_http_answer_seconds", "Time to answer.", ("route",), buckets=SECONDS, registry=self.registry
        )
        # Labels are looked up once: routes and classes of status are few.
        self._answers_of = cache(lambda route, group: self._answers.labels(route, f"{group}xx"))
        self._seconds_of = cache(self._seconds.labels)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._answers_of(route, status // 100).inc()
        self._seconds_of(route).observe(seconds)


METRICS: web.AppKey[Metrics] = web.AppKey("metrics")


async def health_show(request: web.Request) -> web.Response:
    """Whether the node answers for its town now: 200 if it does, 503 while it starts, rebuilds or stops.

    A doubt (a restored backup, a cloned card) is 200: residents can read and write, and the operator is told. So is a
    card that takes no write: residents can read.
    """
    town = town_of(request)
    status = town.status()
    answer = HealthAnswer(
        status=status.state,
        ready=status.ready,
        territory=town.web_settings.territory,
        clock_plausible=status.clock_plausible,
        index_behind=await index_behind(town) if status.ready else _left(town),
        doubt=status.doubt,
        read_only=status.read_only,
    )
    response = answer_json(request, answer)
    if not status.ready:
        response.set_status(503)
    response.headers["Cache-Control"] = CACHE_NEVER
    return response


def _left(town: Town) -> int:
    """What is still to be read of an index that is made again, as far as it is known."""
    course = town.index.course
    return course.total - course.done if course is not None else 0


async def metrics_show(request: web.Request) -> web.Response:
    """Figures in OpenMetrics: logs, bodies wanted, freshness, peers, answers and the time they took."""
    town = town_of(request)
    logs, cosigned = await town.archive.read(_read_logs)
    gathered = _Gathered(town.status(), town.peers(), logs, cosigned)
    own = CollectorRegistry()
    own.register(gathered)
    body = _exposed(own).removesuffix(b"# EOF\n") + _exposed(request.app[METRICS].registry)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": CACHE_NEVER})


def _exposed(registry: CollectorRegistry) -> bytes:
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call] # prometheus-client leaves this one untyped
    return text


async def index_behind(town: Town) -> int:
    """Entries that are in the archive and not yet in the index; asked of readers only, however busy the writers are."""
    applied = {line.origin: line.applied for territory in await town.index.territories() for line in territory.coverage}
    logs = await town.archive.read(lambda reader: reader.logs())
    return sum(max(0, log.size - applied.get(log.origin, 0)) for log in logs)


def _read_logs(reader: ArchiveReader) -> tuple[list[LogState], dict[str, int]]:
    logs = reader.logs()
    cosigned = {}
    for log in logs:
        times = [each.time for each in reader.cosignatures(log.origin) if each.cosigner == log.origin]
        if times:
            cosigned[log.origin] = max(times)
    return logs, cosigned


_OWN = frozenset({"ready", "doubt", "read_only", "clock_plausible", "peers_known", "peers_connected"})
"""Figures said here: a town that counts them too must not have them said twice, which no scraper accepts."""


class _Gathered:
    """A collector over what was read for one answer."""

    def __init__(
        self, status: TownStatus, peers: Sequence[PeerSeen], logs: Sequence[LogState], cosigned: dict[str, int]
    ) -> None:
        self._status, self._peers, self._logs, self._cosigned = status, peers, logs, cosigned

    def collect(self) -> Iterable[Metric]:
        info = InfoMetricFamily("convergences_node", "The program that answers.")
        info.add_metric((), {"version": version("convergences")})
        yield info
        yield self._one("convergences_ready", "1 when answers are whole.", float(self._status.ready))
        yield self._one(
            "convergences_doubt", "1 when the archive may not be its latest.", float(bool(self._status.doubt))
        )
        yield self._one(
            "convergences_read_only", "1 when the card takes no write.", float(bool(self._status.read_only))
        )
        yield self._one(
            "convergences_clock_plausible", "1 when the clock was set.", float(self._status.clock_plausible)
        )
        yield self._one("convergences_started_timestamp_seconds", "When it started.", float(self._status.started_at))
        yield self._one("convergences_peers_known", "Peers known.", float(len(self._peers)))
        connected = sum(peer.connected for peer in self._peers)
        yield self._one("convergences_peers_connected", "Peers connected.", float(connected))
        for name, value in self._status.counters:
            if name not in _OWN:
                yield self._one(f"convergences_{name}", name.replace("_", " "), value)
        yield from self._by_log()

    def _one(self, name: str, text: str, value: float) -> Metric:
        return GaugeMetricFamily(name, text, value=value)

    def _by_log(self) -> Iterable[Metric]:
        size = GaugeMetricFamily("convergences_log_entries", "Entries held.", labels=("origin",))
        wanted = GaugeMetricFamily("convergences_log_bodies_wanted", "Bodies not received.", labels=("origin",))
        fresh = GaugeMetricFamily(
            "convergences_log_cosigned_timestamp_seconds", "When the log cosigned its own head.", labels=("origin",)
        )
        for log in self._logs:
            size.add_metric((log.origin,), float(log.size))
            wanted.add_metric((log.origin,), float(log.wanted))
            if log.origin in self._cosigned:
                fresh.add_metric((log.origin,), float(self._cosigned[log.origin]))
        yield from (size, wanted, fresh)
