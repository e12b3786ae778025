"""Input that is made to be too much: lines of a gigabyte, packed zeros, entities of entities, NUL, and encodings in a mixture."""

from __future__ import annotations

import io
import resource
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from connectors import Connector, Cursor, FeedMalformed, Mapping, Pull, load_mapping
from records import FeedId, OrgId
from tests.connectors.feeding import NOW, changed, read

GIGABYTE = 1 << 30
ENOUGH_MEGABYTES = 400
"""More than the interpreter and its libraries need, and far less than the input."""


class Endless(io.RawIOBase):
    """A head, then `size` bytes of one letter, then a tail: made as it is read, stored nowhere."""

    def __init__(self, head: bytes, size: int, tail: bytes) -> None:
        self._parts, self._left, self._tail = head, size, tail

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # typeshed wants its private buffer protocol
        if not self._parts and self._left:
            size = min(self._left, 1 << 16)
            self._parts, self._left = b"x" * size, self._left - size
        if not self._parts:
            self._parts, self._tail = self._tail, b""
        size = min(len(buffer), len(self._parts))
        buffer[:size], self._parts = self._parts[:size], self._parts[size:]
        return size


@dataclass(frozen=True, slots=True)
class Generated:
    """A delivery that is made as it is read."""

    head: bytes
    length: int
    tail: bytes = b""
    name: str = "generated"
    source_hash: str = "0"
    cursor: Cursor = Cursor("")  # noqa: RUF009 - it is a value

    @property
    def size(self) -> int:
        return len(self.head) + self.length + len(self.tail)

    def open(self) -> BinaryIO:
        return io.BufferedReader(Endless(self.head, self.length, self.tail))

    def acknowledge(self) -> None:
        """Nothing to do."""

    def refuse(self, reason: str) -> None:
        """Nothing to do."""


def pull(mapping: Mapping, delivery: Generated) -> Pull:
    return Connector(FeedId("jail"), None, mapping.format, mapping, OrgId("org")).receive(delivery, NOW)  # type: ignore[arg-type] # nothing is asked


LINES: dict[str, tuple[str, bytes, bytes]] = {
    "seventeen columns": (
        "coremr_roster",
        b"",
        b"\r\nPena,Mari,,1,1946-07-22,,F,W,LKC,PD,A,1,B,2018-06-06T12:34,,65,x\r\n",
    ),
    "fixed width": ("fixed_width_sample", b"H\r\n", b"\r\n"),
    "hl7": ("hl7_adt", b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|7|T|2.5.1\r", b"\r"),
    "ini": ("coremr_event", b"[DEM]\r\nFacility=L\r\nLastName=", b"\r\n"),
    "json": ("json_api_sample", b'{"data": "', b'"}'),
    "xml": ("niem_booking", b"<Booking>", b"</Booking>"),
    "spreadsheet": ("xlsx_roster", b"PK\x03\x04", b""),
    "fhir": ("fhir_roster", b'{"resourceType": "', b'"}'),
}
COST_A_ROW = {"seventeen columns", "fixed width", "hl7", "ini"}
"""The others are one document, which is refused whole."""


def grown() -> int:
    """Megabytes that the process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


@pytest.mark.parametrize("name", LINES)
def test_a_line_without_end(name: str) -> None:
    """A gigabyte of it in the commonest format, a quarter in the others: read to its end or refused at its bound."""
    mapping, head, tail = LINES[name]
    before = grown()
    taken = pull(
        load_mapping(mapping), Generated(head, GIGABYTE if name == "seventeen columns" else GIGABYTE // 4, tail)
    )
    with suppress(FeedMalformed):
        taken.check()
    summary, costs_a_row = taken.summary, name in COST_A_ROW
    assert (summary.complete, summary.refused, summary.rows - summary.records) == (
        costs_a_row,
        costs_a_row,
        costs_a_row,
    )
    assert grown() - before < ENOUGH_MEGABYTES


WORKBOOK = Path(__file__).parents[3] / "shared" / "data" / "feeds" / "xlsx" / "roster.xlsx"


def rewritten(find: bytes, put: bytes) -> bytes:
    """The sample workbook with another piece in its first sheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(WORKBOOK) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for part in before.infolist():
            content = before.read(part)
            after.writestr(part.filename, content.replace(find, put) if "sheet1" in part.filename else content)
    return out.getvalue()


def understated(workbook: bytes, size: int) -> bytes:
    """The same, its first sheet said to be of `size` bytes unpacked: in its own header and in the directory."""
    changed = bytearray(workbook)
    for sign, length_at, size_at, name_at in ((b"PK\x03\x04", 26, 22, 30), (b"PK\x01\x02", 28, 24, 46)):
        at = changed.find(sign)
        while at >= 0:
            length = int.from_bytes(changed[at + length_at : at + length_at + 2], "little")
            if b"sheet1" in changed[at + name_at : at + name_at + length]:
                changed[at + size_at : at + size_at + 4] = size.to_bytes(4, "little")
            at = changed.find(sign, at + 4)
    return bytes(changed)


def test_a_workbook_that_understates_what_is_packed_in_it() -> None:
    bomb = understated(rewritten(b"<sheetData>", b"<sheetData>" + b" " * (64 << 20)), 5000)
    before = grown()
    with pytest.raises(FeedMalformed):
        read(bomb, "xlsx_roster")
    assert grown() - before < ENOUGH_MEGABYTES


@pytest.mark.parametrize(
    "cell",
    [
        b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        b'<row r="1048576"><c><v>1</v></c></row><row r="2"><c r="ZZZ2"/></row>',
    ],
)
def test_one_cell_in_the_far_corner_of_a_sheet(cell: bytes) -> None:
    """Room for seventeen thousand million cells is not made."""
    with pytest.raises(FeedMalformed, match="a sheet reaches to row 1048576"):
        read(rewritten(b"</sheetData>", cell + b"</sheetData>"), "xlsx_roster")


def test_a_stray_cell_far_below_is_read() -> None:
    """People press Ctrl-End: it is one more row without a name."""
    found = read(
        rewritten(b"</sheetData>", b'<row r="9999"><c r="A9999"><v>1</v></c></row></sheetData>'), "xlsx_roster"
    )
    assert len(found.entries) == len(read(WORKBOOK.read_bytes(), "xlsx_roster").entries)


def test_another_kind_of_archive_is_no_workbook() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("content.xml", "<office/>")
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    with pytest.raises(FeedMalformed, match="no"):
        read(out.getvalue(), "xlsx_roster")


@pytest.mark.parametrize(
    ("document", "mapping"),
    [
        (b"<!DOCTYPE a [<!ENTITY b 'xxxxxxxx'><!ENTITY c '&b;&b;&b;&b;'>]><Booking>&c;</Booking>", "niem_booking"),
        (b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><Booking/>', "niem_booking"),
    ],
    ids=["expansion", "outside file"],
)
def test_entities_are_never_opened(document: bytes, mapping: str) -> None:
    with pytest.raises(FeedMalformed, match="DOCTYPE"):
        read(document, mapping)


CSV = "booking_id,person_id,first_name,middle_name,last_name,suffix,dob,sex,race_ethnicity,ssn_last4,phone,street,city,state,zip,aliases,booked_at,facility,charges,release_at"
ROW = "J{0},P,{1},,PEREZ,,1980-01-02,M,,,,,,,,,2026-11-30T05:00:00-08:00,MAIN,,"
EXPECTED = [("J1", "JOSÉ"), ("J3", ""), ("J5", "ANA")]
SET_ASIDE = [(3, "encoding"), (5, "encoding"), (7, "no-booking-number")]


def test_nul_and_mixed_encodings_cost_their_own_rows_and_no_other() -> None:
    """Three clerks, three code pages, one file: what the declared encoding cannot say is set aside, the rest is read."""
    lines = [
        CSV.encode(), ROW.format(1, "JOSÉ").encode(), ROW.format(2, "JOSÉ").encode("cp1252"),
        ROW.format(3, "JO\0SE").encode(), ROW.format(4, "JOSÉ").encode("cp850"), ROW.format(5, "ANA").encode(),
        ROW.format(6, "ANA").encode("utf-16-le"),
    ]  # fmt: skip
    found = read(b"\n".join(lines) + b"\n", "common_bookings")
    assert [(event.booking_number, event.identities[0].first) for event in found.events] == EXPECTED
    assert [(fault.line, fault.code) for fault in found.faults] == SET_ASIDE
    assert found.pull.summary.rows == 6


def test_a_file_that_changes_its_byte_order_half_way_is_not_believed() -> None:
    text = f"{CSV}\n{ROW.format(1, 'ANA')}\n"
    with pytest.raises(FeedMalformed):
        read(text.encode("utf-16") + text.encode("utf-16-be")[:-1], changed("common_bookings", encoding="utf-16"))
