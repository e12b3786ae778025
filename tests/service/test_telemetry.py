"""Do traces tell what a cycle did, and nobody's name?"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from config import TelemetrySettings
from service import telemetry
from service.cycle import Cycle
from service.telemetry import ALLOWED, allowed, traced_cycle, tracing
from store.tables import inbox_item
from tests.service.installation import AVELINE, BARNABY, CORISANDE, Installation
from tests.service.test_commands import NOW, warmlink


def test_a_cycle_is_a_span_with_its_stages_below(sqlite_site: Installation) -> None:
    site, kept = sqlite_site, InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    site.bookings(AVELINE.booked("B-1"), BARNABY.booked("B-2"))
    traced_cycle(site.engine, provider.get_tracer("test"))
    spans = {
        span.name: span for span in kept.get_finished_spans() if (span.attributes or {}).get("feed") != "second-jail"
    }
    assert {"cycle", "feed.roster", "match.index", "feed.bookings", "decide.reconsider", "deliver"} <= spans.keys()
    root = spans.pop("cycle")
    parts = [spans.pop(name) for name in ("match.link", "decide.record")]
    assert all(span.parent is not None and span.parent.span_id == root.context.span_id for span in spans.values())
    delivery = spans["feed.bookings"].context.span_id
    assert [span.parent is not None and span.parent.span_id for span in parts] == [delivery, delivery]
    assert parts[0].end_time is not None
    assert parts[1].start_time is not None
    assert parts[0].end_time <= parts[1].start_time
    assert "other" not in spans
    assert root.attributes is not None
    assert root.attributes["alerts"] == 2
    said = json.dumps([span.to_json() for span in kept.get_finished_spans()])
    assert not [word for word in ("Quistgaard", "Barnaby", "CN1", "B-1", "river-bh") if word in said]
    attributes = {name for span in kept.get_finished_spans() for name in span.attributes or {}}
    assert attributes <= ALLOWED


def test_a_fault_is_told_by_its_class_only(sqlite_site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Cycle) -> None:
        raise ValueError("Aveline Quistgaard")

    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(telemetry.Cycle, "run", broken)  # type: ignore[attr-defined]  # where it is used
    with pytest.raises(ValueError, match="Aveline"):
        traced_cycle(sqlite_site.engine, provider.get_tracer("test"))
    (span,) = kept.get_finished_spans()
    assert span.status.description == "ValueError"
    assert "Quistgaard" not in span.to_json()


def test_attributes_that_are_not_on_the_list_do_not_pass() -> None:
    assert allowed({"feed": "jail", "rows": 3, "client": "CN1", "alerts": "Aveline"}) == {"feed": "jail", "rows": 3}


@dataclass
class Collector:
    """A collector at the other end of OTLP over HTTP: it reads what arrives as the protocol's own message."""

    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    port: int = 0

    def spans(self) -> list[Span]:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            s for r in requests for resource in r.resource_spans for scope in resource.scope_spans for s in scope.spans
        ]

    def service(self) -> dict[str, str]:
        request = ExportTraceServiceRequest.FromString(self.bodies[0])
        return {a.key: a.value.string_value for a in request.resource_spans[0].resource.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            collector.paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """It stays silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.port = server.server_address[1]
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield collector
        server.shutdown()
        thread.join()


def test_a_single_cycle_reaches_a_collector_and_tells_it_nobody(sqlite_site: Installation) -> None:
    """`warmlink run --once`, as an operator runs it, with a collector that speaks OTLP over HTTP."""
    site = sqlite_site
    people = (AVELINE, BARNABY, CORISANDE)
    site.bookings(*(person.booked(f"B-{n}") for n, person in enumerate(people)))
    with collecting() as collector:
        endpoint = f"http://127.0.0.1:{collector.port}/v1/traces"
        done = warmlink("run", "--once", "--now", NOW, home=site.home, WARMLINK_TELEMETRY__ENDPOINT=endpoint)
        assert done.returncode == 0, done.stderr
    assert set(collector.paths) == {"/v1/traces"}
    assert collector.service() == {"service.name": "warmlink", "service.version": version("warmlink")}
    spans = {s.name: s for s in collector.spans() if "second-jail" not in {a.value.string_value for a in s.attributes}}
    assert {"cycle", "feed.bookings", "match.link", "decide.record", "deliver"} <= spans.keys()
    assert spans["match.link"].parent_span_id == spans["feed.bookings"].span_id
    said = {a.key: a.value.int_value for a in spans["cycle"].attributes}
    assert said["alerts"] == said["delivered"] == len(people)
    told = b"".join(collector.bodies).lower()
    needles = [v for p in people for v in (*p.facts().values(), p.number) if len(v) > 3 and v != "HARLAN SPRINGS"]
    assert [needle for needle in (*needles, "harlan", "B-1", "A1@") if needle.lower().encode() in told] == []


def test_a_collector_that_is_away_keeps_no_cycle(sqlite_site: Installation) -> None:
    sqlite_site.bookings(AVELINE.booked("B-1"))
    endpoint = "http://127.0.0.1:9/v1/traces"  # the discard port, where nobody listens
    done = warmlink("run", "--once", "--now", NOW, home=sqlite_site.home, WARMLINK_TELEMETRY__ENDPOINT=endpoint)
    assert done.returncode == 0
    assert sqlite_site.count(inbox_item) == 1


def test_without_a_collector_there_is_no_tracer() -> None:
    with tracing(TelemetrySettings()) as tracer:
        assert tracer is None
