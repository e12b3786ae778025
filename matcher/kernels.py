"""Which implementation runs: numpy, the reference, or numba, its twin bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Literal

from matcher.batch import I32
from matcher.blocks import Lookup, lookup
from matcher.compare import Compared, Cuts, View, compare
from matcher.errors import KernelUnavailable
from matcher.hashing import Sip, siphash

Kernel = Literal["numpy", "fast"]
Comparison = Callable[[View, I32, View, I32, Cuts], Compared]


def comparison(kernel: str) -> Comparison:
    """The comparison of that name. Raises KernelUnavailable where `fast` is not installed, or for another name."""
    found: Comparison = compare if kernel == "numpy" else _compiled(kernel).compare_fast
    return found


def block_lookup(kernel: str) -> Lookup:
    """The block lookup of that name. Raises as `comparison` does."""
    found: Lookup = lookup if kernel == "numpy" else _compiled(kernel).lookup_fast
    return found


def keyed_hash(kernel: str) -> Sip:
    """The keyed hash of that name. Raises as `comparison` does."""
    found: Sip = siphash if kernel == "numpy" else _compiled(kernel).siphash_fast
    return found


def _compiled(kernel: str) -> ModuleType:
    if kernel != "fast":
        raise KernelUnavailable(f"kernel {kernel}: there are numpy and fast")
    try:
        from matcher import fast
    except ImportError as error:
        raise KernelUnavailable("kernel fast needs numba: install warmlink[fast]") from error
    return fast
