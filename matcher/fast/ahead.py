"""Memory asked for before it is needed: the processor's prefetch instruction, for compiled code.

Comparing a pair takes some hundred operations and a dozen cache misses at places that nobody can foretell. Waited for one by
one, the misses are most of the time; asked for some pairs ahead, they cost next to nothing.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from matcher.fast.jit import part

LINE = 64
"""Bytes that memory hands out at once."""
_BYTE, _INT = ir.IntType(8), ir.IntType(32)
_CGUTILS: Any = cgutils
_READ, _KEEP, _DATA = _INT(0), _INT(3), _INT(1)


def _prefetch(_typing: Any, table: Any, row: Any, byte: Any) -> Any:
    """Asks for the cache line at `byte` of a row; a place outside the table is not read and does no harm."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        held = context.make_array(signature.args[0])(context, builder, args[0])
        row, byte = (context.cast(builder, args[k], signature.args[k], types.intp) for k in (1, 2))
        offset = builder.add(builder.mul(row, builder.extract_value(held.strides, 0)), byte)
        at = builder.gep(builder.bitcast(held.data, _BYTE.as_pointer()), [offset])
        kind = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), _INT, _INT, _INT])
        call = _CGUTILS.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(call, [at, _READ, _KEEP, _DATA])
        return context.get_dummy_value()

    return types.void(table, row, byte), code


_line: Any = intrinsic(_prefetch)


@part
def fetch(table: Any, row: Any, size: Any) -> None:
    """Asks for the first `size` bytes of a row, which may begin anywhere in a line."""
    for byte in range(0, size, LINE):
        _line(table, row, byte)
    _line(table, row, size - 1)
