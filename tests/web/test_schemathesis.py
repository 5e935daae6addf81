# SPDX-License-Identifier: AGPL-3.0-or-later
"""A stranger reads the description and asks everything it allows, and much that it does not (schemathesis).

Whatever is asked: no fault of ours, no status, type of content or shape that is not described; what the description
allows is not refused, and what it forbids is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

import pytest
import schemathesis
from aiohttp.test_utils import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from hypothesis.strategies import sampled_from
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from .small_town import SmallTown

# Some hundreds of questions in all: minutes of CI's time are for other tests.
EXAMPLES_MAX = 15
BOUNDED = settings(
    max_examples=EXAMPLES_MAX,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
NO_WORDS = Constants()
# Well formed and refused all the same: a cursor that no answer gave, a box whose south is north of its north.
_REFUSED_BY_MEANING = {
    "/",
    "/chiffres",
    "/affiche",
    "/api/v1/search",
    "/api/v1/facets",
    "/api/v1/marks",
    "/cadre",
    "/integrer",
}
_REFUSED_BY_MEANING |= {f"/search.{suffix}" for suffix in ("ics", "atom", "geojson", "csv", "jsonld")}
_REFUSED_BY_MEANING |= {"/calendar.ics", "/feed.atom", "/ecran", "/e/{id}.atom"}
_REFUSED_BY_MEANING |= {"/sparql", "/api/v1/replicate"}  # what no schema says: a question in SPARQL, a message of ours
_REFUSED_BY_MEANING |= {f"/api/elements{suffix}" for suffix in ("", ".json", ".geojson", ".jsonld")}


@schemathesis.serializer("application/sparql-query")
def _as_it_is(_context: object, value: object) -> bytes:
    """A question is sent as its text."""
    return value if isinstance(value, bytes) else str(value).encode()


def _has_blank(query: Mapping[str, object]) -> bool:
    """Whether a field of the question is sent without a value, alone or among several of its name."""
    return any(
        item in ("", None) for value in query.values() for item in (value if isinstance(value, list) else [value])
    )


def ask_everything(address: str, elements: list[str], mode: GenerationMode) -> int:
    """Ask about every operation; returns how many there were."""
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json")
    read = list(schema.get_all_operations())
    operations = [result.ok() for result in read if isinstance(result, Ok)]
    assert len(operations) == len(read)
    for operation in operations:
        ask_about(operation, address, elements, mode)
    return len(operations)


def ask_about(operation: APIOperation, address: str, elements: list[str], mode: GenerationMode) -> None:
    """Ask one operation in every way, half of the time about an element that is there."""
    excluded: list[CheckFunction] = [positive_data_acceptance] if operation.path in _REFUSED_BY_MEANING else []
    if operation.path == "/oembed":
        # An address of another host is well formed, and 501 is what oEmbed says of a format that is not spoken.
        excluded += [positive_data_acceptance, not_a_server_error]

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode), element=sampled_from([None, *elements]))
    def ask(case: schemathesis.Case, element: str | None) -> None:
        if element and "id" in case.path_parameters and mode is GenerationMode.POSITIVE:
            case.path_parameters["id"] = element
        # A form sends every field: an empty value is as good as none, whatever its type.
        blank: list[CheckFunction] = [negative_data_rejection] if _has_blank(case.query or {}) else []
        response = case.call(base_url=address, timeout=20)
        # What was erased is gone, however well it is asked for; schemathesis knows only 404.
        gone: list[CheckFunction] = [positive_data_acceptance] if response.status_code == HTTPStatus.GONE else []
        case.validate_response(response, excluded_checks=excluded + blank + gone)

    ask()


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
async def test_the_app_does_what_its_description_says(
    client: TestClient, town: SmallTown, mode: GenerationMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Hypothesis tries words that it finds in whatever modules are loaded: other ones beside other tests. The same
    # questions are to be asked at each run, or a fault that is there for months fails somebody else's change.
    monkeypatch.setattr(providers, "_get_local_constants", lambda: NO_WORDS)
    await town.cosign()
    address = str(client.make_url("/")).rstrip("/")
    asked = await asyncio.to_thread(ask_everything, address, sorted(town.elements.values()), mode)
    assert asked > 20
