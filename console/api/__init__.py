"""/api/v1: what the desks do, for scripts and for our own pages. OpenAPI 3.1 describes it at /api/v1/openapi.json."""

from __future__ import annotations

from console.api import accounts, compliance, consents, inbox, me, operations, review
from console.api.description import FAULTS, PREFIX

ROUTERS = tuple(desk.router for desk in (me, inbox, review, compliance, consents, operations, accounts))

__all__ = ["FAULTS", "PREFIX", "ROUTERS"]
