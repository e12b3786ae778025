"""Which implementation runs: numpy, the reference, or numba, its twin bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from matcher.batch import I32, EncodedBatch, EncodingHeader, Tables
from matcher.blocks import Gather, gather
from matcher.compare import Compared, Cuts, View, compare, same_names
from matcher.errors import KernelUnavailable
from matcher.hashing import U32, U64, Sip, siphash
from matcher.weigh import Weighing, weighed
from records.identity import Identity

Kernel = Literal["numpy", "fast"]
Few = Callable[[Sequence[Sequence[Identity]]], EncodedBatch]


@dataclass(frozen=True, slots=True)
class Implementation:
    """The functions of one kernel."""

    sip: Sip
    few: Callable[[EncodingHeader, U64, U64, Mapping[str, bytes], U32], Few | None]
    """An encoder of a few identities, where this kernel has one of its own."""
    view: Callable[[I32, Tables], View]
    same: Callable[[U64, U64, I32], I32]
    gather: Gather
    compare: Callable[[View, I32, View, I32, Cuts], Compared]
    weigh: Weighing


NUMPY = Implementation(siphash, lambda *_: None, View.of, same_names, gather, compare, weighed)


def implementation(kernel: str) -> Implementation:
    """The kernel of that name. Raises KernelUnavailable where `fast` is not installed, or for another name."""
    return NUMPY if kernel == "numpy" else _compiled(kernel)


@cache
def _compiled(kernel: str) -> Implementation:
    if kernel != "fast":
        raise KernelUnavailable(f"kernel {kernel}: there are numpy and fast")
    try:
        from matcher.fast import FAST
    except ImportError as error:
        raise KernelUnavailable("kernel fast needs numba: install warmlink[fast]") from error
    return Implementation(*FAST)
