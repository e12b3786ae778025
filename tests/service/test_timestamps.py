"""Are published checkpoints stamped, and is the stamp beside an anchor checked and told?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from typer.testing import CliRunner

from audit.leaves import Kind
from audit.log import entries
from audit.report import text
from config.settings import TimestampSettings
from service.checkpoints import publish_now
from service.cli.app import app
from service.engine import Engine
from tests.audit.tsa import running
from tests.service.installation import AVELINE, Installation


def stamping(engine: Engine, url: str, authority: Path) -> Engine:
    stamp = TimestampSettings(url=url, authority=authority)
    audit = engine.settings.audit.model_copy(update={"timestamp": stamp})
    return replace(engine, settings=engine.settings.model_copy(update={"audit": audit}))


def test_a_checkpoint_is_stamped_and_the_check_says_when(sqlite_site: Installation, tmp_path: Path) -> None:
    home, run = sqlite_site.home, CliRunner()
    with running(tmp_path) as authority:
        sqlite_site.bookings(AVELINE.booked("26-1"))
        sizes = publish_now(stamping(sqlite_site.engine, authority.url, tmp_path / "ca.pem"))
    kept = home / "checkpoints" / f"{sizes[-1]:012d}.checkpoint"
    assert kept.with_suffix(".tsr").exists()
    with sqlite_site.engine.database.read() as conn:
        said = [e for e in entries(conn) if e.leaf.kind is Kind.CHECKPOINT_PUBLISHED and text(e, "sink") == "timestamp"]
    assert len(said) == 1
    config = home / "warmlink.toml"
    config.write_text(config.read_text("utf-8") + f'\n[audit.timestamp]\nauthority = "{tmp_path}/ca.pem"\n', "utf-8")
    command = ["audit", "verify", "--anchor", str(kept), "--config", str(config)]
    shown = run.invoke(app, command)
    assert shown.exit_code == 0, shown.output
    assert "The anchor existed at" in shown.output
    kept.with_suffix(".tsr").write_bytes(b"altered")
    assert run.invoke(app, command).exit_code != 0


def test_an_authority_that_is_away_stops_no_checkpoint(sqlite_site: Installation, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    sizes = publish_now(stamping(sqlite_site.engine, "http://127.0.0.1:9/", tmp_path / "ca.pem"))
    assert sizes
    assert list((sqlite_site.home / "checkpoints").glob("*.tsr")) == []
