"""How functions are compiled: once in a process, or once for all that share a folder.

The caller names that folder, as numba's setting CACHE_DIR, before this is imported, and sees to it that it is of one
release: numba's own cache looks at the time and size of a function's source file, not at those of what it calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core import config

_ENTRY: dict[str, Any] = {"cache": bool(getattr(config, "CACHE_DIR", "")), "nogil": True, "error_model": "numpy"}
_INNER: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
jit: Callable[..., Any] = numba.njit(**_ENTRY)
"""For functions that Python calls."""
part: Callable[..., Any] = numba.njit(**_INNER)
"""For functions that compiled ones call: they are part of what those are cached as."""
