"""Traces for a collector (OpenTelemetry), if one is wanted: which stage of a cycle takes how long, and how much it did.

Optional: the extra `otel`. A span has the name of a stage, the name of a feed and counts. Only attributes on the list pass,
and none of them can tell who anybody is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from config import ConfigError, TelemetrySettings
from service.cycle import Cycle, CycleReport
from service.engine import Engine
from service.progress import Progress, silent

ALLOWED = frozenset(
    [
        "feed",
        "rows",
        "refused",
        "clients",
        "events",
        "candidates",
        "alerts",
        "reviews",
        "denied",
        "delivered",
        "dead",
        "checkpoints",
    ]
)
"""Attributes that a span may have. A new one is a decision, made here and not at the call."""
_PATIENCE = 5
"""Seconds for a collector to take spans; a cycle waits for none of them."""
STAGES: Mapping[str, str] = {
    "encodings": "match.encodings",
    "roster": "feed.roster",
    "index": "match.index",
    "bookings": "feed.bookings",
    "consents": "decide.reconsider",
    "follow up": "deliver.follow_up",
    "send": "deliver",
    "retention": "retention",
    "measures": "measures.close",
    "checkpoint": "audit.checkpoint",
    "match": "match.link",
    "decide": "decide.record",
}
"""What a cycle says that it works on, as spans are called."""


@dataclass(slots=True)
class Spans:
    """One cycle's spans: each stage ends when the next begins, and so does each part of a stage below it."""

    tracer: Any
    _open: list[Any] = field(default_factory=list)

    def stage(self, stage: str, feed: str) -> None:
        """To be handed to a cycle as its progress."""
        self._end_down_to(0)
        self._begin(stage, feed)

    def part(self, stage: str, feed: str) -> None:
        """To be handed to it for the parts of a delivery: matching one lot of bookings, then deciding about them."""
        self._end_down_to(1)
        self._begin(stage, feed)

    def end(self) -> None:
        self._end_down_to(0)

    def _begin(self, stage: str, feed: str) -> None:
        from opentelemetry.trace import set_span_in_context

        above = set_span_in_context(self._open[-1]) if self._open else None
        said = allowed({"feed": feed} if feed else {})
        self._open.append(self.tracer.start_span(STAGES.get(stage, "other"), context=above, attributes=said))

    def _end_down_to(self, depth: int) -> None:
        while len(self._open) > depth:
            self._open.pop().end()


def allowed(attributes: Mapping[str, str | int]) -> dict[str, str | int]:
    """What may be told of it: counts, and the names that the configuration gives to feeds."""
    return {
        name: value
        for name, value in attributes.items()
        if name in ALLOWED and (name == "feed" or isinstance(value, int))
    }


def traced_cycle(engine: Engine, tracer: Any | None, progress: Progress = silent) -> CycleReport:
    """One cycle under a span of its own, its stages as children; just the cycle where there is no tracer.

    A fault ends the span as an error, by its class only: its message may hold a person.
    """
    if tracer is None:
        return Cycle(engine, progress).run()
    from opentelemetry.trace import Status, StatusCode, use_span

    root = tracer.start_span("cycle")
    spans = Spans(tracer)

    def both(stage: str, feed: str) -> None:
        spans.stage(stage, feed)
        progress(stage, feed)

    with use_span(root, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            report = Cycle(engine, both, spans.part).run()
        except BaseException as fault:
            root.set_status(Status(StatusCode.ERROR, type(fault).__name__))
            raise
        finally:
            spans.end()
        root.set_attributes(allowed(_counts(report)))
    return report


def _counts(report: CycleReport) -> dict[str, str | int]:
    tally, sent = report.tally, report.sent
    return {
        "rows": report.rows,
        "refused": report.refused,
        "clients": report.clients,
        "events": tally.events,
        "candidates": tally.candidates,
        "alerts": tally.alerts,
        "reviews": tally.verdicts["REVIEW"],
        "denied": tally.decisions["deny"],
        "delivered": sum(sent.delivered.values()),
        "dead": sum(sent.dead.values()),
        "checkpoints": len(report.checkpoints),
    }


@contextmanager
def tracing(settings: TelemetrySettings) -> Iterator[Any | None]:
    """A tracer that sends to the collector, or None where none is configured. What waits is sent when it ends.

    Raises ConfigError where the extra is not installed.
    """
    if not settings.endpoint:
        yield None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as fault:
        raise ConfigError("telemetry.endpoint needs the extra: pip install warmlink[otel]") from fault
    resource = Resource({"service.name": "warmlink", "service.version": version("warmlink")})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.endpoint, timeout=_PATIENCE)))
    try:
        yield provider.get_tracer("warmlink")
    finally:
        provider.shutdown()
