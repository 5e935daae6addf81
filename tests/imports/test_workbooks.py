# SPDX-License-Identifier: AGPL-3.0-or-later
"""Workbooks as offices send them, and as nobody should: what they show is read, what they hide never runs."""

import io
import zipfile
from pathlib import Path

import pytest
from convergences_node.imports.cell_dates import date
from convergences_node.imports.cells import BadCell
from convergences_node.imports.mapping import Column
from convergences_node.imports.rows import Row, read_rows, sniff
from convergences_node.imports.sheet_rows import read_sheet
from convergences_node.imports.zip_look import CELLS_MAX, UNPACKED_BYTES_MAX, look

TYPES = """<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/></Types>"""
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELS = f"""<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="{REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>"""
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STYLES = f'<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'


def xlsx(path: Path, *sheets: str, names: tuple[str, ...] = ("Feuil1", "Feuil2")) -> Path:
    """A workbook of sheets, each given as its rows' XML."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", RELS)
        numbered = list(enumerate(sheets, 1))
        listed = "".join(f'<sheet name="{names[n - 1]}" sheetId="{n}" r:id="rId{n}"/>' for n, _ in numbered)
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{REL}"><sheets>{listed}</sheets></workbook>'
        )
        related = "".join(
            f'<Relationship Id="rId{n}" Type="{REL}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n, _ in numbered
        )
        related += f'<Relationship Id="rId98" Type="{REL}/sharedStrings" Target="sharedStrings.xml"/>'
        related += f'<Relationship Id="rId99" Type="{REL}/styles" Target="styles.xml"/>'
        namespace = "http://schemas.openxmlformats.org/package/2006/relationships"
        archive.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{namespace}">{related}</Relationships>')
        archive.writestr("xl/styles.xml", STYLES)
        for n, rows in numbered:
            sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
            archive.writestr(f"xl/worksheets/sheet{n}.xml", sheet)
    return path


def text(cell: str, said: str) -> str:
    return f'<c r="{cell}" t="inlineStr"><is><t>{said}</t></is></c>'


def row(number: int, *cells: str) -> str:
    return f'<row r="{number}">{"".join(cells)}</row>'


def ods(path: Path, table: str) -> Path:
    namespaces = (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    )
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        '<manifest:file-entry manifest:full-path="/" '
        'manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
        "</manifest:manifest>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", manifest)
        body = f'<table:table table:name="Lieux">{table}</table:table>'
        archive.writestr(
            "content.xml",
            f"<office:document-content {namespaces}><office:body><office:spreadsheet>{body}"
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return path


def rows_of(path: Path, sheet: str | None = None) -> list[Row]:
    return list(read_rows(path, sniff(path, sheet=sheet)))


def codes(rows: list[Row]) -> list[str]:
    return [row.fault.code for row in rows if row.fault]


TITLE = row(1, text("A1", "Liste des lieux, 2026"))
HEADER = row(3, text("A3", "nom"), text("B3", "CP"), text("C3", "ouvert"), text("D3", "nom"))


def test_a_table_under_a_title_is_read_with_its_lines(tmp_path: Path) -> None:
    """Whole numbers have no `.0`, dates are dates, two columns of one name are two."""
    line = row(
        5, text("A5", "Le 6b"), '<c r="B5"><v>93200</v></c>', '<c r="C5" s="1"><v>46000</v></c>', text("D5", "6b")
    )
    path = xlsx(tmp_path / "t", TITLE + HEADER + line)
    assert sniff(path).format == "xlsx"
    assert rows_of(path) == [Row(5, {"nom": "Le 6b", "CP": 93200, "ouvert": "2025-12-09", "nom (2)": "6b"})]


def test_a_formula_is_what_it_showed_last_and_never_runs(tmp_path: Path) -> None:
    """With no value kept, it is an empty cell; an error is one too."""
    header = row(1, text("A1", "a"), text("B1", "b"), text("C1", "c"))
    shown = '<c r="A2" t="str"><f>HYPERLINK("http://203.0.113.1","x")</f><v>vu</v></c>'
    unseen = '<c r="B2"><f>WEBSERVICE("http://203.0.113.1")</f></c>'
    failed = '<c r="C2" t="e"><f>1/0</f><v>#DIV/0!</v></c>'
    (found,) = rows_of(xlsx(tmp_path / "t", header + row(2, shown, unseen, failed)))
    assert found.cells["a"] == "vu"
    assert not found.cells.get("b")
    assert not found.cells.get("c")


def test_the_sheet_may_be_named(tmp_path: Path) -> None:
    sheets = [row(1, text("A1", "x")) + row(2, text("A2", word)) for word in ("un", "deux")]
    path = xlsx(tmp_path / "t", *sheets, names=("Notes", "Lieux"))
    assert rows_of(path)[0].cells == {"x": "un"}
    assert rows_of(path, "Lieux")[0].cells == {"x": "deux"}
    (refused,) = rows_of(path, "Rien")
    assert refused.fault is not None
    assert refused.fault.params == {"given": "Rien", "known": "Notes, Lieux"}


def number(cell: str, value: float, style: int = 0) -> str:
    return f'<c r="{cell}" s="{style}"><v>{value}</v></c>'


COVER = row(1, text("A1", "À lire avant tout")) + row(3, text("A3", "Ce classeur recense les lieux."))
GROUPS = row(4, text("A4", "Nom"), text("B4", "Adresse"), text("E4", "Contact"))
NAMES = row(5, text("B5", "rue"), text("C5", "CP"), text("D5", "ville"), text("E5", "tél"), text("F5", "courriel"))


def test_a_page_of_explanations_is_not_the_table(tmp_path: Path) -> None:
    """The first sheet that holds a table is read; a workbook of pages only is read from the first, as ever."""
    table = row(1, text("A1", "nom"), text("B1", "ville")) + row(2, text("A2", "Le 6b"), text("B2", "Saint-Denis"))
    path = xlsx(tmp_path / "t", COVER, table, names=("Lisez-moi", "Lieux"))
    assert [found.cells for found in rows_of(path)] == [{"nom": "Le 6b", "ville": "Saint-Denis"}]
    assert len(rows_of(xlsx(tmp_path / "u", COVER, COVER))) == 1


def test_titles_of_several_cells_and_groups_of_columns_stand_above_the_header(tmp_path: Path) -> None:
    """A merged title, who made it and when, names of groups: the columns keep their own names, and the lines theirs."""
    title = row(1, text("A1", "Annuaire des associations")) + row(
        2, text("A2", "Service vie locale"), text("F2", "mars")
    )
    line = row(6, text("A6", "Le 6b"), text("B6", "6 quai de Seine"), number("C6", 93200), text("D6", "Saint-Denis"))
    path = xlsx(tmp_path / "t", title + GROUPS + NAMES + line)
    assert rows_of(path) == [
        Row(
            6,
            {"Nom": "Le 6b", "rue": "6 quai de Seine", "CP": 93200, "ville": "Saint-Denis", "tél": "", "courriel": ""},
        )
    ]


def test_a_header_with_a_nameless_column_is_one_row(tmp_path: Path) -> None:
    """What looks like a second row of names, but for its first cell, is the first row of the table."""
    header = row(1, text("A1", "nom"), text("C1", "ville"))
    path = xlsx(tmp_path / "t", header + row(2, text("A2", "Le 6b"), text("B2", "x"), text("C2", "Saint-Denis")))
    (found,) = rows_of(path)
    assert (found.line, found.cells["nom"], found.cells["ville"]) == (2, "Le 6b", "Saint-Denis")


@pytest.mark.parametrize(
    ("given", "said"),
    [(46023, "2026-01-01"), ("46023", "2026-01-01"), (46023.75, "2026-01-01T18:00:00+01:00"), (2026, "2026")],
)
def test_a_day_that_lost_its_writing_is_a_day(given: object, said: str) -> None:
    """A cell of a date that somebody has formatted as a number: the sheet's own count of days."""
    assert date([given], Column(zone="Europe/Paris")) == said


@pytest.mark.parametrize("given", [12345, 99999, 460231, "46023.5.1"])
def test_another_number_is_no_day(given: object) -> None:
    with pytest.raises(BadCell):
        date([given], Column())


def test_an_open_document_is_read(tmp_path: Path) -> None:
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    lines = [("nom", "ville"), ("Le 6b", "Saint-Denis")]
    table = "".join(f"<table:table-row>{''.join(map(cell.format, line))}</table:table-row>" for line in lines)
    path = ods(tmp_path / "t", table)
    assert sniff(path).format == "ods"
    assert rows_of(path) == [Row(2, {"nom": "Le 6b", "ville": "Saint-Denis"})]


def test_two_cells_at_the_ends_of_a_sheet_are_refused(tmp_path: Path) -> None:
    """A kilobyte for which a reader makes room for seventeen thousand million cells."""
    path = xlsx(tmp_path / "t", row(1, text("A1", "a")) + row(1048576, text("XFD1048576", "b")))
    (refused,) = rows_of(path)
    assert refused.fault is not None
    assert (refused.fault.code, refused.fault.params["limit"]) == ("sheet_too_large", CELLS_MAX)


def test_a_cell_repeated_a_thousand_million_times_is_refused(tmp_path: Path) -> None:
    """The whole sheet, in one cell of an OpenDocument."""
    repeated = 'table:number-columns-repeated="16384" office:value-type="string"'
    cell = f"<table:table-cell {repeated}><text:p>x</text:p></table:table-cell>"
    path = ods(tmp_path / "t", f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>')
    assert codes(rows_of(path)) == ["sheet_broken"]


def test_a_text_that_every_cell_shares_stops_the_child_and_not_the_node(tmp_path: Path) -> None:
    """What the look does not see, the limits of the process apart do: the end of what was read is a refused row."""
    shared = f'<sst xmlns="{MAIN}"><si><t>{"x" * 1_000_000}</t></si></sst>'
    lines = "".join(row(n, *(f'<c r="{c}{n}" t="s"><v>0</v></c>' for c in "ABCDEFGHIJ")) for n in range(1, 2001))
    path = xlsx(tmp_path / "t", lines)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", shared)
    assert codes(rows_of(path))[-1:] == ["reader_stopped"]


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """Three hundred megabytes of zeros in three hundred kilobytes."""
    path = tmp_path / "t"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/workbook.xml", "w") as member:
        for _ in range(UNPACKED_BYTES_MAX // 1024**2 + 1):
            member.write(bytes(1024**2))
    assert path.stat().st_size < 1024**2
    assert codes(rows_of(path)) == ["zip_too_large"]


def test_an_open_document_may_be_a_bomb_too(tmp_path: Path) -> None:
    path = ods(tmp_path / "t", "")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("Pictures/a.png", "w") as member:
        for _ in range(UNPACKED_BYTES_MAX // 1024**2 + 1):
            member.write(bytes(1024**2))
    assert codes(rows_of(path)) == ["zip_too_large"]


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {new} "{f"&{old};" * 50}">' for old, new in zip("abcdef", "bcdefg", strict=True)
) + '<!ENTITY file SYSTEM "file:///etc/passwd">]>'  # fmt: skip


@pytest.mark.parametrize("entity", ["&g;", "&file;"])
@pytest.mark.parametrize("kind", ["xlsx", "ods"])
def test_entities_in_a_workbook_are_not_followed(tmp_path: Path, kind: str, entity: str) -> None:
    """A thousand million laughs, and a file of this machine: nothing of them is in any cell."""
    path, member = tmp_path / "t", "xl/worksheets/sheet1.xml" if kind == "xlsx" else "content.xml"
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    table = "".join(f"<table:table-row>{cell.format(said) * 2}</table:table-row>" for said in ("nom", entity))
    made = ods(path, table) if kind == "ods" else xlsx(path, HEADER + row(4, text("A4", entity), text("B4", entity)))
    with zipfile.ZipFile(made) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = LAUGHS.encode() + members[member]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    rows = rows_of(path)
    assert all(len(str(row.cells)) < 200 and "root:" not in str(row.cells) for row in rows)


def test_a_directory_that_lies_is_refused(tmp_path: Path) -> None:
    """The declared size is made small: what is really there does not agree with its checksum."""
    path = xlsx(tmp_path / "t", HEADER * 50)
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    fault = look(io.BytesIO(bytes(data)))
    assert fault is not None
    assert fault.code == "sheet_broken"


@pytest.mark.parametrize("keep", [30, 200, 600, -30])
def test_a_workbook_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    path = xlsx(tmp_path / "t", HEADER)
    path.write_bytes(path.read_bytes()[:keep])
    assert codes(rows_of(path)) == ["sheet_broken"]


def test_an_empty_workbook_has_no_rows(tmp_path: Path) -> None:
    assert rows_of(xlsx(tmp_path / "t", "")) == []
    assert rows_of(xlsx(tmp_path / "t", TITLE)) == []


def test_noise_that_begins_like_a_workbook_is_refused(tmp_path: Path) -> None:
    for start in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        path = tmp_path / "t"
        path.write_bytes(start + bytes(n * n % 251 for n in range(5000)))
        assert set(codes(rows_of(path))) <= {"sheet_broken", "reader_stopped"}
        assert codes(rows_of(path))


def test_the_reader_itself_says_as_much_as_its_process(tmp_path: Path) -> None:
    """The pipe between the two loses nothing."""
    path = xlsx(tmp_path / "t", TITLE + HEADER + row(4, text("A4", "é\u2028\U0001f600"), text("B4", "x")))
    with path.open("rb") as file:
        assert list(read_sheet(file, sniff(path))) == rows_of(path)
