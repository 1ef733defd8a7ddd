"""Vectors for Numba: `Vec` is LANES numbers in a register, with arithmetic.

Products and sums may fuse (`contract`), nothing else is relaxed: NaN and infinity behave as they do
in NumPy.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from .vector_code import (
    first_lanes,
    intrinsic_name,
    lanes_in,
    load_vector,
    spread,
    store_vector,
    sum_lanes,
    vector_type,
)  # fmt: skip


class Vec(types.Type):
    """VEC_BYTES of float32 or float64."""

    def __init__(self, real):
        self.real = real
        self.lanes = lanes_in(real)
        super().__init__(name=f"Vec({real}, {self.lanes})")


@register_model(Vec)
class _VecModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, vector_type(fe_type.real))


@intrinsic
def lanes_of(typingctx, p):
    """Numbers in a vector of what `p` points to."""
    n = Vec(p.dtype).lanes

    def codegen(context, builder, sig, args):
        return ir.Constant(ir.IntType(64), n)

    return types.int64(p), codegen


@intrinsic
def vload(typingctx, p, i):
    def codegen(context, builder, sig, args):
        return load_vector(builder, builder.gep(args[0], [args[1]]), sig.args[0].dtype)

    return Vec(p.dtype)(p, types.int64), codegen


@intrinsic
def vload_first(typingctx, p, i, n):
    """The first n elements from p[i] on; the other lanes are 0, and their memory is not touched."""

    def codegen(context, builder, sig, args):
        p, i, n = args
        real = sig.args[0].dtype
        lanes = Vec(real).lanes
        here = builder.gep(p, [i])
        result = cgutils.alloca_once(builder, vector_type(real))
        with builder.if_else(builder.icmp_signed(">=", n, n.type(lanes))) as (whole, part):
            with whole:
                builder.store(load_vector(builder, here, real), result)
            with part:
                builder.store(load_vector(builder, here, real, first_lanes(builder, n, lanes)), result)
        return builder.load(result)

    return Vec(p.dtype)(p, types.int64, types.int64), codegen


@intrinsic
def vstore(typingctx, p, i, v):
    def codegen(context, builder, sig, args):
        store_vector(builder, builder.gep(args[0], [args[1]]), args[2], sig.args[0].dtype)
        return context.get_dummy_value()

    return types.none(p, types.int64, v), codegen


@intrinsic
def vstore_first(typingctx, p, i, v, n):
    """Store the first n lanes of v (all, where n is more) from p[i] on."""

    def codegen(context, builder, sig, args):
        p, i, v, n = args
        real = sig.args[0].dtype
        lanes = Vec(real).lanes
        here = builder.gep(p, [i])
        with builder.if_else(builder.icmp_signed(">=", n, n.type(lanes))) as (whole, part):
            with whole:
                store_vector(builder, here, v, real)
            with part:
                store_vector(builder, here, v, real, first_lanes(builder, n, lanes))
        return context.get_dummy_value()

    return types.none(p, types.int64, v, types.int64), codegen


@intrinsic
def fill(typingctx, value, v):
    """A vector like `v` (or like what the pointer `v` points to) with `value` in every lane."""
    vec = v if isinstance(v, Vec) else Vec(v.dtype)

    def codegen(context, builder, sig, args):
        scalar = context.cast(builder, args[0], sig.args[0], vec.real)
        return spread(builder, scalar, vec.lanes)

    return vec(value, v), codegen


@intrinsic
def vsum(typingctx, v):
    def codegen(context, builder, sig, args):
        return sum_lanes(builder, args[0], sig.args[0].real)

    return v.real(v), codegen


def _unary(name):
    @intrinsic
    def function(typingctx, v):
        def codegen(context, builder, sig, args):
            f = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(args[0].type, [args[0].type]), intrinsic_name(name, v.real)
            )
            return builder.call(f, args)

        return v(v), codegen

    return function


vabs = _unary("fabs")
vsqrt = _unary("sqrt")


@intrinsic
def choose_less(typingctx, a, b, x, y):
    """x where a < b, else y; lane by lane. NaN counts as not less."""

    def codegen(context, builder, sig, args):
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return x(a, b, x, y), codegen


@intrinsic
def scale_by_power(typingctx, v, t):
    """v 2^n, where t = n + 1.5 * 2^mantissa holds n in its low bits; v 2^n must be a normal number."""
    bits = ir.VectorType(ir.IntType(v.real.bitwidth), v.lanes)
    mantissa = 23 if v.real == types.float32 else 52

    def codegen(context, builder, sig, args):
        places = ir.Constant(bits, [mantissa] * v.lanes)
        power = builder.shl(builder.bitcast(args[1], bits), places)
        return builder.bitcast(builder.add(builder.bitcast(args[0], bits), power), args[0].type)

    return v(v, t), codegen


@intrinsic
def rough_inverse_root(typingctx, v):
    """1 / sqrt(v) to about 3 %, from the bits of a float32; float64 comes back as it is."""
    bits = ir.VectorType(ir.IntType(32), v.lanes)

    def codegen(context, builder, sig, args):
        if v.real != types.float32:
            return args[0]
        half = builder.lshr(builder.bitcast(args[0], bits), ir.Constant(bits, [1] * v.lanes))
        return builder.bitcast(builder.sub(ir.Constant(bits, [0x5F3759DF] * v.lanes), half), args[0].type)

    return v(v), codegen


@intrinsic
def nonzero_lanes(typingctx, p, i):
    """One bit for each lane of the vector at p[i] that is not 0."""
    lanes = Vec(p.dtype).lanes

    def codegen(context, builder, sig, args):
        v = load_vector(builder, builder.gep(args[0], [args[1]]), p.dtype)
        found = builder.fcmp_unordered("!=", v, ir.Constant(v.type, [0.0] * lanes))
        return builder.zext(builder.bitcast(found, ir.IntType(lanes)), ir.IntType(64))

    return types.int64(p, types.int64), codegen


_OPERATORS = {
    operator.add: "fadd", operator.iadd: "fadd", operator.sub: "fsub", operator.isub: "fsub",
    operator.mul: "fmul", operator.imul: "fmul", operator.truediv: "fdiv",
}  # fmt: skip


def _define(op, instruction):
    @infer_global(op)
    class _Template(AbstractTemplate):
        def generic(self, args, kws):
            if len(args) == 2 and isinstance(args[0], Vec) and args[0] == args[1]:
                return signature(args[0], *args)
            return None

    @lower_builtin(op, Vec, Vec)
    def lower(context, builder, sig, args):
        return getattr(builder, instruction)(args[0], args[1], flags=("contract",))


for _op, _instruction in _OPERATORS.items():
    _define(_op, _instruction)
