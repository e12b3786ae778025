"""Name tables that normalisation reads: our own Spanish nicknames, spelling variants, and letters of other scripts."""

from __future__ import annotations

from importlib.resources import files


def lines(name: str) -> list[str]:
    """The lines of one table, without comments."""
    text = files(__name__).joinpath(name).read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
