"""Memory for Numba: pointers that are indexed like arrays, and records of 8-byte fields.

Kernels get addresses and sizes, so that one compilation serves any input; Numba's own arrays would carry
shapes, strides and a count of references along. Here ``p[i]`` and ``p[i] = x`` are a load and a store of what
`types.CPointer` points to, and ``p + n`` is the address of element n. A field of a record is a number or a
pointer: ``layer.n_out``, ``c.layers[k]``; an address, an integer, may be put where a pointer belongs.
"""

import operator
import platform

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    infer_getattr,
    infer_global,
    signature,
)
from numba.extending import (
    intrinsic,
    lower_builtin,
    lower_cast,
    lower_getattr_generic,
    lower_setattr_generic,
    models,
    register_model,
)  # fmt: skip

ON_X86 = platform.machine() in ("x86_64", "AMD64", "i686")
FLUSH = 0x8040  # bits of the SSE control word: denormal results and operands count as zero
F32, F64, U8, I32, I64 = np.float32(0), np.float64(0), np.uint8(0), np.int32(0), np.int64(0)  # for `pointer`


class Records(types.Type):
    """A pointer to records of 8-byte fields, one after another; `fields` are names and Numba types."""

    def __init__(self, name, fields):
        self.fields, self._told = fields, repr(fields)  # hashed often, a string once only
        super().__init__(name=name)

    @property
    def key(self):
        return self.name, self._told


@register_model(Records)
class _Model(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.IntType(64).as_pointer())


def records(name, dtype):
    """The type of a pointer to records that NumPy lays out."""
    kinds = {"i": types.int64, "f": types.float64}
    return Records(name, tuple((field, kinds[dtype[field].kind]) for field in dtype.names))


# -- p[i], p[i] = x, p + n, r[k] -------------------------------------------------------------------------


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):
    def generic(self, args, kws):
        where, i = args
        if isinstance(i, types.Integer) and isinstance(where, types.CPointer):
            return signature(where.dtype, where, types.int64)
        if isinstance(i, types.Integer) and isinstance(where, Records):
            return signature(where, where, types.int64)
        return None


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
    def generic(self, args, kws):
        where, i, value = args
        if isinstance(i, types.Integer) and isinstance(where, types.CPointer):
            return signature(types.none, where, types.int64, value)
        return None


@infer_global(operator.add)
class _Add(AbstractTemplate):
    def generic(self, args, kws):
        if isinstance(args[0], types.CPointer) and isinstance(args[1], types.Integer):
            return signature(args[0], args[0], types.int64)
        return None


@lower_builtin(operator.getitem, types.CPointer, types.Integer)
def _load(context, builder, sig, args):
    value = builder.load(builder.gep(args[0], [args[1]]))
    return context.data_model_manager[sig.return_type].from_data(builder, value)


@lower_builtin(operator.setitem, types.CPointer, types.Integer, types.Any)
def _store(context, builder, sig, args):
    value = context.cast(builder, args[2], sig.args[2], sig.args[0].dtype)
    builder.store(value, builder.gep(args[0], [args[1]]))
    return context.get_dummy_value()


@lower_builtin(operator.add, types.CPointer, types.Integer)
def _shift(context, builder, sig, args):
    return builder.gep(args[0], [args[1]])


@lower_builtin(operator.getitem, Records, types.Integer)
def _shift_record(context, builder, sig, args):
    words = builder.mul(args[1], ir.Constant(ir.IntType(64), len(sig.args[0].fields)))
    return builder.gep(args[0], [words])


# -- the fields of a record ------------------------------------------------------------------------------


@infer_getattr
class _Fields(AttributeTemplate):
    key = Records

    def generic_resolve(self, record, name):
        return dict(record.fields).get(name)


def _field(context, builder, record, where, name):
    place = [field for field, _ in record.fields].index(name)
    word = builder.gep(where, [ir.Constant(ir.IntType(64), place)])
    return builder.bitcast(word, context.get_value_type(record.fields[place][1]).as_pointer())


@lower_getattr_generic(Records)
def _load_field(context, builder, record, where, name):
    return builder.load(_field(context, builder, record, where, name))


@lower_setattr_generic(Records)
def _store_field(context, builder, sig, args, name):
    builder.store(args[1], _field(context, builder, sig.args[0], args[0], name))


@lower_cast(types.Integer, types.CPointer)
@lower_cast(types.Integer, Records)
def _point(context, builder, given, wanted, value):
    return builder.inttoptr(value, context.get_value_type(wanted))


# -- what is left to say in LLVM -------------------------------------------------------------------------


@intrinsic
def pointer(typingctx, address, like):
    """The integer `address` as a pointer to numbers of `like`'s type."""

    def codegen(context, builder, sig, args):
        return builder.inttoptr(args[0], context.get_value_type(sig.return_type))

    return types.CPointer(like)(types.int64, like), codegen


@intrinsic
def address(typingctx, p):
    """The pointer `p` as an integer."""

    def codegen(context, builder, sig, args):
        return builder.ptrtoint(args[0], ir.IntType(64))

    return types.int64(p), codegen


@intrinsic
def lowest_bit(typingctx, n):
    """The number of the lowest bit set in n, which is not 0."""

    def codegen(context, builder, sig, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), codegen


@intrinsic
def nonzeros(typingctx, p):
    """A bit for each of the 64 numbers from p on: whether it is not 0."""

    def codegen(context, builder, sig, args):
        number = context.get_value_type(p.dtype)
        vector = ir.VectorType(number, 64)
        x = builder.load(builder.bitcast(args[0], vector.as_pointer()), align=max(1, p.dtype.bitwidth // 8))
        if isinstance(p.dtype, types.Float):
            bits = builder.fcmp_unordered("!=", x, ir.Constant(vector, [0.0] * 64))
        else:
            bits = builder.icmp_unsigned("!=", x, ir.Constant(vector, [0] * 64))
        return builder.bitcast(bits, ir.IntType(64))

    return types.uint64(p), codegen


@intrinsic
def call_next_uint32(typingctx, function, state):
    """Call a bit generator's next_uint32, given the two addresses."""

    def codegen(context, builder, sig, args):
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(8).as_pointer()])
        f = builder.inttoptr(args[0], kind.as_pointer())
        return builder.call(f, [builder.inttoptr(args[1], ir.IntType(8).as_pointer())])

    return types.uint32(types.int64, types.int64), codegen


@intrinsic
def exchange_float_control(typingctx, new):
    """Write the SSE control word where `new` is not negative; return what it was (0 elsewhere than x86)."""

    def codegen(context, builder, sig, args):
        if not ON_X86:
            return ir.Constant(ir.IntType(64), 0)
        word = cgutils.alloca_once(builder, ir.IntType(32))
        byte = builder.bitcast(word, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [byte.type])
        read = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse.stmxcsr")
        write = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse.ldmxcsr")
        builder.call(read, [byte])
        old = builder.zext(builder.load(word), ir.IntType(64))
        with builder.if_then(builder.icmp_signed(">=", args[0], ir.Constant(ir.IntType(64), 0))):
            builder.store(builder.trunc(args[0], ir.IntType(32)), word)
            builder.call(write, [byte])
        return old

    return types.int64(types.int64), codegen
