"""Does the settings' kernel run, and is what it compiles kept where nobody else can put code?"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from config import MatcherSettings
from matcher.errors import KernelUnavailable
from matcher.kernels import implementation
from service import kernel
from service.caseload import load_index
from service.cycle import Cycle
from service.engine import Engine
from store import tables
from tests.service.installation import AVELINE, STRANGER, Installation

NUMBA: Any = import_module("numba.core.config")


@pytest.fixture(autouse=True)
def _numba_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NUMBA, "CACHE_DIR", NUMBA.CACHE_DIR)


def compiled_in() -> str:
    return str(NUMBA.CACHE_DIR)


@pytest.mark.parametrize(
    ("asked", "clients", "runs"),
    [
        ("auto", kernel.PAYS - 1, "numpy"),
        ("auto", kernel.PAYS, "fast"),
        ("numpy", kernel.PAYS, "numpy"),
        ("fast", 0, "fast"),
    ],
)
def test_the_kernel_follows_the_settings(asked: str, clients: int, runs: str, tmp_path: Path) -> None:
    settings = MatcherSettings.model_validate({"kernel": asked, "compiled": tmp_path / "compiled"})
    assert kernel.chosen(settings, clients) == runs


def test_without_numba_auto_is_numpy_and_fast_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "find_spec", lambda _name: None)
    assert kernel.chosen(MatcherSettings(), 10**6) == "numpy"
    with pytest.raises(KernelUnavailable, match="warmlink\\[fast\\]"):
        kernel.chosen(MatcherSettings(kernel="fast"), 10)


def test_compiled_code_is_kept_in_a_folder_of_this_release_that_is_ours_alone(tmp_path: Path) -> None:
    folder = tmp_path / "compiled"
    assert kernel.keep_compiled(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert Path(compiled_in()) == folder / kernel.fingerprint()


def test_a_folder_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    assert not kernel.keep_compiled(folder)
    assert not compiled_in()
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert not kernel.keep_compiled(blocked / "below")


@pytest.fixture
def engine(sqlite_site: Installation, tmp_path: Path) -> Engine:
    """As a large roster has it."""
    asked = MatcherSettings(kernel="fast", compiled=tmp_path / "compiled")
    return replace(sqlite_site.engine, settings=sqlite_site.engine.settings.model_copy(update={"matcher": asked}))


def test_the_engine_builds_encoder_and_index_with_it(sqlite_site: Installation, engine: Engine) -> None:
    assert engine.kernel == "fast"
    assert engine.encoder.kernel == "fast"
    assert load_index(engine).kernel == "fast"
    assert load_index(sqlite_site.engine).kernel == "numpy"
    assert implementation("fast") is not implementation("numpy")


def test_a_whole_cycle_runs_with_it(sqlite_site: Installation, engine: Engine) -> None:
    """News, the same file again, which brings nothing new, and nothing at all."""
    rows = AVELINE.booked("J1"), STRANGER.booked("J2")
    for name in ("1.csv", "2.csv", None):
        if name:
            sqlite_site.bookings(*rows, name=name)
        report = Cycle(engine).run()
        assert report.faults == {}
        sqlite_site.clock.forward(minutes=5)
    assert sqlite_site.count(tables.inbox_item) == 1
