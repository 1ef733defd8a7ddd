"""LLVM instructions on vectors, for code that is written with a `builder`."""

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils

_FEATURES = binding.get_host_cpu_features()
VEC_BYTES = 64 if _FEATURES.get("avx512f") else 32 if _FEATURES.get("avx") else 16


def lanes_in(real):
    return VEC_BYTES * 8 // real.bitwidth


def _element(real):
    return ir.FloatType() if real == types.float32 else ir.DoubleType()


def spread(builder, value, lanes):
    """A vector of `lanes` copies of a scalar."""
    vector = ir.VectorType(value.type, lanes)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(one, one, zeros)


def first_lanes(builder, n, lanes):
    """The mask of the first n lanes."""
    ids = ir.Constant(ir.VectorType(ir.IntType(64), lanes), list(range(lanes)))
    return builder.icmp_signed("<", ids, spread(builder, n, lanes))


def vector_type(real):
    return ir.VectorType(_element(real), lanes_in(real))


def intrinsic_name(name, real):
    return f"llvm.{name}.v{lanes_in(real)}f{real.bitwidth}"


def load_vector(builder, address, real, mask=None):
    """Load a vector from an element pointer of any alignment; lanes off the mask are 0."""
    vector = vector_type(real)
    pointer = builder.bitcast(address, vector.as_pointer())
    align = real.bitwidth // 8
    if mask is None:
        return builder.load(pointer, align=align)
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(vector, [pointer.type, ir.IntType(32), mask.type, vector]),
        intrinsic_name("masked.load", real) + f".p0v{vector.count}f{real.bitwidth}",
    )
    return builder.call(
        function,
        [pointer, ir.Constant(ir.IntType(32), align), mask, ir.Constant(vector, [0.0] * vector.count)],
    )


def store_vector(builder, address, value, real, mask=None):
    vector = vector_type(real)
    pointer = builder.bitcast(address, vector.as_pointer())
    align = real.bitwidth // 8
    if mask is None:
        builder.store(value, pointer, align=align)
        return
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(ir.VoidType(), [vector, pointer.type, ir.IntType(32), mask.type]),
        intrinsic_name("masked.store", real) + f".p0v{vector.count}f{real.bitwidth}",
    )
    builder.call(function, [value, pointer, ir.Constant(ir.IntType(32), align), mask])


def sum_lanes(builder, value, real):
    """The sum of a vector's lanes, in pairs."""
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(_element(real), [_element(real), value.type]),
        intrinsic_name("vector.reduce.fadd", real),
    )
    return builder.call(function, [ir.Constant(_element(real), -0.0), value], fastmath=("reassoc",))
