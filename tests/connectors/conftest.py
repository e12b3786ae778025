"""Feeds as a developer receives them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def feeds() -> Path:
    """The raw feeds that lie beside the repository."""
    path = Path(__file__).parents[3] / "shared" / "data" / "feeds"
    if not path.is_dir():
        pytest.fail(f"the sample feeds are missing: {path}")
    return path


@pytest.fixture(scope="session")
def sample(feeds: Path) -> Callable[[str], bytes]:
    return lambda name: (feeds / name).read_bytes()


@pytest.fixture(scope="session")
def sample_common() -> bytes:
    return (Path(__file__).parents[3] / "shared" / "data" / "us_small" / "bookings.csv").read_bytes()
