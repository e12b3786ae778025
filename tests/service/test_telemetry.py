"""Do traces tell what a cycle did, and nobody's name?"""

from __future__ import annotations

import json

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from config import TelemetrySettings
from service import telemetry
from service.cycle import Cycle
from service.telemetry import ALLOWED, allowed, traced_cycle, tracing
from tests.service.installation import AVELINE, BARNABY, Installation


def test_a_cycle_is_a_span_with_its_stages_below(sqlite_site: Installation) -> None:
    site, kept = sqlite_site, InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    site.bookings(AVELINE.booked("B-1"), BARNABY.booked("B-2"))
    traced_cycle(site.engine, provider.get_tracer("test"))
    spans = {span.name: span for span in kept.get_finished_spans()}
    assert {"cycle", "feed.roster", "match.index", "feed.bookings", "decide.reconsider", "deliver"} <= spans.keys()
    root = spans.pop("cycle")
    assert all(span.parent is not None and span.parent.span_id == root.context.span_id for span in spans.values())
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


def test_without_a_collector_there_is_no_tracer() -> None:
    with tracing(TelemetrySettings()) as tracer:
        assert tracer is None
