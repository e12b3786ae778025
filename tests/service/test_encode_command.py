"""Is a population encoded once the same as one encoded on the spot, in whatever parts; and is what does not belong together refused?"""

from __future__ import annotations

import gzip
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Refuse, TellPerson
from matcher import EncodedBatch, Encoder, HeaderMismatch, LinkageKey, default_model
from service import tabular
from service.common_form import encoded_rows, rows
from service.encode import EncodeReport, Work, run_encode
from service.encodings import LIST, Folder, Kind, vault_of
from service.link import run_link
from service.parts import parts, rows_of
from tests.service.test_link import BOOKINGS, ROSTER

MODEL = default_model()
KEY = LinkageKey("e2", "key-2", b"\x05" * 32)
_drawn = count(1)
SPOILED = ROSTER + 'C7,"Ana\nMaría",,"O""Hara",1980-01-02,F,,,,,,\nC1,Repeated,,Fontenot,1981-04-17,F,,,,,,\n'


def encode(folder: Path, text: str, out: str, *, key: LinkageKey = KEY, at_once: int = 2) -> EncodeReport:
    source = folder / f"{out}.csv"
    source.write_text(text, "utf-8")
    work = Work(source, folder / out, "roster", people=1)
    return run_encode(work, model=MODEL, key=key, random=_counted, rows_at_once=at_once)


def _counted(size: int) -> bytes:
    return next(_drawn).to_bytes(size, "big")


def read(folder: Path, key: LinkageKey = KEY, kind: Kind = "roster") -> tuple[list[str], bytes]:
    ids, batches = list[str](), list[EncodedBatch]()
    for some, batch in Folder(folder, kind, Encoder(key, MODEL).header, vault_of(key, _counted)).read():
        ids += some
        batches.append(batch)
    return ids, EncodedBatch.concat(batches).to_bytes()


@pytest.mark.parametrize("at_once", [1, 2, 3, 1000])
def test_in_parts_it_is_what_it_is_at_once(tmp_path: Path, at_once: int) -> None:
    """The ids, the encodings, and which rows are left out and why: a repeated id across parts too."""
    report = encode(tmp_path, SPOILED, "made", at_once=at_once)
    whole = list(encoded_rows(tmp_path / "made.csv", "client_id", Encoder(KEY, MODEL)))
    assert read(tmp_path / "made") == (
        [i for ids, _ in whole for i in ids],
        EncodedBatch.concat([batch for _, batch in whole]).to_bytes(),
    )
    assert [(bad.line, bad.reason) for bad in report.bad_rows] == [
        (4, "no client_id"), (5, "client_id seen before"), (6, "no name"), (7, "wrong number of fields"),
        (10, "client_id seen before"),
    ]  # fmt: skip
    assert report.people == 3


CELL = st.text(st.sampled_from('ab,"\n é'), max_size=4)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=12), st.integers(1, 5), st.booleans())
def test_parts_of_a_file_are_the_file(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], at_once: int, mark: bool
) -> None:
    path = tmp_path_factory.mktemp("parts") / "table.csv"
    quoted = ["a,b"] + [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in cells]
    path.write_text("\n".join(quoted), "utf-8-sig" if mark else "utf-8")
    cut = parts(path, ("a",), at_once)
    assert [row for part in cut for row in rows_of(path, part, ("a",))] == list(rows(path, ("a",)))
    assert len(cut) == -(-len(cells) // at_once)


def test_a_zipped_file_is_one_part(tmp_path: Path) -> None:
    (tmp_path / "r.csv.gz").write_bytes(gzip.compress(SPOILED.encode()))
    (part,) = parts(tmp_path / "r.csv.gz", ("client_id",), 2)
    assert list(rows_of(tmp_path / "r.csv.gz", part, ("client_id",))) == list(rows(tmp_path / "r.csv.gz", ()))


def test_links_are_those_of_the_plain_files(tmp_path: Path) -> None:
    encode(tmp_path, ROSTER, "roster")
    (tmp_path / "bookings.csv").write_text(BOOKINGS)
    booked = Work(tmp_path / "bookings.csv", tmp_path / "bookings", "bookings")
    run_encode(booked, model=MODEL, key=KEY, random=_counted)
    for n, pair in enumerate((("roster.csv", "bookings.csv"), ("roster", "bookings.csv"), ("roster", "bookings"))):
        files = [tmp_path / name for name in (*pair, f"links-{n}.csv")]
        report = run_link(*files, model=MODEL, key=KEY)
        assert (report.clients, report.bookings) == (2, 3)
        assert files[2].read_bytes() == (tmp_path / "links-0.csv").read_bytes()


def test_encodings_of_another_epoch_key_or_kind_are_refused(tmp_path: Path) -> None:
    encode(tmp_path, ROSTER, "roster")
    (tmp_path / "bookings.csv").write_text(BOOKINGS)
    others = (LinkageKey("e1", "key-2", KEY.root), "epoch"), (LinkageKey("e2", "key-1", KEY.root), "key_id")
    for key, field in others:
        with pytest.raises(HeaderMismatch, match=field):
            run_link(tmp_path / "roster", tmp_path / "bookings.csv", tmp_path / "l.csv", model=MODEL, key=key)
    with pytest.raises(Refuse, match="not of bookings"):
        read(tmp_path / "roster", kind="bookings")
    with pytest.raises(TellPerson, match="sealed under another key"):  # the names of the key agree and it does not
        read(tmp_path / "roster", LinkageKey("e2", "key-2", b"\x06" * 32))


def test_a_folder_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    encode(tmp_path, SPOILED, "made")
    encode(tmp_path, ROSTER, "other")
    made = tmp_path / "made"
    with pytest.raises(Refuse, match="there already"):
        encode(tmp_path, SPOILED, "made")
    first, listed = (made / "part-000000.parquet").read_bytes(), (made / LIST).read_bytes()
    (made / "part-000000.parquet").write_bytes((made / "part-000003.parquet").read_bytes())
    with pytest.raises(TellPerson, match="0/0 was altered, moved"):
        read(made)
    (made / "part-000000.parquet").write_bytes(first)
    (made / LIST).write_bytes((tmp_path / "other" / LIST).read_bytes())
    with pytest.raises(TellPerson, match="altered, moved"):
        read(made)
    (made / LIST).write_bytes(listed.replace(b'"parts": "', b'"parts": "AAAA'))
    with pytest.raises(TellPerson, match="list was altered"):
        read(made)
    (made / LIST).unlink()
    with pytest.raises(TellPerson, match="was not finished"):
        read(made)


def test_nothing_in_the_folder_is_readable(tmp_path: Path) -> None:
    encode(tmp_path, ROSTER, "made")
    written = b"".join(path.read_bytes() for path in (tmp_path / "made").iterdir())
    assert not [
        needle for needle in (b"Kowalczyk", b"Fontenot", b"FONTENOT", b"WLfl1") if needle in written.replace(b"\n", b"")
    ]


def test_a_file_without_the_columns_is_refused_before_the_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(TellPerson, match="no column client_id"):
        encode(tmp_path, "a,b\n1,2\n", "made")
    assert not (tmp_path / "made").exists()


def test_an_empty_roster_is_encoded_to_nobody(tmp_path: Path) -> None:
    heading = ROSTER.partition("\n")[0] + "\n"
    assert encode(tmp_path, heading, "made").people == 0
    writer = tabular.ParquetWriter(tmp_path / "none.parquet")
    writer.writerow(heading.strip().split(","))
    writer.close()
    work = Work(tmp_path / "none.parquet", tmp_path / "of-parquet", "roster")
    assert run_encode(work, model=MODEL, key=KEY, random=_counted).people == 0
