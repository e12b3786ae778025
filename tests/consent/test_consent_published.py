"""Is it right? The published scenarios, each with exactly the expected decision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from consent import FLOOR, decide, load_rulebook

VECTORS = Path(__file__).parents[3] / "shared" / "consent" / "vectors.jsonl"
PUBLISHED: list[dict[str, Any]] = (
    [json.loads(line) for line in VECTORS.read_text("utf-8").splitlines()] if VECTORS.is_file() else []
)
BOOK = load_rulebook(FLOOR)
pytestmark = pytest.mark.skipif(not PUBLISHED, reason="the published scenarios are not part of the product")


@pytest.mark.parametrize("vector", PUBLISHED, ids=lambda v: v["id"])
def test_published(vector: dict[str, Any]) -> None:
    got, expected = decide(vector, BOOK).as_expected(), vector["expect"]
    assert got["decision"] == expected["decision"]
    for name in ("fields_allowed", "redact", "programs_visible", "consents_relied_on", "obligations"):
        assert set(got[name]) == set(expected[name]), name
        assert len(set(got[name])) == len(got[name])
    assert set(expected["reason_codes"]) <= set(got["reason_codes"]) <= set(BOOK.reasons)


def test_all_of_them_are_here() -> None:
    assert len(PUBLISHED) == len({v["id"] for v in PUBLISHED}) == 171
