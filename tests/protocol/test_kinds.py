# SPDX-License-Identifier: AGPL-3.0-or-later
"""Kinds: one declaration each, and everything else derived from it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unicodedata import normalize

import jsonschema
import pytest
import rdflib
from convergences_protocol import cbor
from convergences_protocol.kinds import KINDS, Field, FieldType, Kind, check, values
from convergences_protocol.kinds.context import document, json_ld_context
from convergences_protocol.kinds.kind import FAULT_CODES
from convergences_protocol.kinds.prefixes import PREFIXES
from convergences_protocol.kinds.schema import JsonSchema, field_schema
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vocabulary import iri

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "records"
ELEMENT = "FR-93066:0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"

kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.binary(max_size=9) | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def good_values(field: Field) -> st.SearchStrategy[Any]:
    """Values that a field of this type should accept."""
    table = json.loads((VECTORS / "values.json").read_text("utf-8"))[field.type.value]["good"]
    short = [value for value in table if not isinstance(value, str) or len(value) <= field.limit]
    one: st.SearchStrategy[Any] = st.sampled_from([*field.terms, ELEMENT] if field.terms else short)
    if field.type is FieldType.TEXT and field.name not in ("colour", "siren"):
        one = one.filter(lambda text: len(text) <= field.limit)
    if field.name == "colour":
        one = st.just("#8e44ad")
    if field.name == "siren":
        one = st.just("219300662")
    return st.lists(one, min_size=1, max_size=3) if field.many else one


def json_schema(kind: Kind) -> JsonSchema:
    """Of an object with the kind's fields."""
    return {
        "type": "object",
        "properties": {field.name: field_schema(field) for field in kind.fields},
        "required": [field.name for field in kind.fields if field.required],
        "additionalProperties": False,
    }


def records(kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    required = {field.name: good_values(field) for field in kind.fields if field.required}
    optional = {field.name: good_values(field) for field in kind.fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional).filter(lambda fields: not check(kind, fields))


def test_the_kinds_are_those_of_the_folder() -> None:
    folder = Path(field_schema.__code__.co_filename).parent
    declaring = {
        path.stem for path in folder.glob("*.py") if re.search(r"^KIND = Kind\(", path.read_text("utf-8"), re.M)
    }
    assert set(KINDS) == declaring
    assert list(KINDS) == sorted(KINDS)
    assert {"territory", "actor", "action", "place", "theme", "relation", "content"} <= set(KINDS)


@kinds
def test_a_kind_is_sound(kind: Kind) -> None:
    assert KINDS[kind.name] is kind
    assert kind.by_name[kind.title_field].required
    assert {"source", "source_id", "licence", "fetched", "language"} <= set(kind.by_name)
    iri(kind.rdf_class)
    for field in kind.fields:
        iri(field.property)
        assert (field.type is FieldType.TERM) == bool(field.terms), field.name
        assert set(field.term_iris) <= set(field.terms)
        assert set(field.targets) <= set(KINDS)
        for curie in field.term_iris.values():
            iri(curie)


@pytest.mark.parametrize("name", list(KINDS))
@settings(max_examples=60)
@given(st.data())
def test_what_is_accepted_can_be_written_and_fits_the_schema(name: str, data: st.DataObject) -> None:
    kind = KINDS[name]
    fields = data.draw(records(kind))
    assert cbor.decode(cbor.encode(fields)) == fields
    jsonschema.validate(fields, json_schema(kind), jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", list(KINDS))
@settings(max_examples=150)
@given(st.data())
def test_any_value_is_accepted_or_has_a_known_fault(name: str, data: st.DataObject) -> None:
    """And what is accepted can always be encoded: no value slips between the two judges."""
    kind = KINDS[name]
    field = data.draw(st.sampled_from(kind.fields))
    value = data.draw(anything)
    faults = list(field.faults_of(value))
    if not faults:
        assert cbor.decode(cbor.encode(value)) == value
    for fault in faults:
        assert fault.code in FAULT_CODES
        assert set(fault.params) <= FAULT_CODES[fault.code]


@given(st.text())
def test_text_is_accepted_when_it_is_nfc_seen_and_not_blank(text: str) -> None:
    field = KINDS["actor"].by_name["summary"]
    codes = [fault.code for fault in field.faults_of(text)]
    if not text or text.isspace():
        assert codes == ["empty"]
    elif codes == []:
        assert normalize("NFC", text) == text
        assert text.isprintable() or not re.search("[\x00-\x1f\x7f]", text)
        assert "\ud800" not in text


@kinds
def test_the_schema_is_a_schema_and_refuses_the_unknown(kind: Kind) -> None:
    schema = json_schema(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"nonsense": 1}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({}, schema)


@kinds
def test_the_context_is_read_by_another_library(kind: Kind) -> None:
    """Every field with a value comes out under its property, every element as an address."""
    vectors = json.loads((VECTORS / "valid.json").read_text("utf-8"))
    fields = next(vector["fields"] for vector in vectors if vector["name"] == kind.name)
    made = document(kind, ELEMENT, fields, lambda element: f"https://noeud.example/elements/{element}")
    graph = rdflib.Graph().parse(data=json.dumps(made), format="json-ld")
    (subject,) = set(graph.subjects())
    assert str(subject) == f"https://noeud.example/elements/{ELEMENT}"
    for name in fields:
        values = list(graph.objects(subject, rdflib.URIRef(iri(kind.by_name[name].property))))
        assert values, name
        if kind.by_name[name].type is FieldType.ELEMENT:
            assert all(str(value).startswith("https://noeud.example/elements/") for value in values)


def test_a_relations_predicate_becomes_pairs_property() -> None:
    kind = KINDS["relation"]
    fields = {"subject": ELEMENT, "predicate": "part_of", "object": ELEMENT[:-1] + "c"}
    graph = rdflib.Graph().parse(data=json.dumps(document(kind, ELEMENT, fields, "urn:x:{}".format)), format="json-ld")
    assert list(graph.objects(predicate=rdflib.RDF.predicate)) == [rdflib.URIRef(iri("pair:partOf"))]


def test_the_context_declares_the_prefixes_that_it_uses_and_no_other() -> None:
    for kind in KINDS.values():
        context = json_ld_context(kind)
        text = json.dumps({name: value for name, value in context.items() if name not in PREFIXES}) + kind.rdf_class
        for prefix in PREFIXES:
            assert (prefix in context) == (f'"{prefix}:' in text or kind.rdf_class.startswith(f"{prefix}:")), prefix


@pytest.mark.parametrize(
    ("kind", "fields", "fault"),
    [
        ("action", {"name": "a", "type": "event", "start": "2026-05", "end": "2026-04-30"}, ("end", "before")),
        ("action", {"name": "a", "type": "event", "recurrence": "FREQ=DAILY"}, ("recurrence", "needs")),
        ("action", {"name": "a", "type": "event", "start": "2026", "exceptions": ["2026"]}, ("exceptions", "needs")),
        ("relation", {"subject": ELEMENT, "predicate": "about", "object": ELEMENT}, ("object", "same")),
        ("theme", {"name": "a", "colour": "red"}, ("colour", "wrong_shape")),
        ("territory", {"name": "a", "type": "commune", "code": "FR-93066", "siren": "1"}, ("siren", "wrong_shape")),
    ],
)
def test_fields_are_judged_together(kind: str, fields: Mapping[str, object], fault: tuple[str, str]) -> None:
    assert [(found.path, found.code) for found in check(KINDS[kind], fields)] == [fault]
    assert fault[1] in FAULT_CODES


@pytest.mark.parametrize("name", sorted(KINDS))
def test_what_is_asked_of_some_fields_is_remembered_of_sound_sets_alone(name: str) -> None:
    kind = KINDS[name]
    required = tuple(sorted(kind.required))
    assert kind.asked[(*required, "of_tomorrow")] is None
    assert not required or kind.asked[required[1:]] is None
    assert (*required, "of_tomorrow") not in kind.asked
    remembered = kind.asked[required]
    assert remembered is not None
    assert kind.asked[required] is remembered
    judges, rules = remembered
    assert len(judges) == len(required)
    assert all(rule.field in required for rule in rules)


def test_the_sets_of_fields_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from convergences_protocol.kinds import kind as module

    monkeypatch.setattr(module, "ASKED_KEPT_MAX", 3)
    action = KINDS["action"]
    action.asked.clear()  # of what tests before this one asked in the same process
    for other in action.by_name.keys() - action.required:
        assert action.asked[(*sorted(action.required), other)] is not None
        assert len(action.asked) <= 3


def test_dates_that_overlap_are_in_order() -> None:
    """`2026` may end in `2026-05`: what is not wholly before is not refused."""
    fields = {"name": "a", "type": "event", "start": "2026", "end": "2026-05"}
    assert check(KINDS["action"], fields) == []


def test_an_outline_is_bounded_in_points() -> None:
    field = KINDS["territory"].by_name["outline"]
    ring = [0, 0] * (field.limit // 2 + 1)
    assert [fault.code for fault in field.faults_of([[ring], [ring]])] == ["too_long"]
    assert list(field.faults_of([[ring]])) == []


def test_a_class_follows_from_the_type() -> None:
    assert KINDS["actor"].class_of({"type": "collective"}) == "pair:Group"
    assert KINDS["actor"].class_of({"type": "x-own"}) == "pair:Actor"
    assert KINDS["theme"].class_of({}) == "pair:Theme"


def test_what_is_printable_has_nothing_unseen_in_it() -> None:
    """`_judged_text` looks for unseen characters only in text that is not printable."""
    for unseen in (values._UNSEEN, values._UNSEEN_BUT_LINES):
        assert not any(sign.isprintable() for sign in unseen.findall("".join(map(chr, range(0x110000)))))
