"""The yes-or-no questions that rules may ask, by name. Each is a small pure function of what the rule looks at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Question = Callable[[Any], bool]
"""A fact of a case, programme, order, consent or result: true or false, never unknown."""

QUESTIONS: dict[str, Question] = {}

_Asked = TypeVar("_Asked", bound=Callable[[Any], bool])


def question(function: _Asked) -> _Asked:
    """Let rules ask this under the function's name."""
    if function.__name__ in QUESTIONS:
        raise ValueError(f"two questions are called {function.__name__}")
    QUESTIONS[function.__name__] = function
    return function
