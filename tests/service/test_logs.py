"""Can a log line say who somebody is?"""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Retry
from service.logs import ALLOWED, error_code, logger
from tests.service.installation import AVELINE

NOW = datetime(2026, 10, 6, 8, tzinfo=UTC)


def logged(**values: Any) -> dict[str, Any]:
    """The line that comes of it."""
    out = io.StringIO()
    logger(lambda: NOW, out).info("feed.failed", **values)
    (line,) = out.getvalue().splitlines()
    read: dict[str, Any] = json.loads(line)
    return read


def test_a_line_says_what_happened_where_and_when() -> None:
    assert logged(feed="jail", rows=7, size=3.5, slot=NOW, state=None) == {
        "event": "feed.failed",
        "level": "info",
        "timestamp": NOW.isoformat(),
        "feed": "jail",
        "rows": 7,
        "size": 3.5,
        "slot": NOW.isoformat(),
        "state": None,
    }


@pytest.mark.parametrize(
    "key", ["name", "last_name", "dob", "ssn4", "client", "identity", "exc_info", "stack_info", "row"]
)
def test_a_key_that_is_not_on_the_list_is_dropped(key: str) -> None:
    assert key not in ALLOWED
    assert key not in logged(**{key: "Quistgaard"})


@given(st.dictionaries(st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1), st.text()))
def test_only_listed_keys_pass(values: dict[str, str]) -> None:
    given_names = values.keys() - {"event", "level", "timestamp"}
    assert logged(**{name: values[name] for name in given_names}).keys() <= ALLOWED


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("Peña", id="letters no code has"),
        pytest.param("a\nb", id="two lines"),
        pytest.param('{"first": 1}', id="a document"),
        pytest.param("x" * 201, id="too long"),
        pytest.param(b"Quistgaard", id="bytes"),
        pytest.param(["Quistgaard"], id="a list"),
        pytest.param(object(), id="an object"),
        pytest.param(ValueError("Quistgaard"), id="an error"),
    ],
)
def test_what_is_no_code_is_masked(value: object) -> None:
    assert logged(error=value)["error"] == "<masked>"


def test_of_a_mapping_only_counts_pass() -> None:
    assert logged(count={"ALERT": 3, "who": "Quistgaard", "deep": {"who": "Quistgaard"}})["count"] == {"ALERT": 3}


def test_a_record_given_by_mistake_is_masked() -> None:
    line = json.dumps(logged(state=AVELINE, feed=(AVELINE.last,)))
    assert AVELINE.last not in line


def test_the_message_of_a_foreign_error_stays_out() -> None:
    assert error_code(ValueError("Quistgaard")) == "ValueError"
    assert error_code(KeyError("Quistgaard")) == "KeyError"
    assert error_code(Retry("the server is slow")) == "Retry: the server is slow"


def test_a_debug_line_is_not_written() -> None:
    out = io.StringIO()
    logger(lambda: NOW, out).debug("feed.row", feed="jail")
    assert out.getvalue() == ""
