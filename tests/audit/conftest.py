"""A log to test with: a database, a signing key, and a way to grow and export it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from io import BytesIO

import pytest

from audit.checkpoint import issue
from audit.export import export
from audit.log import AuditLog
from audit.note import Signer
from store.database import Database
from tests.audit.samples import AT, ORIGIN, Grow, Lines, verdicts


@pytest.fixture
def log() -> AuditLog:
    return AuditLog(ORIGIN)


@pytest.fixture
def signer() -> Signer:
    return Signer.from_seed(ORIGIN, b"\x07" * 32)


@pytest.fixture
def grow(database: Database, log: AuditLog, signer: Signer) -> Grow:
    def grown(counts: Sequence[int]) -> str:
        note = ""
        for n, count in enumerate(counts):
            with database.write() as conn:
                log.append(conn, verdicts(count), AT + timedelta(minutes=n))
                note = issue(conn, signer, AT) or note
        return note

    return grown


@pytest.fixture
def exported(database: Database) -> Lines:
    def lines() -> list[bytes]:
        out = BytesIO()
        with database.read() as conn:
            export(conn, ORIGIN, out)
        return out.getvalue().splitlines(keepends=True)

    return lines
