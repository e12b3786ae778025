"""How functions are compiled: once in a process, or once for all that share a folder.

The caller names that folder, as numba's setting CACHE_DIR, before this is imported, and sees to it that it is of one
release: numba's own cache looks at the time and size of a function's source file, not at those of what it calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import config

_ENTRY: dict[str, Any] = {"cache": bool(getattr(config, "CACHE_DIR", "")), "nogil": True, "error_model": "numpy"}
_INNER: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
part: Callable[..., Any] = numba.njit(**_INNER)
"""For functions that compiled ones call: they are part of what those are cached as."""


def jit(*arguments: Any) -> Callable[[Callable[..., Any]], Any]:
    """For functions that Python calls: compiled at once for these arguments, and for no others ever.

    So no booking waits for a compiler, whatever its arrays come from. An argument is a numpy type code, with a pair of
    brackets and its commas for an array (`u8[,]`), with `!` where the function writes to it; or a numba type.
    """
    kinds = tuple(_kind(a) if isinstance(a, str) else a for a in arguments)
    compiled: Callable[[Callable[..., Any]], Any] = numba.njit([kinds], **_ENTRY)
    return compiled


def _kind(text: str) -> Any:
    """An array may be read-only and anywhere in memory: what was read from a segment is both."""
    code, _, dimensions = text.partition("[")
    scalar = numba.from_dtype(np.dtype(code))
    if not dimensions:
        return scalar
    written = dimensions.endswith("!")
    return types.Array(scalar, 1 + dimensions.count(","), "C", readonly=not written, aligned=written)
