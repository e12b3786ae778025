"""Which implementation of the comparison runs: numpy, the reference, or numba, its twin bit for bit."""

from __future__ import annotations

from collections.abc import Callable

from matcher.batch import I32
from matcher.compare import Compared, Cuts, View, compare
from matcher.errors import KernelUnavailable

Comparison = Callable[[View, I32, View, I32, Cuts], Compared]


def comparison(kernel: str) -> Comparison:
    """The comparison of that name. Raises KernelUnavailable where `fast` is not installed, or for another name."""
    if kernel == "numpy":
        return compare
    if kernel != "fast":
        raise KernelUnavailable(f"kernel {kernel}: there are numpy and fast")
    try:
        from matcher.fast import compare_fast
    except ImportError as error:
        raise KernelUnavailable("kernel fast needs numba: install warmlink[fast]") from error
    fast: Comparison = compare_fast
    return fast
