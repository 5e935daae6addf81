# SPDX-License-Identifier: AGPL-3.0-or-later
"""The catalogue of a node's open data (DCAT-AP 3.0), which data.gouv.fr and other portals harvest.

One dataset with everything and one a kind, each with its files. What DCAT-AP asks for is there: title, description and
publisher of the catalogue, title and description of datasets, an address, a form and a licence of each file; words of
the European authority tables where it wants them.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from aiohttp import web
from convergences_protocol.codes import level

from convergences_node.web.asking import town_of
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.exporting import base_of
from convergences_node.web.messages import Messages, catalogue
from convergences_node.web.surfaces.data_files import KINDS_KEPT
from convergences_node.web.surfaces.linked_context import CONTEXT
from convergences_node.web.surfaces.negotiating import JSON_LD, TURTLE
from convergences_node.web.surfaces.pair import Resource
from convergences_node.web.surfaces.triples import PREFIX_LINES, n_triples
from convergences_node.web.town_door import WebSettings

_EUROPE = "http://publications.europa.eu/resource/authority"
_IANA = "https://www.iana.org/assignments/media-types"
_LANGUAGES = {"fr": "FRA", "en": "ENG"}
WHOLE_FILES = (
    ("/data/all.nq.gz", "RDF_N_QUADS", "application/n-quads"),
    ("/api/elements.json", "JSON", "application/json"),
    ("/api/elements.geojson", "GEOJSON", "application/geo+json"),
    ("/calendar.ics", "ICS", "text/calendar"),
    ("/feed.atom", "ATOM", "application/atom+xml"),
)
"""Where all of it is, each with the European table's word for its form, and IANA's."""
KIND_FILES = (("csv", "CSV", "text/csv"), ("geojson", "GEOJSON", "application/geo+json"))
_encode = msgspec.json.Encoder().encode


async def data_catalogue(request: web.Request) -> web.Response:
    """What open data there is (DCAT-AP), as JSON-LD: for portals that harvest."""
    body = _encode({"@context": dict(CONTEXT), **_catalogue(request)})
    return conditional(request, body, JSON_LD, cache=CACHE_ASK, vary=("Host",))


async def data_catalogue_turtle(request: web.Request) -> web.Response:
    """The same as Turtle."""
    body = (PREFIX_LINES + n_triples(_catalogue(request))).encode()
    return conditional(request, body, TURTLE, cache=CACHE_ASK, vary=("Host",))


def _catalogue(request: web.Request) -> Resource:
    settings, base = town_of(request).web_settings, base_of(request)
    messages = catalogue(settings.language)
    publisher = {"id": f"{base}/", "type": "foaf:Agent", "foaf:name": settings.name}
    return {
        "id": f"{base}/data/catalog",
        "type": "dcat:Catalog",
        "dc:title": messages.text("data.title", town=settings.name),
        "dc:description": messages.text("data.description", town=settings.name),
        "dc:publisher": publisher,
        "dc:language": {"id": f"{_EUROPE}/language/{_LANGUAGES.get(settings.language, 'FRA')}"},
        "dc:license": {"id": settings.licence},
        "foaf:homepage": {"id": f"{base}/"},
        **_contact(settings, base),
        "dcat:dataset": list(_datasets(settings, messages, base)),
    }


def _contact(settings: WebSettings, base: str) -> Resource:
    """Whom to write to (vCard, as DCAT-AP wants it): the same as on the page about this node."""
    if not settings.contact:
        return {}
    how = ("hasURL", "") if settings.contact.startswith("https://") else ("hasEmail", "mailto:")
    where = {f"vcard:{how[0]}": {"id": f"{how[1]}{settings.contact}"}}
    contact = {"id": f"{base}/data/catalog#contact", "type": "vcard:Kind", "vcard:fn": settings.name, **where}
    return {"dcat:contactPoint": contact}


def _datasets(settings: WebSettings, messages: Messages, base: str) -> Iterator[Resource]:
    everything = messages.text("data.everything", town=settings.name)
    yield _dataset(settings, base, "all", everything, messages.text("data.everything_help"), WHOLE_FILES)
    for kind in KINDS_KEPT:
        title = messages.text("data.kind", kind=messages.term("kinds", kind), town=settings.name)
        files = tuple((f"/data/{kind}.{suffix}", form, media) for suffix, form, media in KIND_FILES)
        yield _dataset(settings, base, kind, title, messages.text("data.kind_help"), files)


def _dataset(
    settings: WebSettings, base: str, name: str, title: str, description: str, files: tuple[tuple[str, str, str], ...]
) -> Resource:
    made: Resource = {
        "id": f"{base}/data/catalog#{name}",
        "type": "dcat:Dataset",
        "dc:title": title,
        "dc:description": description,
        "dc:identifier": f"{base}/data/catalog#{name}",
        "dc:publisher": {"id": f"{base}/"},
        "dc:accrualPeriodicity": {"id": f"{_EUROPE}/frequency/CONT"},
        "dc:accessRights": {"id": f"{_EUROPE}/access-right/PUBLIC"},
        **({"dcat:contactPoint": {"id": f"{base}/data/catalog#contact"}} if settings.contact else {}),
        "dcat:landingPage": {"id": f"{base}/"},
        "dcat:distribution": [_file(base, settings.licence, *each) for each in files],
    }
    if level(settings.territory) == "commune":
        made["dc:spatial"] = {"id": f"http://id.insee.fr/geo/commune/{settings.territory.removeprefix('FR-')}"}
    return made


def _file(base: str, licence: str, path: str, form: str, media: str) -> Resource:
    return {
        "id": f"{base}/data/catalog#{path.strip('/').replace('/', '-')}",
        "type": "dcat:Distribution",
        "dc:title": path.rpartition("/")[2],
        "dcat:accessURL": {"id": f"{base}{path}"},
        "dcat:downloadURL": {"id": f"{base}{path}"},
        "dc:format": {"id": f"{_EUROPE}/file-type/{form}"},
        "dcat:mediaType": {"id": f"{_IANA}/{media}"},
        **({"dcat:compressFormat": {"id": f"{_IANA}/application/gzip"}} if path.endswith(".gz") else {}),
        "dc:license": {"id": licence},
    }
