"""The matcher's hot path, compiled by numba: the same as the numpy reference, bit for bit. Optional (extra `fast`)."""

from matcher.fast.comparing import compare_fast
from matcher.fast.encoding import FewEncoder
from matcher.fast.hashing import siphash_fast
from matcher.fast.lookup import gather_fast
from matcher.fast.packing import same_names_fast, view_fast
from matcher.fast.weighing import weighed_fast

FAST = (siphash_fast, FewEncoder.make, view_fast, same_names_fast, gather_fast, compare_fast, weighed_fast)
"""The functions in the order of `matcher.kernels.Implementation`."""

__all__ = ["FAST"]
