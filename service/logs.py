"""Logging that cannot tell who anybody is: only known keys pass, and only codes, counts, instants and references."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from config import WarmlinkError

ALLOWED = frozenset(
    [
        "event",
        "level",
        "timestamp",
        "error",
        "feed",
        "delivery",
        "state",
        "job",
        "slot",
        "worker",
        "attempt",
        "channel",
        "alert",
        "outbox",
        "count",
        "rows",
        "records",
        "refused",
        "flagged",
        "skipped",
        "replayed",
        "links",
        "reviews",
        "alerts",
        "denied",
        "sent",
        "retried",
        "stuck",
        "kept",
        "changed",
        "retired",
        "seconds",
        "model",
        "rule_set",
        "size",
        "root",
        "version",
    ]
)
"""Keys that may be logged. A new key is a decision, made here and not at the call."""

TALKATIVE = ("asyncssh", "httpx2", "httpcore2", "httpcore")
"""Libraries that name files and addresses in what they log of an ordinary day: a file may be named after somebody."""

_PLAIN = re.compile(r"[A-Za-z0-9 _.,:;/+='()-]{0,200}")


def allow_only(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop what is not on the list, and mask what does not look like a code."""
    return {key: _masked(value) for key, value in event.items() if key in ALLOWED}


def _masked(value: Any) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(k): v for k, v in value.items() if isinstance(v, int)}
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else "<masked>"


def error_code(fault: BaseException) -> str:
    """What a log says of an error: our own messages name no one; of anything else only the class is told."""
    return f"{type(fault).__name__}: {fault}" if isinstance(fault, WarmlinkError) else type(fault).__name__


def logger(clock: Callable[[], datetime], out: TextIO | None = None) -> FilteringBoundLogger:
    """JSON lines, to `out` or to standard error. Whoever opened `out` closes it."""
    for library in TALKATIVE:
        logging.getLogger(library).setLevel(logging.WARNING)

    def stamp(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {"timestamp": clock().isoformat(), "level": method, **event}

    bound: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(out or sys.stderr),
        processors=[stamp, allow_only, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    return bound
