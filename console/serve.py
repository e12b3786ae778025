"""Serving the console: one process, no access log (addresses hold references), no word about what serves it."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from config import ConfigError, Profile
from console.app import create_app
from service.engine import Engine


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen. Without certificate and key it must be the machine itself, or a proxy on it that does TLS."""

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None


def serve(engine: Engine, at: Listening, *, demo: bool = False) -> None:
    """Answer requests until stopped. Raises ConfigError where clear text would cross a network."""
    check(engine, at)
    uvicorn.run(
        standing_app(engine, demo=demo),
        host=at.host,
        port=at.port,
        ssl_certfile=at.certificate,
        ssl_keyfile=at.key,
        access_log=False,
        proxy_headers=False,  # whom to believe about an address is configured, and never the environment's to say
        server_header=False,
        date_header=True,
        log_level="warning",
        timeout_graceful_shutdown=10,
    )


def standing_app(engine: Engine, *, demo: bool = False) -> FastAPI:
    """The application of a process that does nothing else.

    What is there from the start stays, so the collector need not look through it again: a full collection of it took
    190 ms, and somebody's page waited for that.
    """
    app = create_app(engine, demo=demo)
    gc.collect()
    gc.freeze()
    return app


def check(engine: Engine, at: Listening) -> None:
    if (at.certificate is None) != (at.key is None):
        raise ConfigError("--certificate and --key go together")
    if at.certificate is None and not _here(at.host) and engine.settings.profile is Profile.PRODUCTION:
        raise ConfigError("give --certificate and --key, or listen on 127.0.0.1 behind a proxy that does TLS")


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
