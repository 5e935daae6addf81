# SPDX-License-Identifier: AGPL-3.0-or-later
"""The table of contents: every address of a node, what answers there, and what it takes.

The server is wired from this table, the OpenAPI description is derived from it, and `docs/api.md` is checked against
it. Of two addresses that both fit, the one that stands first answers.
"""

from __future__ import annotations

from convergences_node.web import answers, health
from convergences_node.web.route import OPENMETRICS, Route
from convergences_node.web.routes_files import FILES
from convergences_node.web.routes_people import PEOPLE
from convergences_node.web.routes_programs import PROGRAMS
from convergences_node.web.surfaces.routes import SURFACES

WATCHING: tuple[Route, ...] = (
    Route("/healthz", health.health_show, answers.HealthAnswer, group="node", whole=False),
    Route("/metrics", health.metrics_show, None, OPENMETRICS, group="node", whole=False),
)
"""For those who watch over the node."""

ROUTES: tuple[Route, ...] = (*PEOPLE, *PROGRAMS, *SURFACES, *FILES, *WATCHING)
