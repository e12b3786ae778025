"""consent check: the rules against vectors in the published schema."""

from __future__ import annotations

import typer


def register(root: typer.Typer) -> None:
    """Commands of the compliance officer's rule book."""
