"""No bytes crash a parser, and none makes it lose a row without a word."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors import (
    Connector,
    FeedMalformed,
    FeedUnavailable,
    Mapping,
    RowFault,
    ScriptedTransport,
    load_mapping,
    ready_mappings,
)
from records import BookingEvent, FeedId, OrgId, RosterEntry, StaffMember
from tests.connectors.feeding import NOW, changed

FEEDS = Path(__file__).parents[3] / "shared" / "data" / "feeds"
COMMON = FEEDS.parent / "us_small"
SAMPLES: dict[str, tuple[Mapping, bytes]] = {
    "csv bookings": (load_mapping("common_bookings"), (COMMON / "bookings.csv").read_bytes()[:3000]),
    "csv roster": (load_mapping("common_roster"), (COMMON / "roster.csv").read_bytes()[:3000]),
    "jail csv": (load_mapping("jms_export"), (FEEDS / "jms_csv/jms_export.csv").read_bytes()),
    "jail csv in utf-16": (
        changed("jms_export", encoding="utf-16"),
        (FEEDS / "jms_csv/jms_export_utf16.csv").read_bytes(),
    ),
    "fixed width": (load_mapping("fixed_width_sample"), (FEEDS / "fixed_width/bookings.txt").read_bytes()),
    "json": (load_mapping("json_api_sample"), (FEEDS / "json_api/page-2.json").read_bytes()),
    "niem": (load_mapping("niem_booking"), (FEEDS / "niem_xml/03-alias-latin1.xml").read_bytes()),
    "hl7": (load_mapping("hl7_adt"), (FEEDS / "hl7_adt/adt_messages.hl7").read_bytes()),
    "hl7 frames": (changed("hl7_adt", framed=True), (FEEDS / "hl7_adt/adt_mllp.bin").read_bytes()),
    "xlsx": (load_mapping("xlsx_roster"), (FEEDS / "xlsx/roster.xlsx").read_bytes()),
    "fhir": (load_mapping("fhir_roster"), (FEEDS / "fhir/roster_bundle.json").read_bytes()),
    "fhir lines": (changed("fhir_roster", lines=True), (FEEDS / "fhir/Patient.ndjson").read_bytes()),
    "seventeen columns": (
        load_mapping("coremr_roster"),
        b"Pena,Mari,,1,1946-07-22,,F,W,LKC,PD,A,1,B,2018-06-06T12:34,,65,x\r\n" * 3,
    ),
    "ini": (
        load_mapping("coremr_event"),
        b"[DEM]\r\nFacility=L\r\nLastName=P\r\nBooking=1\r\nBookingDate=2017-06-20 14:32:04\r\n",
    ),
}
EXAMPLES = int(os.environ.get("WARMLINK_FUZZ_EXAMPLES", "60"))
NASTY = [
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n", b'"', b'""', b",", b"\x1a", b"\x0b", b"\x1c\r", b"\xed\xa0\x80",
    b"MSH|", b"MSH", b"MSH|^~\\&|", b"\\X0D\\", b"<!DOCTYPE a>", b"&a;", b"<![CDATA[", b"]]>", b"[", b"{", b'{"resource":null}',
    b"null", b"1e999", b"NaN", b"9" * 400, b"=CMD()", "\u202e\u200b\u2028".encode(), b"2026-02-30", b"\\uD800",
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, sample: bytes) -> bytes:
    """A sample with a few cuts, copies and insertions."""
    content = sample
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        stop = draw(st.integers(start, min(len(content), start + 200)))
        piece = draw(
            st.one_of(st.sampled_from(NASTY), st.binary(max_size=8), st.just(content[start:stop] * 2), st.just(b""))
        )
        content = content[:start] + piece + content[stop:]
    return content


def survives(mapping: Mapping, content: bytes) -> None:
    connector = Connector.of(FeedId("jail"), ScriptedTransport([content]), mapping, OrgId("org"))
    (pull,) = connector.pull(None, NOW)
    refused = 0
    try:
        for item in pull.items():
            refused += isinstance(item, RowFault)
            repr(item)
    except (FeedMalformed, FeedUnavailable) as error:
        said = str(error)
    else:
        said = ""
    if said:
        assert said.startswith("feed jail, ")
        return
    summary = pull.summary
    assert summary.complete
    assert summary.rows == summary.records + summary.refused + summary.duplicates
    assert summary.refused == refused


@pytest.mark.parametrize("name", SAMPLES)
def test_damaged_samples(name: str) -> None:
    mapping, sample = SAMPLES[name]

    @given(damaged(sample))
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def run(content: bytes) -> None:
        survives(mapping, content)

    run()


CORPUS = Path(__file__).parent / "corpus"
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(folder.name for folder in CORPUS.iterdir()))
def test_what_the_coverage_guided_fuzz_found_before(name: str) -> None:
    """The inputs that `fuzz.py` kept: each reached a part of a parser that no earlier one had."""
    kept = sorted((CORPUS / name).iterdir())
    assert kept
    for file in kept:
        survives(load_mapping(name), file.read_bytes())


def test_a_short_run_of_the_coverage_guided_fuzz_finds_nothing(tmp_path: Path) -> None:
    """Every ready mapping's format in turns, from the kept corpus, with a seed that makes the run repeatable."""
    command = [
        sys.executable,
        "-m",
        "tests.connectors.fuzz",
        "all",
        "--runs",
        "3000",
        "--seed",
        "7",
        "--into",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done 3000 runs" in done.stderr
    assert list(tmp_path.glob("crash-*")) == []


def test_every_format_has_its_corpus() -> None:
    formats = {name: load_mapping(name).format.type for name in ready_mappings()}
    assert {formats[folder.name] for folder in CORPUS.iterdir()} == set(formats.values())


@pytest.mark.parametrize("name", SAMPLES)
def test_random_bytes(name: str) -> None:
    mapping, _ = SAMPLES[name]

    @given(st.binary(max_size=300))
    @example(b"\x00" * 300)
    @example(b"\xff\xfe\x00")
    @example(b"\xfe\xff")
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def run(content: bytes) -> None:
        survives(mapping, content)

    run()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["reference", "value", "use", "x"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@st.composite
def reshaped(draw: st.DrawFn, document: object) -> object:
    """A document in which a few nodes are of another type, gone, or there twice."""
    copy = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 5))):
        parent: Any = None
        key: Any = None
        node: Any = copy
        while isinstance(node, dict | list) and node and (parent is None or draw(st.integers(0, 5))):
            parent = node
            key = draw(st.sampled_from(sorted(node))) if isinstance(node, dict) else draw(st.integers(0, len(node) - 1))
            node = parent[key]
        if parent is not None:
            parent[key] = draw(ANYTHING)
    return copy


@pytest.mark.parametrize("name", ["fhir", "json"])
def test_documents_of_another_shape(name: str) -> None:
    mapping, sample = SAMPLES[name]

    @given(reshaped(json.loads(sample)))
    @settings(max_examples=EXAMPLES * 2, deadline=None, suppress_health_check=list(HealthCheck))
    def run(document: object) -> None:
        survives(mapping, json.dumps(document).encode())

    run()


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in {"xlsx", "fhir", "json", "niem"}])
def test_a_line_of_ten_megabytes_costs_its_own_row(name: str) -> None:
    """Small bounds stand for a gigabyte: the rest of the long line is dropped as it is read."""
    mapping, sample = SAMPLES[name]
    survives(mapping, sample + b"x" * 10_000_000 + b"\n" + sample)


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_that_is_said_or_logged_about_a_feed_names_a_person(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whole, and cut in the middle, so that errors of the whole file are said too."""
    caplog.set_level(logging.DEBUG)
    mapping, sample = SAMPLES[name]
    said, persons = [], set[str]()
    for content in (
        sample,
        sample[: len(sample) // 2],
        sample.replace(b"19", b"39"),
        sample + b"\x00\xff",
        sample.replace(b"O'ROURKE", b"O\\Xzz\\ROURKE\\ROURKE"),
    ):
        connector = Connector.of(FeedId("jail"), ScriptedTransport([content]), mapping, OrgId("org"))
        (pull,) = connector.pull(None, NOW)
        try:
            for item in pull.items():
                said.append(repr(item) if not isinstance(item, StaffMember) else "")
                if isinstance(item, BookingEvent | RosterEntry):
                    said += [repr(flag) for flag in item.flags]
                    persons |= {
                        t.upper() for i in item.identities for t in (i.first, i.last, i.birth_date, i.ssn4, i.phone)
                    }
        except (FeedMalformed, FeedUnavailable) as error:
            said.append("".join(traceback.format_exception(error)))
        said += [*pull.summary.remarks, repr(pull), pull.name]
    text = "\n".join([*said, caplog.text]).upper()
    whole_words = {person for person in persons if len(person) > 3 and re.search(rf"\b{re.escape(person)}\b", text)}
    assert whole_words == set()


@pytest.mark.parametrize("name", SAMPLES)
def test_every_cut_is_survived(name: str) -> None:
    mapping, sample = SAMPLES[name]
    for cut in range(0, len(sample), max(1, len(sample) // 60)):
        survives(mapping, sample[:cut])
