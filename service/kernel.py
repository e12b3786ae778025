"""Which kernel links here, and where what it compiles is kept."""

from __future__ import annotations

import hashlib
import os
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from config import MatcherSettings
from matcher import Encoder, RosterIndex, link
from matcher.errors import KernelUnavailable
from matcher.kernels import Kernel
from records import Identity

PAYS = 20_000
"""Clients from which on compiling pays: below, numpy decides a day's bookings sooner than a compiler has started."""


def chosen(settings: MatcherSettings, clients: int) -> Kernel:
    """The kernel that `[matcher] kernel` names. `auto` is `fast` where numba is installed and the roster is large.

    Both give the same verdicts to the last bit. Raises KernelUnavailable where `fast` is asked for and not there.
    """
    asked = settings.kernel
    there = find_spec("numba") is not None
    if asked == "fast" and not there:
        raise KernelUnavailable("matcher.kernel = 'fast' needs numba: install warmlink[fast]")
    if asked == "numpy" or not there or (asked == "auto" and clients < PAYS):
        return "numpy"
    keep_compiled(settings.compiled)
    return "fast"


def keep_compiled(folder: Path | None) -> bool:
    """Have numba keep what it compiles in a folder of this release's own; returns whether it will.

    numba loads what it finds there as code. So the folder has to be ours alone, and another release has another one:
    numba itself tells versions apart by a file's time and size only. Without such a folder every process compiles anew.
    """
    config: Any = import_module("numba.core.config")
    kept = _private(folder)
    config.CACHE_DIR = str(kept / fingerprint()) if kept else ""
    return kept is not None


def fingerprint() -> str:
    """Names the compiled code: a digest over the sources of the matcher."""
    sources = sorted(
        (path.name, path.read_bytes())
        for room in (files("matcher"), files("matcher") / "fast")
        for path in room.iterdir()
        if path.name.endswith(".py")
    )
    return hashlib.sha256(repr(sources).encode()).hexdigest()[:16]


def _private(folder: Path | None) -> Path | None:
    """The folder, made where it is missing; None where it is not ours alone or cannot be made."""
    try:
        kept = folder or Path.home() / ".cache" / "warmlink" / "compiled"
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = kept.stat()
    except (OSError, RuntimeError):
        return None
    ours = state.st_uid == os.geteuid() and not state.st_mode & 0o022
    return kept if ours and os.access(kept, os.W_OK) else None


def warm(index: RosterIndex, encoder: Encoder) -> None:
    """Touch, before the first booking waits for it, all that linking one reads; what is compiled, the encoder has loaded already."""
    if index.kernel == "fast":
        link(encoder.encode([[Identity(first="WARMING", last="UP", birth_date="1980-01-02")]]), index)
