"""Is the PDF of a report complete, does every page say who took it out, and are all letters there?"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from reportlab.pdfbase.ttfonts import TTFontFile
from reportlab.pdfgen.canvas import Canvas

from audit.log import TreeHead
from audit.pdf import Reading, to_pdf
from audit.render import Provenance
from audit.report import Period, Table
from tests.audit.samples import AT, ORIGIN, ref

ORGANISATION = "Río Grande Behavioral Health, Łódź & Đặng Centre"
SOURCE = Provenance("officer-1", AT, ORIGIN, TreeHead(7, sha256(b"root").digest()), ORGANISATION)


@dataclass(frozen=True, slots=True)
class Row:
    """One of a report."""

    at: Any
    by: str
    basis: tuple[str, ...]
    through: str
    alert: str


def table(count: int) -> Table:
    rows = tuple(
        Row(AT + timedelta(hours=n), f"Nguyễn <{n}>", ("HIPAA_CONSENT",), "", ref("alert", n)) for n in range(count)
    )
    return Table("access", "Who looked", "45 CFR 164.312(b)", Row, rows, Period(AT), ("A note & more.",))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every string that is set, in order: what a reader sees, before fonts turn it into numbers of glyphs."""
    found: list[str] = []
    for name in ("drawString", "drawRightString"):
        plain = getattr(Canvas, name)

        def noted(self: Any, x: float, y: float, text: str, *more: Any, plain: Any = plain, **named: Any) -> Any:
            found.append(text)
            return plain(self, x, y, text, *more, **named)

        monkeypatch.setattr(Canvas, name, noted)
    return found


def test_every_page_says_who_took_it_out_when_and_which_page_it_is(written: list[str]) -> None:
    content = to_pdf(table(200), SOURCE, Reading({}, ZoneInfo("America/New_York")))
    pages = [text for text in written if text.startswith("Page ")]
    assert len(pages) > 3
    assert pages == [f"Page {n} of {len(pages)}" for n in range(1, len(pages) + 1)]
    assert written.count("Who looked (access). Exported by officer-1 at 2026-10-06 04:00:00 EDT") == len(pages)
    assert written.count(f"{ORGANISATION}. Root {SOURCE.head.root.hex()}") == len(pages)
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") >= len(pages)


def test_an_empty_report_is_one_page_that_says_so() -> None:
    assert to_pdf(table(0), SOURCE).startswith(b"%PDF-")


@pytest.mark.parametrize("file", ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"])
def test_the_font_has_the_letters_of_names(file: str) -> None:
    known = TTFontFile(str(files("audit") / "fonts" / file)).charToGlyph
    letters = "".join(chr(code) for code in (*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x400, 0x450)))
    letters += "ȘșȚțƠơƯưẠạẢảẤấẦầẨẩẪẫẬậẮắẰằẶặẸẹẺẻẼẽẾếỀềỂểỄễỆệỊịỌọỎỏỐốỒồỔổỖỗỘộỚớỜờỞởỠỡỢợỤụỦủỨứỪừỬửỮữỰựỲỳỴỵỶỷỸỹ–—‘’“”…€"
    missing = [letter for letter in letters if ord(letter) not in known and letter != "\xad"]
    assert missing == []
    loose = unicodedata.normalize("NFD", "Đặng Żółć")
    assert all(ord(letter) in known for letter in unicodedata.normalize("NFC", loose))


def test_words_of_a_report_are_never_markup() -> None:
    odd = Table("access", "<b>&", "<font size=99>", Row, (Row(AT, "</para>", ("<i>",), "&amp;", "x" * 300),))
    assert to_pdf(odd, SOURCE).startswith(b"%PDF-")
