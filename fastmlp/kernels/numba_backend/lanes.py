"""Numbers side by side: vectors that formulas take as they take a number.

A formula of `activation.py` or `optimizer.py` is written once, and means a number of the element type or a
vector of them: samples of one net (`samples.py`), or one number of several nets (`nets.py`). That is why it
has ``choose(x, y, a, b)`` instead of ``a if x < y else b``, and ``real(1, x)``: 1 in the type of x.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

# what Numba compiles for: this CPU, unless NUMBA_CPU_FEATURES or NUMBA_ENABLE_AVX say less
_TOLD = config.CPU_FEATURES  # type: ignore[attr-defined]
FEATURES = (get_host_cpu_features() if _TOLD is None else _TOLD).split(",")
VEC_BYTES = 64 if "+avx512f" in FEATURES else 32 if "+avx" in FEATURES else 16
MASKS = VEC_BYTES == 64  # a part of a vector is as cheap to load and store as all of it
FUSED = ("contract",)  # products and sums may be rounded once, together


class Lanes(types.Type):
    """A vector of numbers of the type `element`."""

    def __init__(self, element):
        self.element = element
        self.count = VEC_BYTES * 8 // element.bitwidth
        super().__init__(name=f"Lanes({element})")


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        number = ir.FloatType() if fe_type.element == types.float32 else ir.DoubleType()
        super().__init__(dmm, fe_type, ir.VectorType(number, fe_type.count))


def spread(builder, value, count):
    """A vector of `count` copies of a scalar."""
    vector = ir.VectorType(value.type, count)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(one, one, zeros)


def _operation(symbol, instruction, n_arguments=2):
    """Let `symbol` take vectors."""

    @infer_global(symbol)
    class _Typing(AbstractTemplate):
        def generic(self, args, kws):
            if len(args) == n_arguments and all(isinstance(each, Lanes) for each in args):
                return signature(args[0], *args)
            return None

    @lower_builtin(symbol, *[Lanes] * n_arguments)
    def _lowered(context, builder, sig, args):
        return getattr(builder, instruction)(*args, flags=FUSED)


_operation(operator.add, "fadd")
_operation(operator.iadd, "fadd")
_operation(operator.sub, "fsub")
_operation(operator.mul, "fmul")
_operation(operator.truediv, "fdiv")
_operation(operator.neg, "fneg", 1)


def _element(x):
    """The type of the numbers of `x`, or of what the pointer `x` points to."""
    x = x.dtype if isinstance(x, types.CPointer) else types.unliteral(x)
    return x.element if isinstance(x, Lanes) else x


@intrinsic
def real(typingctx, value, x):
    """A number in the type of `x`, or in that which the pointer `x` points to; of vectors in all lanes."""
    wanted, element = x.dtype if isinstance(x, types.CPointer) else types.unliteral(x), _element(x)

    def codegen(context, builder, sig, args):
        number = context.cast(builder, args[0], sig.args[0], element)
        return spread(builder, number, wanted.count) if isinstance(wanted, Lanes) else number

    return wanted(value, x), codegen


@intrinsic
def by_precision(typingctx, x, single, double):
    """`single` where the numbers of `x` are of single precision, else `double`; the other is not compiled."""
    place = 1 if _element(x) == types.float32 else 2

    def codegen(context, builder, sig, args):
        return args[place]

    return (single, double)[place - 1](x, single, double), codegen


@intrinsic
def size_of(typingctx, x):
    """Bytes of a number of `x`, or of what the pointer `x` points to: a constant."""
    n = _element(x).bitwidth // 8

    def codegen(context, builder, sig, args):
        return ir.Constant(ir.IntType(64), n)

    return types.int64(x), codegen


@intrinsic
def width_of(typingctx, x):
    """Numbers that lie side by side in `x`, or in what the pointer `x` points to: a constant."""
    kind = x.dtype if isinstance(x, types.CPointer) else x
    n = kind.count if isinstance(kind, Lanes) else 1

    def codegen(context, builder, sig, args):
        return ir.Constant(ir.IntType(64), n)

    return types.int64(x), codegen


@intrinsic
def whole(typingctx, n, p):
    """n rounded up to whole vectors of what the pointer p points to: buffers reach as far, and so may loops.

    A loop that ends within a vector goes on number by number there.
    """
    lanes = VEC_BYTES * 8 // _element(p).bitwidth

    def codegen(context, builder, sig, args):
        return builder.and_(builder.add(args[0], ir.IntType(64)(lanes - 1)), ir.IntType(64)(-lanes))

    return types.int64(types.int64, p), codegen


def _cast_pointer(wanted, *given):
    def codegen(context, builder, sig, args):
        return builder.bitcast(args[0], context.get_value_type(sig.return_type))

    return types.CPointer(wanted)(*given), codegen


@intrinsic
def like(typingctx, p, q):
    """The pointer p as one to what q points to."""
    return _cast_pointer(q.dtype, p, q)


@intrinsic
def flat(typingctx, p):
    """The pointer p, to numbers or vectors, as one to numbers."""
    return _cast_pointer(_element(p), p)


@intrinsic
def side_by_side(typingctx, p):
    """The pointer p, to numbers, as one to vectors of them; it must be aligned to a vector."""
    return _cast_pointer(Lanes(_element(p)), p)


def first_lanes(builder, n, count):
    """The mask of the first n of `count` lanes."""
    lanes = ir.Constant(ir.VectorType(ir.IntType(64), count), list(range(count)))
    return builder.icmp_signed("<", lanes, spread(builder, n, count))


def masked_call(builder, name, vector, result, arguments):
    """Call LLVM's load or store of those lanes of a vector that a mask, an argument, names."""
    kind = ir.FunctionType(result, [each.type for each in arguments])
    lanes = f"v{vector.count}f{32 if vector.element == ir.FloatType() else 64}"
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.{name}.{lanes}.p0{lanes}")
    return builder.call(function, arguments)


@intrinsic
def load_part(typingctx, p, n):
    """A vector of the n numbers from p on, of whole vectors' length at most; others are 0."""
    wanted = Lanes(p.dtype)

    def codegen(context, builder, sig, args):
        vector, size = context.get_value_type(wanted), ir.IntType(32)(p.dtype.bitwidth // 8)
        where, nothing = (
            builder.bitcast(args[0], vector.as_pointer()),
            ir.Constant(vector, [0.0] * wanted.count),
        )
        arguments = [where, size, first_lanes(builder, args[1], wanted.count), nothing]
        return masked_call(builder, "load", vector, vector, arguments)

    return wanted(p, types.int64), codegen


@intrinsic
def store_part(typingctx, p, x, n):
    """Write the first n numbers of the vector x, at most all, from p on."""

    def codegen(context, builder, sig, args):
        vector, size = args[1].type, ir.IntType(32)(p.dtype.bitwidth // 8)
        where = builder.bitcast(args[0], vector.as_pointer())
        arguments = [args[1], where, size, first_lanes(builder, args[2], x.count)]
        masked_call(builder, "store", vector, ir.VoidType(), arguments)
        return context.get_dummy_value()

    return types.none(p, x, types.int64), codegen


@intrinsic
def list_vector(typingctx, x, first, value, index):
    """List the lanes of x that are not 0: themselves at `value`, their places from `first` on at `index`.

    Returns how many there are. Writes whole vectors. Where `MASKS` holds.
    """

    def codegen(context, builder, sig, args):
        vector, n = args[0].type, x.count
        numbers = ir.VectorType(ir.IntType(32), n)
        mask = builder.fcmp_unordered("!=", args[0], ir.Constant(vector, [0.0] * n))
        places = builder.add(
            ir.Constant(numbers, list(range(n))), spread(builder, builder.trunc(args[1], ir.IntType(32)), n)
        )
        for what, kind, where in ((args[0], vector, args[2]), (places, numbers, args[3])):
            suffix = f"v{n}f{x.element.bitwidth}" if kind is vector else f"v{n}i32"
            name = f"llvm.x86.avx512.mask.compress.{suffix}"
            function = ir.FunctionType(kind, [kind, kind, mask.type])
            function = cgutils.get_or_insert_function(builder.module, function, name)
            packed = builder.call(function, [what, ir.Constant(kind, ir.Undefined), mask])
            builder.store(packed, builder.bitcast(where, kind.as_pointer()), align=4)
        return builder.zext(builder.ctpop(builder.bitcast(mask, ir.IntType(n))), ir.IntType(64))

    return types.int64(x, types.int64, value, index), codegen


@intrinsic
def choose(typingctx, x, y, a, b):
    """a where x < y, else b."""

    def codegen(context, builder, sig, args):
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return a(x, x, a, a), codegen


def _call(builder, name, *args):
    """Call an LLVM function that there is for numbers and for vectors."""
    kind = args[0].type
    number, lanes = (kind.element, f"v{kind.count}") if isinstance(kind, ir.VectorType) else (kind, "")
    name = f"llvm.{name}.{lanes}f{32 if number == ir.FloatType() else 64}"
    function = ir.FunctionType(kind, [each.type for each in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, function, name), args)


@intrinsic
def root(typingctx, x):
    """sqrt(x)"""

    def codegen(context, builder, sig, args):
        return _call(builder, "sqrt", *args)

    return x(x), codegen


@intrinsic
def multiply_add(typingctx, x, y, z):
    """x y + z, rounded once where the processor can: says which product of a sum of two is rounded before."""

    def codegen(context, builder, sig, args):
        return _call(builder, "fmuladd", *args)

    return x(x, x, x), codegen


def _halved(builder, value, n):
    """The sum of the first n lanes of a vector, a power of two: of halves, of halves of these, ..."""
    while n > 1:
        n //= 2
        halves = [
            builder.shuffle_vector(value, value, ir.Constant(ir.VectorType(ir.IntType(32), n), places))
            for places in (list(range(n)), list(range(n, 2 * n)))
        ]
        value = builder.fadd(*halves)
    return builder.extract_element(value, ir.IntType(32)(0))


@intrinsic
def total(typingctx, x):
    """The sum of x's lanes."""

    def codegen(context, builder, sig, args):
        return _halved(builder, args[0], x.count)

    return x.element(x), codegen


@intrinsic
def total_of_four(typingctx, x):
    """The sum of x's lanes, of which those behind the fourth are 0."""

    def codegen(context, builder, sig, args):
        return _halved(builder, args[0], min(4, x.count))

    return x.element(x), codegen


def _exchanged(builder, value, distance):
    """A vector whose lanes have changed places with those at a distance, a power of two."""
    n = value.type.count
    places = ir.Constant(ir.VectorType(ir.IntType(32), n), [lane ^ distance for lane in range(n)])
    return builder.shuffle_vector(value, value, places)


@intrinsic
def sum_in_fours(typingctx, x):
    """In every lane the sum of the four lanes, from a multiple of four on, of which it is one."""

    def codegen(context, builder, sig, args):
        value = builder.fadd(args[0], _exchanged(builder, args[0], 2))
        return builder.fadd(value, _exchanged(builder, value, 1))

    return x(x), codegen


@intrinsic
def sum_of_fours(typingctx, x):
    """In every lane the sum of those that have its place in their four."""

    def codegen(context, builder, sig, args):
        value, distance = args[0], 4
        while distance < x.count:
            value, distance = builder.fadd(value, _exchanged(builder, value, distance)), 2 * distance
        return value

    return x(x), codegen


@intrinsic
def scale_by_power(typingctx, x, t):
    """x 2^n, where t = n + 1.5 * 2^mantissa holds n in its low bits; x 2^n must be a normal number."""
    element = _element(x)
    mantissa = 23 if element == types.float32 else 52

    def codegen(context, builder, sig, args):
        bits, places = ir.IntType(element.bitwidth), mantissa
        if isinstance(x, Lanes):
            bits, places = ir.VectorType(bits, x.count), [mantissa] * x.count
        power = builder.shl(builder.bitcast(args[1], bits), ir.Constant(bits, places))
        return builder.bitcast(builder.add(builder.bitcast(args[0], bits), power), args[0].type)

    return x(x, t), codegen
