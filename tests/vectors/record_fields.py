# SPDX-License-Identifier: AGPL-3.0-or-later
"""Of each kind, the fields of a record that has nearly all of them."""

from __future__ import annotations

from hashlib import sha256

from tests.vectors.record_parts import ELEMENT, OTHER, THEME, TOWN

FULL_FIELDS: dict[str, dict[str, object]] = {
    "actor": {
        "name": "Le 6b",
        "type": "collective",
        "other_names": ["6B", "Association le 6b"],
        "summary": "Lieu de création et de diffusion",
        "description": "Ateliers d’artistes au bord du canal.\n\n- musique\n- gravure",
        "themes": [str(THEME)],
        "address": "6-10 quai de Seine",
        "postcode": "93200",
        "locality": "Saint-Denis",
        "town": TOWN,
        "location": [489_300_000, 23_450_000],
        "website": "https://www.le6b.fr/",
        "email": "contact@le6b.fr",
        "phone": "+33 1 23 45 67 89",
        "opening_hours": "Mo-Fr 10:00-18:00",
        "founded": "2010",
        "dissolved": "2030-12-31",
        "source": "exemple",
        "source_id": "6b",
        "licence": "etalab-2.0",
        "fetched": "2026-05-14T10:00:00Z",
        "language": "fr",
    },
    "action": {
        "name": "Fête des communs",
        "type": "event",
        "status": "confirmed",
        "start": "2026-05-14T18:30+02:00",
        "end": "2026-05-14T23:00+02:00",
        "recurrence": "FREQ=WEEKLY;BYDAY=TH;COUNT=10",
        "exceptions": ["2026-05-21"],
        "timezone": "Europe/Paris",
        "audience": "tout public",
    },
    "place": {"name": "Parc de la Légion d’honneur", "type": "park", "accessibility": "chemins plats", "began": "1809"},
    "resource": {"name": "Soudure", "type": "skill", "summary": "À l’arc et au chalumeau", "themes": [str(THEME)]},
    "theme": {"name": "Musique", "broader": str(THEME), "colour": "#8e44ad"},
    "relation": {
        "subject": str(ELEMENT),
        "predicate": "organises",
        "object": str(OTHER),
        "from": "2020-09",
        "to": "2025",
        "role": "coordination",
    },
    "content": {
        "name": "Le jardin rouvre",
        "type": "announcement",
        "text": "Samedi, à **10 h**.",
        "about": [str(ELEMENT)],
        "published": "2026-05-14",
        "media": [
            {
                "digest": sha256(b"photo").hexdigest(),
                "type": "image/webp",
                "bytes": 5,
                "alt": "Le portail du jardin, ouvert",
                "width": 1600,
                "height": 1200,
                "credit": "Zoé Martin",
                "licence": "https://creativecommons.org/licenses/by/4.0/",
                "sizes": [{"digest": sha256(b"small").hexdigest(), "bytes": 5, "width": 400, "height": 300}],
            },
            {
                "digest": sha256(b"plan").hexdigest(),
                "type": "application/pdf",
                "bytes": 4,
                "alt": "Plan des parcelles",
            },
        ],
    },
    "territory": {
        "name": "Saint-Denis",
        "code": TOWN,
        "type": "commune",
        "within": ["FR-200057867", "FR-93"],
        "postcodes": ["93200", "93210", "93380"],
        "population": 150_000,
        "siren": "219300662",
        "former_names": ["Pierrefitte-sur-Seine"],
        "former_codes": ["FR-93059"],
        "centre": [489_356_000, 23_539_000],
        "outline": [[[489_000_000, 23_000_000, 489_000_000, 24_000_000, 490_000_000, 23_500_000]]],
    },
}
