"""How functions are compiled: once in a process, or once in a directory that the caller names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core import config

COMPILED_PARTS = ("jit", "comparing", "lookup", "hashing", "packing", "weighing", "few")
"""Modules with compiled code. numba's own cache looks at the time and size of one source file only: not enough to tell
two releases apart, so `matcher.kernels.fingerprint` names a directory of their own for each.
"""

_ENTRY: dict[str, Any] = {"cache": bool(getattr(config, "CACHE_DIR", "")), "nogil": True, "error_model": "numpy"}
_INNER: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
jit: Callable[..., Any] = numba.njit(**_ENTRY)
"""For functions that Python calls."""
part: Callable[..., Any] = numba.njit(**_INNER)
"""For functions that compiled ones call: they are part of what those are cached as."""
