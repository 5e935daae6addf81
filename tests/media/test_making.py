# SPDX-License-Identifier: AGPL-3.0-or-later
"""What becomes of a picture: its pixels and nothing else; and of a file that means harm: a sentence."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from convergences_node.media.making import PIXELS_MAX, Form, forms_of, make_forms
from convergences_node.media.shapes import USES
from convergences_node.media.sniff import EXTENSIONS, is_whole_pdf, type_of
from convergences_protocol.errors import LocalError
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from .pictures import PDF, SECRET, bomb, drawn, from_a_telephone, written


def opened(form: Form) -> Image.Image:
    picture = Image.open(io.BytesIO(form.data))
    assert picture.format == "WEBP" and picture.size == (form.width, form.height)
    return picture


def colour(picture: Image.Image, x: int, y: int) -> tuple[int, ...]:
    found = picture.getpixel((x, y))
    assert isinstance(found, tuple)
    return found


def test_nothing_is_left_of_what_a_camera_wrote(tmp_path: Path) -> None:
    """Not the place, not the device, not the comment; and the picture stands upright as it was meant to."""
    file = tmp_path / "photo.jpg"
    file.write_bytes(from_a_telephone() + b"behind the end: " + SECRET)
    assert SECRET in file.read_bytes()
    forms = make_forms(file, "picture")
    assert [(form.width, form.height) for form in forms] == [(900, 1200), (144, 144), (400, 533), (900, 472)]
    for form in forms:
        made = opened(form)
        assert not made.getexif() and "icc_profile" not in made.info and "xmp" not in made.info
        assert SECRET not in form.data and b"EXIF" not in form.data
    # What was the bottom left corner of the file as it lay is the top left one now: blue, where it was blue.
    red, _, blue = colour(opened(forms[0]).convert("RGB"), 20, 20)
    assert blue > red


@pytest.mark.parametrize(
    ("use", "size", "expected"),
    [
        ("logo", (2000, 1000), [(512, 256), (128, 64)]),
        ("logo", (90, 90), [(90, 90)]),
        ("banner", (3000, 3000), [(1600, 400), (800, 200)]),
        ("banner", (800, 600), [(800, 200)]),
        ("picture", (4000, 3000), [(1600, 1200), (144, 144), (400, 300), (800, 600), (1200, 630)]),
        ("picture", (500, 200), [(500, 200), (144, 144)]),
        ("picture", (1, 1), [(1, 1)]),
        ("picture", (16_000, 20), [(1600, 2), (400, 1), (800, 1)]),
    ],
)
def test_each_use_has_its_sizes(use: str, size: tuple[int, int], expected: list[tuple[int, int]]) -> None:
    """Never larger than the original, never a second size that is nearly the first."""
    file = io.BytesIO(written(drawn(*size), "PNG"))
    assert [(form.width, form.height) for form in forms_of(file, USES[use])] == expected


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_every_form_that_is_taken_is_read(form: str) -> None:
    """By its first bytes alone; and it is a picture then."""
    data = written(drawn(64, 48), form)
    assert type_of(data[:32]) in EXTENSIONS
    assert [opened(each).size for each in forms_of(io.BytesIO(data), USES["logo"])] == [(64, 48)]


def test_what_is_transparent_stays_so() -> None:
    (form,) = forms_of(io.BytesIO(written(drawn(64, 64, "RGBA"), "PNG")), USES["logo"])
    assert opened(form).mode == "RGBA"
    assert 100 < colour(opened(form), 40, 10)[3] < 160


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "I;16", "LA"])
def test_pictures_of_every_depth_are_read(mode: str) -> None:
    form = "JPEG" if mode == "CMYK" else "PNG"
    data = written(Image.new(mode, (40, 30)), form)
    assert len(list(forms_of(io.BytesIO(data), USES["logo"]))) == 1


def test_hostile_files_cost_a_sentence(tmp_path: Path) -> None:
    """A bomb, one that is cut, one that is another thing behind the right first bytes: in a process of its own."""
    sound = written(drawn(400, 300), "PNG")
    cases = {
        "bomb.png": (bomb(), "picture_too_large"),
        "cut.png": (sound[: len(sound) // 2], "picture_unreadable"),
        "script.png": (b"\x89PNG\r\n\x1a\n<script>alert(1)</script>", "picture_unreadable"),
        "none.png": (b"", "picture_unreadable"),
        "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "picture_unreadable"),
    }
    for name, (data, code) in cases.items():
        file = tmp_path / name
        file.write_bytes(data)
        with pytest.raises(LocalError) as refused:
            make_forms(file, "picture")
        assert refused.value.fault is not None and refused.value.fault.code == code, name


def test_a_picture_above_the_pixels_is_not_opened() -> None:
    """Told by its head, before a pixel is read."""
    with pytest.raises((MemoryError, Image.DecompressionBombError)):
        list(forms_of(io.BytesIO(bomb(10_000, PIXELS_MAX // 10_000 + 1)), USES["picture"]))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_spoilt_picture_is_read_or_refused(data: st.DataObject) -> None:
    """Whatever byte is wrong, there are sound forms, or an error that the child turns into a sentence."""
    form = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP"]))
    spoilt = bytearray(written(drawn(60, 40), form))
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    try:
        forms = list(forms_of(io.BytesIO(bytes(spoilt)), USES["picture"]))
    except (Exception, MemoryError):
        return
    for each in forms:
        opened(each).load()


@given(st.binary(max_size=64))
def test_any_first_bytes_are_a_type_or_none(head: bytes) -> None:
    assert type_of(head) in {None, *EXTENSIONS}


@pytest.mark.parametrize(
    "head", [b"<svg ", b"<!DOCTYPE html>", b"GIF89a", b"PK\x03\x04", b"MZ", b"RIFF....WAVE", b"%PDF-x"]
)
def test_what_is_not_taken_is_not_recognised(head: bytes) -> None:
    assert type_of(head.ljust(32, b"\0")) is None


def test_a_document_ends() -> None:
    assert type_of(PDF) == "application/pdf" and is_whole_pdf(PDF)
    assert not is_whole_pdf(PDF[:-8])
