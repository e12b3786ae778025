"""What a cycle says that it is working on, to whoever watches: a terminal, a lease, a trace."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, str], None]
"""Told what is being worked on: a stage and a feed. Never a person."""


def silent(_stage: str, _feed: str) -> None:
    """Nobody watches."""
