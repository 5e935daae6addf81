# SPDX-License-Identifier: AGPL-3.0-or-later
"""What PAIR is made of, as far as a program must know it to write it: object properties, inverses, containers.

Read from the ontology (http://virtual-assembly.org/ontologies/pair-2021-summer/ontology.ttl) and from Archipelago,
which also uses `broader`, `image` and a few more. Only terms of the `#` namespace are here; those that are misspelt
(`moblizedBy`) are so in the ontology. A test compares these tables to the ontology's own file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from convergences_protocol.kinds import KINDS

_INVERSES = """
    about= activityOfInvolvement=involvementActivity actorOfInvolvement=involvementActor
    actorOfMembership=membershipActor affiliatedBy=affiliates aims=aimedBy assignedTo=assigneeOf basedOn=concretizedBy
    brainstorms=brainstormedBy cooperatesWith=cooperatesWith concerns=concernedBy consumes=consumedBy
    contains=containedIn documentedBy=documents extends=extendedBy follows=hasFollower hasActivityField=
    hasBranch=branchOf hasChallenge=challengeOf hasConceptType=typeOfConcept hasDomain=domainOf hasFinality=finalityOf
    hasInspired=inspiredBy hasLocation=locationOf hasMean=meanOf hasObjectType=typeOfObject hasPart=partOf
    hasPostalAddress= hasSector=sectorOf hasSkill=skillOf hasSolution=isSolutionFor hasStatus=
    hasSubjectType=typeOfSubject hasTopic=topicOf hasType=typeOf hostedIn=hosts intends=intendedBy
    involvedIn=involves involvementRole= membershipOrganization=organizationOfMembership membershipRole=
    mobilizes=moblizedBy needs=neededBy nourishes= offers=offeredBy operates=operatedBy partnerOf=partnerOf
    produces=producedBy references=referencedBy represents=representedBy subactivityOf= supports=supportedBy uses=usedBy
    allows=allowedBy broader= depictedBy= hasOrigin=originOf hasSubactivity= image= isDepictedBy=
    solves=solvedBy
"""
"""Object properties with their inverses; the last two lines are Archipelago's own."""

_PAIRS = [
    (f"pair:{first}", f"pair:{second}" if second else "")
    for first, _, second in (pair.partition("=") for pair in _INVERSES.split())
]

OBJECT_PROPERTIES: frozenset[str] = frozenset(name for pair in _PAIRS for name in pair if name)
"""Whose values are things with an address, and no texts."""

INVERSES: Mapping[str, str] = MappingProxyType(
    {
        **{first: second for first, second in _PAIRS if second},
        **{second: first for first, second in _PAIRS if second},
        "dc:isReplacedBy": "dc:replaces",
        "owl:sameAs": "owl:sameAs",
    }
)
"""What the other end of a link calls it."""

DATE_TIMES = frozenset({"pair:startDate", "pair:endDate", "pair:dueDate"})
"""The three properties that are xsd:dateTime in SemApps' context; other dates stay as precise as they are known."""

CONTAINERS: Mapping[str, str] = MappingProxyType(
    {
        "actors": "pair:Actor",
        "organizations": "pair:Organization",
        "groups": "pair:Group",
        "users": "pair:Person",
        "activities": "pair:Activity",
        "projects": "pair:Project",
        "events": "pair:Event",
        "tasks": "pair:Task",
        "ideas": "pair:Idea",
        "themes": "pair:Theme",
        "resources": "pair:Resource",
        "skills": "pair:Skill",
        "documents": "pair:Document",
        "places": "pair:Place",
        "towns": "pair:Town",
        "membership-associations": "pair:MembershipAssociation",
        "types": "pair:Type",
        "status": "pair:Status",
    }
)
"""Archipelago's paths, and one for each other class that a kind gives. A class that no kind gives has an empty one."""

CONCEPTS = frozenset({"types", "status"})
"""The containers of words that kinds declare; all others hold elements."""


def class_kinds(class_: str) -> tuple[str, ...]:
    """The kinds some of whose elements may be of a class."""
    return tuple(name for name, kind in KINDS.items() if class_ in _classes(name) or class_ == kind.rdf_class)


def _classes(kind: str) -> set[str]:
    declared = KINDS[kind].by_name.get("type")
    found = set(declared.term_iris.values()) if declared else set()
    return found | {RELATED[iri].class_ for iri in predicates(kind).values() if iri in RELATED}


def predicates(kind: str) -> Mapping[str, str]:
    """What a kind that relates two elements calls its relations, and the property of each."""
    return next((field.term_iris for field in KINDS[kind].fields if field.property == "rdf:predicate"), {})


@dataclass(frozen=True, slots=True)
class Related:
    """How PAIR writes a relation as a thing of its own: its class, and what it calls both ends and the role."""

    class_: str
    subject: str
    object: str
    role: str
    role_class: str


RELATED: Mapping[str, Related] = MappingProxyType(
    {
        "pair:affiliatedBy": Related(
            "pair:MembershipAssociation",
            "pair:membershipActor",
            "pair:membershipOrganization",
            "pair:membershipRole",
            "pair:MembershipRole",
        ),
        "pair:involvedIn": Related(
            "pair:ActivityInvolvementAssociation",
            "pair:involvementActor",
            "pair:involvementActivity",
            "pair:involvementRole",
            "pair:InvolvementRole",
        ),
    }
)
"""By the property that says the same in one word."""
