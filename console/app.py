"""The application: every router, behind its gates, under its headers."""

from __future__ import annotations

from importlib.resources import files

import httpx2
from argon2 import PasswordHasher
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from console import api, faults, probes, push
from console.desks import account, compliance, consents, door, inbox, measures, operations, policy, review
from console.guard import guarded_routes
from console.headers import SecurityHeaders
from console.limits import BodyLimit
from console.oidc import Provider
from console.pace import Buckets, Pace
from console.proofs import Passwords
from console.runtime import Runtime
from console.signin import SignIn
from service.dispatch import Dispatcher
from service.engine import Engine

ROUTERS = (
    door.router, account.router, inbox.router, review.router, compliance.router, consents.router, policy.router,
    operations.router, measures.router, probes.router, *api.ROUTERS, push.router,
)  # fmt: skip


def create_app(
    engine: Engine, *, demo: bool = False, hasher: PasswordHasher | None = None, http: httpx2.Client | None = None
) -> FastAPI:
    """The console on an open engine. Raises ConfigError if any route stands behind no gate.

    `hasher` and `http` stand in for the real ones in tests.
    """
    app = FastAPI(title="Warmlink", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    list(guarded_routes(ROUTERS))
    passwords = Passwords(hasher) if hasher else Passwords()
    provider = _provider(engine, http)
    app.state.runtime = Runtime(engine, SignIn(engine, passwords), provider, demo, lambda: Dispatcher(engine).run())
    for router in ROUTERS:
        app.include_router(router, include_in_schema=router in (*api.ROUTERS, push.router))
    app.mount("/static", StaticFiles(directory=str(files("console") / "static")))
    faults.install(app)
    push.install(app, engine)
    app.add_middleware(BodyLimit, elsewhere=push.ADDRESS)
    buckets = Buckets(engine.settings.console.requests_per_minute, engine.clock)
    app.add_middleware(Pace, buckets=buckets, cookie=app.state.runtime.cookie)
    app.add_middleware(faults.LastResort)
    app.add_middleware(SecurityHeaders, secure=app.state.runtime.secure)
    if trusted := engine.settings.console.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(map(str, trusted)))
    return app


def _provider(engine: Engine, http: httpx2.Client | None) -> Provider | None:
    settings = engine.settings.console
    if not settings.oidc.issuer:
        return None
    client = http or httpx2.Client(timeout=10, follow_redirects=False)
    return Provider(settings.oidc, f"{settings.origin}/sign-in/provider/done", client)
