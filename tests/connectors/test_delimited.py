"""Delimited text: strict where it matters, and one bad row never costs its neighbours."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import FeedMalformed, Remark, Row, RowFault, Skip
from connectors.formats import CsvFormat
from connectors.rows import Item
from tests.connectors.feeding import read

FORMAT = CsvFormat()


def rows(text: str | bytes, form: CsvFormat = FORMAT, columns: tuple[str, ...] = ("a", "b")) -> list[Item]:
    content = text.encode() if isinstance(text, str) else text
    return list(form.rows(io.BytesIO(content), columns))


def short(items: list[Item]) -> list[object]:
    return [
        (i.line, *i.values.values()) if isinstance(i, Row) else (i.line, i.code) if isinstance(i, RowFault) else i
        for i in items
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "end"])
def test_any_line_end_and_a_last_line_without_one(end: str, last: str) -> None:
    assert short(rows(f"a,b{end}1,2{end}3,4{end if last else ''}")) == [(2, "1", "2"), (3, "3", "4")]


def test_an_unclosed_quote_costs_its_own_row_only() -> None:
    text = 'a,b\n1,"open\n3,4\n"5","6"\n7,8\n'
    assert short(rows(text)) == [(2, "quoting"), (3, "3", "4"), (4, "5", "6"), (5, "7", "8")]


def test_an_unclosed_quote_on_the_last_line() -> None:
    assert short(rows('a,b\n1,2\n3,"open\n')) == [(2, "1", "2"), (3, "quoting")]


def test_a_record_over_too_many_lines_is_an_unclosed_quote() -> None:
    text = 'a,b\n1,"open\n' + "3,4\n" * 30 + '5,"6"\n'
    found = short(rows(text, CsvFormat(max_span=5)))
    assert found[0] == (2, "quoting")
    assert found[1:] == [(n, "3", "4") for n in range(3, 33)] + [(33, "5", "6")]


def test_a_giant_line_is_refused_and_the_next_is_read() -> None:
    text = "a,b\n" + "x" * 5_000 + "\n1,2\n"
    assert short(rows(text, CsvFormat(max_line=1000))) == [(2, "too-long"), (3, "1", "2")]


def test_a_giant_line_inside_a_quoted_record() -> None:
    text = 'a,b\n1,"open\n' + "x" * 5_000 + "\n3,4\n"
    assert short(rows(text, CsvFormat(max_line=1000))) == [(2, "quoting"), (3, "too-long"), (4, "3", "4")]


def test_undecodable_bytes_cost_their_line_only() -> None:
    assert short(rows(b"a,b\n1,\xff\n3,4\n")) == [(2, "encoding"), (3, "3", "4")]


def test_columns_may_be_reordered_and_new_ones_are_remarked_upon() -> None:
    (remark, row) = rows("new,b,a\n9,2,1\n")
    assert remark == Remark("columns that the mapping does not know: new")
    assert isinstance(row, Row)
    assert (row.values["a"], row.values["b"]) == ("1", "2")


def test_another_delimiter_is_recognised_in_the_message_only() -> None:
    with pytest.raises(FeedMalformed, match=r"is the delimiter '\|' rather than ','"):
        rows("a|b\n1|2\n")
    assert short(rows("a|b\n1|2\n", CsvFormat(delimiter="|"))) == [(2, "1", "2")]


def test_a_file_without_its_header_does_not_print_the_person_in_its_first_line() -> None:
    with pytest.raises(FeedMalformed) as stopped:
        read(b'"26-1","P1","WHITFIELD, DESHAWN"\n', "jms_export")
    assert "WHITFIELD" not in str(stopped.value)


def test_a_doubled_column_is_refused() -> None:
    with pytest.raises(FeedMalformed, match="twice in the header: a"):
        rows("a,b,a\n1,2,3\n")


def test_repeated_headers_blank_lines_and_the_end_of_file_mark_are_no_records() -> None:
    items = rows("a,b\n\n1,2\na,b\n,\n \n\x1a")
    assert [i.reason for i in items if isinstance(i, Skip)] == [
        "blank line", "repeated header", "blank line", "blank line", "blank line",
    ]  # fmt: skip
    assert short(items)[1] == (3, "1", "2")


def test_a_required_trailer_that_is_missing_means_a_truncated_file() -> None:
    form = CsvFormat(trailer=r"^END (\d+)$", trailer_required=True)
    assert short(rows("a,b\n1,2\nEND 1\n", form))[0] == (2, "1", "2")
    with pytest.raises(FeedMalformed, match="cut off"):
        rows("a,b\n1,2\n", form)


def test_files_without_a_header_take_their_columns_from_the_mapping() -> None:
    assert short(rows("1,2\n", CsvFormat(header_line=0, columns=("a", "b")))) == [(1, "1", "2")]


@given(st.binary(max_size=400))
def test_no_bytes_crash_it_and_no_line_disappears(content: bytes) -> None:
    body = b"a,b\n" + content
    items = rows(body)
    records = sum(isinstance(i, Row | RowFault | Skip) for i in items)
    lines = len(re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", body.decode("utf-8", "surrogateescape"))) - 1
    inside = sum(
        len(re.findall(r"\r\n|\r|\n", value)) for i in items if isinstance(i, Row) for value in i.values.values()
    )
    assert records + inside == lines


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1), st.text(alphabet='ab", \n')
        ),
        max_size=8,
    )
)
def test_what_a_csv_writer_writes_is_read_back(table: list[tuple[str, str]]) -> None:
    import csv

    text = io.StringIO(newline="")
    csv.writer(text).writerows([("a", "b"), *table])
    found = [tuple(i.values.values()) for i in rows(text.getvalue()) if isinstance(i, Row)]
    assert found == [pair for pair in table if any(pair) and pair != ("a", "b")]


def test_a_quoted_header_does_not_disturb_the_quoted_record_after_it() -> None:
    assert short(rows('"a","b"\n1,"open\n3,4\n"5","6"\n')) == [(2, "quoting"), (3, "3", "4"), (4, "5", "6")]


def test_a_quoted_record_of_several_lines_with_the_wrong_columns_costs_one_line() -> None:
    assert short(rows('a,b\n1,2,"x\ny"\n3,4\n')) == [(2, "columns"), (3, "columns"), (4, "3", "4")]


@pytest.mark.parametrize("quote", ['"', ""])
def test_lines_without_quotes_are_split_as_the_library_would(quote: str) -> None:
    text = "a,b\n 1 ,2\n,\n\n3,\n,4\n\x0b,\x85\n"
    lines = [fields for fields in csv.reader(io.StringIO(text, newline=""), strict=True) if any(fields)]
    assert [list(row.values.values()) for row in rows(text, CsvFormat(quote=quote)) if isinstance(row, Row)] == lines[
        1:
    ]
