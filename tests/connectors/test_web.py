"""Pages over a real local HTTP server: cursors, waiting, loops, and answers that are none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from connectors import (
    Connector,
    Cursor,
    FeedMalformed,
    FeedRejected,
    FeedUnavailable,
    FhirSearch,
    JsonPages,
    Patience,
    RowFault,
    load_mapping,
)
from records import FeedId, OrgId, RosterEntry
from tests.connectors.feeding import NOW
from tests.connectors.servers import Answer, Source, web_server

Sample = Callable[[str], bytes]


@pytest.fixture
def source() -> Iterator[Source]:
    with web_server() as state:
        yield state


def client() -> httpx2.Client:
    return httpx2.Client(headers={"Authorization": "Bearer not-a-secret"}, timeout=5, trust_env=False)


@dataclass
class Nap:
    """A sleep that only remembers."""

    naps: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.naps.append(seconds)


def pages(source: Source, nap: Nap | None = None, **settings: object) -> JsonPages:
    return JsonPages(client, f"{source.base}/v2/bookings", patience=Patience(sleep=nap or Nap()), **settings)  # type: ignore[arg-type] # keyword settings of the tests


def three_pages(sample: Sample) -> Callable[[str, int], Answer]:
    def answer(path: str, _count: int) -> Answer:
        cursor = parse_qs(urlsplit(path).query).get("cursor", [""])[0]
        number = {"": 1, "eyJvIjozfQ": 2, "eyJvIjo2fQ": 3}[cursor]
        return 200, {}, sample(f"json_api/page-{number}.json")

    return answer


def test_pages_are_walked_to_the_end_and_the_next_poll_goes_on_from_there(source: Source, sample: Sample) -> None:
    source.answer = three_pages(sample)
    transport = pages(source, overlap=timedelta(minutes=10))
    connector = Connector.of(FeedId("api"), transport, load_mapping("json_api_sample"))
    numbers, cursor = [], None
    for pull in connector.pull(None, NOW):
        numbers += [getattr(item, "booking_number", "refused") for item in pull.items()]
        cursor = pull.cursor
        pull.acknowledge()
    assert numbers == ["J-1", "J-2", "J-3", "J-3", "refused", "J-5", "6", "J-1", "J-7", "J-8", "J-9"]
    assert cursor is not None
    source.asked.clear()
    next(iter(transport.poll(cursor, NOW + timedelta(hours=1))))
    assert parse_qs(urlsplit(source.asked[0]).query)["since"] == [(NOW - timedelta(minutes=10)).isoformat()]


def test_a_walk_that_broke_off_goes_on_at_its_page(source: Source, sample: Sample) -> None:
    source.answer = three_pages(sample)
    transport = pages(source)
    first = next(iter(transport.poll(None, NOW)))
    rest = []
    for last in transport.poll(first.cursor, NOW + timedelta(hours=9)):
        rest.append(last.content)
        last.acknowledge()
    assert rest == [sample("json_api/page-2.json"), sample("json_api/page-3.json")]
    assert json.loads(last.cursor.token)["since"] == (NOW - timedelta(minutes=10)).isoformat(), "when the walk began"


def test_a_page_that_was_not_committed_is_not_stepped_over(source: Source, sample: Sample) -> None:
    source.answer = three_pages(sample)
    assert len(list(pages(source).poll(None, NOW))) == 1


def test_a_loop_is_stopped(source: Source, sample: Sample) -> None:
    source.answer = lambda _path, _count: (200, {}, sample("json_api/loop.json"))
    with pytest.raises(FeedMalformed, match="loop"):
        for delivery in pages(source).poll(None, NOW):
            delivery.acknowledge()
    assert len(source.asked) == 2


def test_asked_to_wait_it_waits_then_goes_on(source: Source, sample: Sample) -> None:
    nap = Nap()

    def answer(_path: str, count: int) -> Answer:
        if count == 1:
            return 429, {"Retry-After": "30"}, sample("json_api/error-429.json")
        return 200, {}, b'{"data": [], "page": {"next": null}}'

    source.answer = answer
    assert len(list(pages(source, nap).poll(None, NOW))) == 1
    assert nap.naps == [30.0]


def test_a_longer_wait_is_left_to_the_scheduler(source: Source) -> None:
    date = {"Retry-After": "Tue, 01 Dec 2026 13:00:00 GMT"}
    source.answer = lambda _path, _count: (503, date, b"")
    nap = Nap()
    with pytest.raises(FeedUnavailable) as busy:
        list(pages(source, nap).poll(None, NOW))
    assert nap.naps == []
    assert busy.value.retry_after is not None


def test_passing_faults_are_tried_again_with_growing_pauses(source: Source) -> None:
    source.answer = lambda _path, _count: (500, {}, b"")
    nap = Nap()
    with pytest.raises(FeedUnavailable, match="500"):
        list(pages(source, nap).poll(None, NOW))
    assert (len(source.asked), nap.naps) == (3, [1.0, 2.0])


@pytest.mark.parametrize(
    ("status", "words"), [(401, "credential"), (403, "credential"), (404, "address"), (302, "address")]
)
def test_refusals_are_not_tried_again(source: Source, status: int, words: str) -> None:
    source.answer = lambda _path, _count: (status, {"Location": "https://elsewhere.example.org/"}, b"")
    with pytest.raises(FeedRejected, match=words):
        list(pages(source).poll(None, NOW))
    assert len(source.asked) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!doctype html><html>maintenance</html>", "web page"),
        (b'{"data": [], "page": null}', "does not say"),
        (b'{"data": [], "page": {"next": [7]}}', "no link"),
        (b'{"data": [], "page": {"next": "https://elsewhere.example.org/x"}}', "another server"),
    ],
)
def test_answers_that_are_none_stop_the_poll(source: Source, body: bytes, words: str) -> None:
    source.answer = lambda _path, _count: (200, {}, body)
    with pytest.raises(FeedMalformed, match=words):
        list(pages(source).poll(None, NOW))


def test_a_page_beyond_all_bounds_is_not_read_to_its_end(source: Source) -> None:
    source.answer = lambda _path, _count: (200, {}, b" " * (3 << 20))
    with pytest.raises(FeedMalformed, match="larger than 1 MB"):
        list(pages(source, max_megabytes=1).poll(None, NOW))


def test_an_answer_that_drips_is_given_up_for_now(source: Source) -> None:
    source.answer = lambda _path, _count: (200, {}, b" " * (3 << 20))
    time, nap = iter(range(0, 10**9, 200)), Nap()
    dripping = JsonPages(client, source.base, patience=Patience(sleep=nap, clock=lambda: float(next(time))))
    with pytest.raises(FeedUnavailable, match="too slowly"):
        list(dripping.poll(None, NOW))
    assert len(source.asked) == 3


@pytest.mark.parametrize(("said", "fault"), [(10_000, FeedUnavailable), (12, FeedMalformed)])
def test_an_answer_of_another_length_than_it_says_is_no_page(source: Source, said: int, fault: type[Exception]) -> None:
    body = b'{"data": [], "page": {"next": null}}'
    source.answer = lambda _path, _count: (200, {"Content-Length": str(said)}, body)
    with pytest.raises(fault):
        list(pages(source).poll(None, NOW))


def test_pages_without_end_are_left_after_a_bounded_number(source: Source) -> None:
    """Each leads to one that was never seen. What came before the end of patience is kept, and the walk goes on from there."""
    source.answer = lambda _path, n: (200, {}, json.dumps({"data": [], "page": {"next": f"?cursor={n}"}}).encode())
    taken = []
    with pytest.raises(FeedMalformed, match="more than 5 pages"):
        for delivery in pages(source, max_pages=5).poll(None, NOW):
            delivery.acknowledge()
            taken.append(delivery.cursor)
    assert len(taken) == len(source.asked) == 5
    source.answer = lambda _path, _count: (200, {}, b'{"data": [], "page": {"next": null}}')
    assert len(list(pages(source).poll(taken[-1], NOW))) == 1
    assert source.asked[-1].endswith("?cursor=5")


def test_nobody_at_home(source: Source) -> None:
    gone = JsonPages(client, "http://127.0.0.1:9/x?name=WHITFIELD", patience=Patience(sleep=Nap()))
    with pytest.raises(FeedUnavailable) as error:
        list(gone.poll(None, NOW))
    assert "WHITFIELD" not in str(error.value)


def test_a_foreign_cursor_is_named_as_such(source: Source) -> None:
    with pytest.raises(FeedMalformed, match="reset the feed's cursor"):
        list(pages(source).poll(Cursor("42"), NOW))


def test_a_fhir_search_makes_one_bundle_of_all_pages(source: Source, sample: Sample) -> None:
    first = json.loads(sample("fhir/searchset_page1.json"))
    first["link"][1]["url"] = f"{source.base}/fhir/Patient?_count=6&page=2"

    def answer(path: str, _count: int) -> Answer:
        if path.startswith("/fhir/Patient"):
            return 200, {}, sample("fhir/searchset_page2.json") if "page=2" in path else json.dumps(first).encode()
        return 200, {}, b'{"resourceType":"Bundle","type":"searchset"}'

    source.answer = answer
    search = FhirSearch(client, f"{source.base}/fhir/", patience=Patience(sleep=Nap()))
    connector = Connector.of(FeedId("ehr"), search, load_mapping("fhir_roster"), OrgId("riverbend"))
    (pull,) = connector.pull(None, NOW)
    items = list(pull.items())
    assert len([i for i in items if isinstance(i, RosterEntry)]) == 11, (
        "twelve patients, one on both pages, one nameless"
    )
    assert [i.code for i in items if isinstance(i, RowFault)] == ["no-name"]
    assert datetime.fromisoformat(pull.cursor.token) == NOW.astimezone(UTC)


def test_half_a_roster_is_none(source: Source) -> None:
    def answer(path: str, _count: int) -> Answer:
        if path.startswith("/fhir/Consent"):
            return 404, {}, b""
        return 200, {}, b'{"resourceType":"Bundle"}'

    source.answer = answer
    with pytest.raises(FeedRejected):
        list(FhirSearch(client, f"{source.base}/fhir/").poll(None, NOW))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"resourceType":"OperationOutcome"}', "OperationOutcome"),
        (b"[]", "no Bundle"),
        (b'{"resourceType":"Bundle","link":[{"relation":"next","url":""}]}', "loop"),
        (b'{"resourceType":"Bundle","entry":{}}', "no list"),
    ],
)
def test_fhir_answers_that_are_none(source: Source, body: bytes, words: str) -> None:
    source.answer = lambda _path, _count: (200, {}, body)
    with pytest.raises(FeedMalformed, match=words):
        list(FhirSearch(client, f"{source.base}/fhir/").poll(None, NOW))
