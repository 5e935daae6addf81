# SPDX-License-Identifier: AGPL-3.0-or-later
"""Element ids and territory codes: one way to write each."""

import random
import uuid

import pytest
from convergences_protocol import cbor, codes
from convergences_protocol.element import RANDOM_BYTES, ElementId, is_element_text
from hypothesis import given
from hypothesis import strategies as st

TERRITORIES = ["FR-93066", "FR-2A004", "FR-97411", "FR-200057867", "FR-93", "FR-2B", "FR-971", "FR-R11"]

ids = st.builds(
    ElementId.new,
    st.sampled_from(TERRITORIES),
    st.integers(0, 2**48 - 1),
    st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES),
)


@given(ids)
def test_an_id_goes_through_text_and_cbor_unchanged(element: ElementId) -> None:
    assert ElementId.parse(str(element)) == element
    assert is_element_text(str(element))
    assert ElementId.from_cbor(cbor.decode(cbor.encode(element.to_cbor()))) == element


@given(ids)
def test_the_uuid_is_of_version_7_for_others_too(element: ElementId) -> None:
    """The standard library's reading of the same bytes."""
    read = uuid.UUID(bytes=element.uuid)
    assert (read.version, read.variant) == (7, uuid.RFC_4122)
    assert str(element) == f"{element.territory}:{read}"


@given(st.text(max_size=60) | st.from_regex(r"FR-[0-9A-Z]{1,10}:[0-9a-f-]{30,40}", fullmatch=True))
def test_text_is_an_id_in_one_form_only(text: str) -> None:
    try:
        element = ElementId.parse(text)
    except ValueError:
        assert not is_element_text(text)
    else:
        assert str(element) == text
        assert is_element_text(text)


def test_ids_order_by_territory_then_by_birth() -> None:
    made = [ElementId.new(town, ms, bytes(10)) for town in ("FR-93001", "FR-93066") for ms in (1, 2, 2**40)]
    assert sorted(random.Random(1).sample(made, len(made))) == made


@pytest.mark.parametrize(("now_ms", "chance"), [(-1, bytes(10)), (2**48, bytes(10)), (0, bytes(9))])
def test_a_clock_or_dice_out_of_range_are_refused(now_ms: int, chance: bytes) -> None:
    with pytest.raises(ValueError, match=r"48 bits|random bytes"):
        ElementId.new("FR-93066", now_ms, chance)


def test_an_id_needs_a_territory() -> None:
    with pytest.raises(ValueError, match="93066"):
        ElementId.new("93066", 0, bytes(10))


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("FR-93066", "commune"),
        ("FR-2A004", "commune"),
        ("FR-200057867", "group"),
        ("FR-93", "departement"),
        ("FR-2A", "departement"),
        ("FR-971", "departement"),
        ("FR-R11", "region"),
    ],
)
def test_a_code_tells_its_level(code: str, level: str) -> None:
    assert codes.level(code) == level
    assert codes.check_territory(code) == code


@given(st.text(max_size=14))
def test_a_code_has_one_level_or_is_none(text: str) -> None:
    shapes = [name for name, shape in codes._SHAPES.items() if shape.fullmatch(text)]
    assert len(shapes) == int(codes.is_territory(text))


@pytest.mark.parametrize("code", ["", "93066", "FR-9306", "FR-R1", "fr-93066", "FR-93066\n", "FR-٩٣٠٦٦"])
def test_another_code_is_refused(code: str) -> None:
    assert not codes.is_territory(code)
    for function in (codes.check_territory, codes.level):
        with pytest.raises(ValueError, match="territory code"):
            function(code)
