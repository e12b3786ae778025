"""Is it accurate? The shared sets, the shipped model, one threshold, over encodings only."""

from pathlib import Path

import pytest

from matcher import LinkageKey, default_model
from service.link import run_link

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared sets are not part of the product")


@pytest.mark.parametrize("name", ["us_small", "us_variety_small", "us_pseudopeople"])
def test_alerts_are_right_and_nearly_complete(name: str, tmp_path: Path) -> None:
    folder = SHARED / name
    key = LinkageKey("test", "k", b"\x07" * 32)
    report = run_link(
        folder / "roster.csv",
        folder / "bookings.csv",
        tmp_path / "links.csv",
        folder / "truth.csv",
        model=default_model(),
        key=key,
    )
    assert report.accuracy is not None
    assert report.accuracy.alert.precision >= 0.98
    assert report.accuracy.alert.recall >= 0.85
