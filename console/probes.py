"""What machines ask: is it up, is it ready, how is it doing. Counts only; nobody can be told from them."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from config import WarmlinkError
from console.guard import OPEN, NotSignedIn
from console.proofs import same
from console.rights import Right
from console.runtime import Runtime, runtime_of
from service.status import StatusPage, status
from store import migrate

router = APIRouter()


@router.get("/healthz", dependencies=[OPEN])
def health() -> Response:
    """The process answers."""
    return JSONResponse({"status": "up"})


@router.get("/readyz", dependencies=[OPEN])
def ready(request: Request) -> Response:
    """The database answers and is of this program's version."""
    try:
        migrate.require_current(runtime_of(request).engine.database)
    except WarmlinkError:
        return JSONResponse({"status": "not ready"}, status_code=503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics", dependencies=[OPEN])
def metrics(request: Request) -> Response:
    """For Prometheus, by its bearer token or an operator's session: counts of alerts are nobody else's business."""
    runtime = runtime_of(request)
    if not _may_collect(request, runtime):
        raise NotSignedIn("metrics are for the collector and the operator")
    text = "".join(f"{line}\n" for line in metric_lines(status(runtime.engine)))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def _may_collect(request: Request, runtime: Runtime) -> bool:
    token = runtime.engine.settings.console.metrics_token.get_secret_value()
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token and same(given, token):
        return True
    who = runtime.sign_in.principal(runtime.token_of(request))
    return who is not None and who.may(Right.OPERATE)


def metric_lines(page: StatusPage) -> Iterator[str]:
    yield from _gauge("warmlink_healthy", "1 when nothing waits for a person.", {"": int(page.healthy)})
    yield from _gauge("warmlink_clients", "Clients on the rosters.", {"": page.clients})
    yield from _gauge("warmlink_audit_entries", "Entries of the audit log.", {"": page.audit_size})
    behind = {"": int(page.clock_behind_s)}
    yield from _gauge(
        "warmlink_clock_behind_seconds", "How far the clock was set back; then nothing is decided.", behind
    )
    yield from _gauge("warmlink_shadow", "1 while it tells nobody.", {"": int(page.shadow)})
    for name, words, at in (
        ("last_cycle", "When a cycle last ended.", page.last_cycle_at),
        ("checkpoint", "When a checkpoint was last published.", page.checkpoint_at),
        ("backup", "When the newest backup was made.", page.backup_at),
        ("outbox_oldest", "Since when the oldest entry of the outbox is due.", page.oldest_waiting),
    ):
        yield from _gauge(f"warmlink_{name}_timestamp_seconds", words, {"": int(at.timestamp())} if at else {})
    feeds = {f'feed="{f.feed}"': int(f.state in {"ok", "new"}) for f in page.feeds}
    yield from _gauge("warmlink_feed_ok", "1 when the feed is as it should be.", feeds)
    last = {f'feed="{f.feed}"': int(f.last_ok_at.timestamp()) for f in page.feeds if f.last_ok_at}
    yield from _gauge("warmlink_feed_last_success_timestamp_seconds", "When the feed was last read.", last)
    waiting = {f'feed="{feed}"': count for feed, count in page.quarantine.items()}
    yield from _gauge("warmlink_quarantined_rows", "Rows that wait for a person.", waiting)
    for name in ("alerts", "outbox", "reviews"):
        states = {f'state="{state}"': count for state, count in page.tally[name].items()}
        yield from _gauge(f"warmlink_{name}", f"{name.capitalize()} by state.", states)


def _gauge(name: str, words: str, values: dict[str, int]) -> Iterator[str]:
    """Text exposition format 0.0.4."""
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} gauge"
    for labels, value in sorted(values.items()):
        yield f"{name}{{{labels}}} {value}" if labels else f"{name} {value}"
